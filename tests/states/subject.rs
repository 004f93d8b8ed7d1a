//! A key in a state, and every operation on it.

use kms::crypto::aad::Aad;
use kms::engine::{
    ColumnOutput, CreateGrantRequest, DataKeyRequest, EncryptRequest, GrantFilter, GrantReference,
    GrantTokens, PolicyRequest, ReEncryptRequest,
};
use kms::error::{Error, Status};
use kms::store::record::{KeyState, VersionState};

use super::engine::{self, Caller, Memory, advance_days};

/// Material of every imported key here.
const MATERIAL: [u8; 32] = [7; 32];
const OTHER: &str = "other";
const POLICY: &str =
    r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}}"#;

/// What the tables are about.
#[derive(Clone, Copy, PartialEq)]
pub enum Origin {
    Own,
    Imported,
}

/// A key of its own for each cell, with a ciphertext and an alias.
pub struct Subject<'a> {
    caller: &'a Caller,
    id: String,
    alias: String,
    /// The version that the operation names where it has to name one, and a ciphertext of it.
    version: String,
    ciphertext: Vec<u8>,
    /// The id of a grant on the key.
    grant_id: String,
    /// A version whose destruction can be cancelled, if the key has one.
    scheduled: String,
    /// Whether data operations name the version too.
    names_version: bool,
}

/// The key that others are re-encrypted to, or from.
pub fn make_other(caller: &Caller) {
    caller.create(OTHER);
}

impl<'a> Subject<'a> {
    fn new(caller: &'a Caller, id: &str, origin: Origin) -> Self {
        let alias = format!("alias/{id}");
        caller.create_with(id, |request| {
            request.alias = Some(&alias);
            request.origin = u32::from(origin == Origin::Imported);
            request.tags = vec![("a", "1")];
        });
        if origin == Origin::Imported {
            caller.kms.import_key_material(&engine::import(id, &MATERIAL)).expect("an import");
        }
        let made = caller.generate(id).expect("a data key");
        let grant = caller.kms.create_grant(&grant(id)).expect("a grant").info.grant;
        Subject {
            caller,
            id: id.into(),
            grant_id: grant.grant_id,
            scheduled: made.version_id.clone(),
            version: made.version_id,
            ciphertext: made.ciphertext,
            alias,
            names_version: false,
        }
    }

    /// A key in a state of the tables of keys. One with own material has three versions: one that can be made the
    /// primary one or be scheduled, one that is scheduled, and the primary one.
    pub fn in_state(caller: &'a Caller, id: &str, origin: Origin, state: &str) -> Self {
        let mut subject = Subject::new(caller, id, origin);
        let key = engine::key(id);
        if origin == Origin::Own {
            subject.scheduled = caller.kms.rotate_key(&key).expect("a rotation").version_id;
            caller.kms.rotate_key(&key).expect("a rotation");
            let schedule = engine::schedule(id, Some(&subject.scheduled), 30);
            caller.kms.schedule_version_destruction(&schedule).expect("scheduled");
        }
        match state {
            "enabled" => (),
            "disabled" => caller.kms.disable_key(&key).expect("disabled"),
            "pending deletion" => {
                caller.kms.schedule_key_deletion(&engine::schedule(id, None, 30)).expect("scheduled");
            }
            "pending import" => caller.kms.delete_imported_key_material(&key).expect("deleted"),
            other => panic!("no key is {other:?}"),
        }
        assert_eq!(subject.state(), state);
        subject
    }

    /// A version in a state of the table of versions.
    pub fn with_version(caller: &'a Caller, id: &str, state: &str) -> Self {
        let mut subject = Subject::new(caller, id, Origin::Own);
        subject.names_version = true;
        if state != "enabled, primary" {
            caller.kms.rotate_key(&engine::key(id)).expect("a rotation");
        }
        if matches!(state, "pending destruction" | "destroyed") {
            let schedule = engine::schedule(id, Some(&subject.version), 1);
            caller.kms.schedule_version_destruction(&schedule).expect("scheduled");
        }
        if state == "destroyed" {
            advance_days(2);
        }
        let expected = state.split(", ").next().expect("a state");
        assert_eq!(subject.version_state(), expected);
        subject
    }

    pub fn state(&self) -> &'static str {
        match self.caller.kms.describe_key(&engine::key(&self.id)).expect("the key").state {
            KeyState::Enabled => "enabled",
            KeyState::Disabled => "disabled",
            KeyState::PendingDeletion => "pending deletion",
            KeyState::PendingImport => "pending import",
            KeyState::Unspecified => "nothing",
        }
    }

    pub fn version_state(&self) -> &'static str {
        let version = engine::version(&self.id, &self.version);
        match self.caller.kms.describe_key_version(&version).expect("the version").state {
            VersionState::Enabled => "enabled",
            VersionState::PendingDestruction => "pending destruction",
            VersionState::Destroyed => "destroyed",
            VersionState::Unspecified => "nothing",
        }
    }

    /// Does an operation as the tables call it.
    pub fn run(&self, operation: &str) -> Status {
        match self.call(operation) {
            Ok(()) => Status::Ok,
            Err(error) => error.status(),
        }
    }

    fn call(&self, operation: &str) -> Result<(), Error> {
        let (kms, id, alias) = (&self.caller.kms, self.id.as_str(), self.alias.as_str());
        let key = engine::key(id);
        let version = engine::version(id, &self.version);
        match operation {
            "kms_generate_data_key" => kms.generate_data_key(&self.data_key(), &mut Memory::new()).map(drop),
            "kms_generate_data_keys" => {
                kms.generate_data_keys(&self.data_key(), 2, &mut Columns::default()).map(drop)
            }
            "kms_encrypt" => kms.encrypt(&self.encrypt(id), &mut Memory::new()).map(drop),
            "kms_decrypt" => {
                kms.decrypt(&engine::source(&self.ciphertext, &[]), &mut Memory::new()).map(drop)
            }
            "kms_re_encrypt from it" => {
                let destination = EncryptRequest { version_id: None, ..self.encrypt(OTHER) };
                self.re_encrypt(&self.ciphertext, destination)
            }
            "kms_re_encrypt to it" => {
                let made = self.caller.generate(OTHER).expect("a data key");
                self.re_encrypt(&made.ciphertext, self.encrypt(id))
            }
            "kms_rotate_key" => kms.rotate_key(&key).map(drop),
            "kms_set_key_rotation" => kms.set_key_rotation(&engine::rotation(id, 1000, 1000)),
            "kms_set_primary_version" => kms.set_primary_version(&version),
            "kms_schedule_version_destruction" => {
                kms.schedule_version_destruction(&engine::schedule(id, Some(&self.version), 1)).map(drop)
            }
            "kms_cancel_version_destruction" => {
                let scheduled = if self.names_version { &self.version } else { &self.scheduled };
                kms.cancel_version_destruction(&engine::version(id, scheduled))
            }
            "kms_enable_key" => kms.enable_key(&key),
            "kms_disable_key" => kms.disable_key(&key),
            "kms_schedule_key_deletion" => {
                kms.schedule_key_deletion(&engine::schedule(id, None, 7)).map(drop)
            }
            "kms_cancel_key_deletion" => kms.cancel_key_deletion(&key).map(drop),
            "kms_import_key_material" => kms.import_key_material(&engine::import(id, &MATERIAL)).map(drop),
            "kms_delete_imported_key_material" => kms.delete_imported_key_material(&key),
            "kms_update_key_description" => kms.update_key_description(id, "new", 0),
            "kms_tag_key" => kms.tag_key(id, &[("b", "2")], 0),
            "kms_untag_key" => kms.untag_key(id, &["a"], 0),
            "kms_create_alias" => kms.create_alias(&engine::alias(&format!("{alias}-2"), id)),
            "kms_update_alias to it" => {
                let free = format!("{alias}-of-the-other");
                kms.create_alias(&engine::alias(&free, OTHER)).expect("an alias");
                kms.update_alias(&engine::alias(&free, id))
            }
            "kms_update_alias from it" => kms.update_alias(&engine::alias(alias, OTHER)),
            "kms_delete_alias" => kms.delete_alias(alias, 0),
            "kms_describe_key" => kms.describe_key(&key).map(drop),
            "kms_describe_key_version" => kms.describe_key_version(&version).map(drop),
            "kms_list_key_versions" => kms.list_key_versions(&key, "", 10).map(drop),
            "kms_list_key_tags" => kms.list_key_tags(&key, "", 10).map(drop),
            "kms_list_aliases" => kms.list_aliases(Some(id), "", 10, 0).map(drop),
            "kms_create_grant" => kms.create_grant(&grant(id)).map(drop),
            "kms_retire_grant" => {
                let reference = GrantReference::Id { key_id: id, grant_id: &self.grant_id };
                kms.retire_grant(&reference, 0)
            }
            "kms_revoke_grant" => kms.revoke_grant(id, &self.grant_id, 0),
            "kms_list_grants" => {
                let listed = kms.list_grants(&key, &GrantFilter::default(), "", 10)?;
                assert_eq!(listed.items.len(), 1, "the grant is there in every state");
                Ok(())
            }
            "kms_put_key_policy" => kms.put_key_policy(&PolicyRequest {
                key_id: id,
                policy: POLICY,
                grant_tokens: GrantTokens::new(),
                flags: 0,
            }),
            "kms_get_key_policy" => kms.get_key_policy(&key).map(drop),
            other => panic!("docs/states.md has an operation that nobody runs: {other}"),
        }
    }

    fn named(&self) -> Option<&str> {
        self.names_version.then_some(self.version.as_str())
    }

    fn data_key(&self) -> DataKeyRequest<'_> {
        DataKeyRequest {
            key_id: &self.id,
            version_id: self.named(),
            key_spec: 0,
            number_of_bytes: 0,
            aad: Aad::None,
            grant_tokens: GrantTokens::new(),
            flags: 0,
        }
    }

    fn encrypt<'r>(&'r self, key_id: &'r str) -> EncryptRequest<'r> {
        EncryptRequest {
            key_id,
            version_id: self.named(),
            plaintext: b"a payload",
            aad: Aad::None,
            grant_tokens: GrantTokens::new(),
            flags: 0,
        }
    }

    fn re_encrypt<'r>(&self, ciphertext: &'r [u8], destination: EncryptRequest<'r>) -> Result<(), Error> {
        let destination = EncryptRequest { plaintext: &[], ..destination };
        let request = ReEncryptRequest { source: engine::source(ciphertext, &[]), destination };
        self.caller.kms.re_encrypt(&request, &mut Memory::new()).map(drop)
    }
}

fn grant(key_id: &str) -> CreateGrantRequest<'_> {
    CreateGrantRequest {
        key_id,
        grantee: "tenant",
        retiring: None,
        operations: 1,
        constraint: 0,
        context: Aad::None,
        name: None,
        grant_tokens: GrantTokens::new(),
        flags: 0,
    }
}

/// Columns of two data keys: plaintext, ciphertext, IV.
#[derive(Default)]
struct Columns([[Vec<u8>; 3]; 2]);

impl ColumnOutput for Columns {
    fn reserve(&mut self, needs: [usize; 3]) -> kms::Result<()> {
        self.0 = std::array::from_fn(|_| needs.map(|need| vec![0; need]));
        Ok(())
    }

    fn item(&mut self, index: usize) -> [Option<&mut [u8]>; 3] {
        self.0[index].each_mut().map(|place| Some(place.as_mut_slice()))
    }

    fn wipe(&mut self) {
        self.0.as_flattened_mut().iter_mut().for_each(|place| place.fill(0));
    }
}
