//! A tenant who tries every operation on another tenant's key: under each of its names, with no token, and with tokens
//! that are his own, stolen, forged or over. The owner's own attempts show that the operations would have worked.

use kms::access::{ACTIONS, Action, Policy, Scope};
use kms::engine::{
    AliasRequest, DecryptRequest, EncryptRequest, GrantReference, GrantTokens, ImportRequest, KeyRequest,
    Kms, PolicyRequest, ReEncryptRequest, RotationRequest, ScheduleRequest,
};
use kms::error::Status;

use crate::world::*;

/// A tenant's key, and what he has of it.
struct Property {
    key_id: &'static str,
    alias: &'static str,
    version_id: String,
    ciphertext: Vec<u8>,
    /// Of a grant to its owner.
    grant_id: String,
    token: String,
}

/// What is tried: on a key by one of its names, with tokens, by someone who has a key of his own.
struct Attempt<'a> {
    name: &'a str,
    victim: &'a Property,
    own: &'a Property,
    tokens: &'a [&'a str],
    flags: u32,
}

impl<'a> Attempt<'a> {
    fn tokens(&self) -> GrantTokens<'a> {
        GrantTokens::from_slice(self.tokens)
    }

    fn request(&self) -> KeyRequest<'a> {
        KeyRequest { key_id: self.name, version_id: None, grant_tokens: self.tokens(), flags: self.flags }
    }

    fn of_version(&self) -> KeyRequest<'a> {
        KeyRequest { version_id: Some(&self.victim.version_id), ..self.request() }
    }

    fn schedule(&self, version_id: Option<&'a str>) -> ScheduleRequest<'a> {
        let (key_id, grant_tokens, flags) = (self.name, self.tokens(), self.flags);
        ScheduleRequest { key_id, version_id, grant_tokens, waiting_days: 7, flags }
    }

    fn encrypt(&self, key_id: &'a str) -> EncryptRequest<'a> {
        let (plaintext, aad) = (b"x".as_slice(), context(&[]));
        EncryptRequest {
            key_id,
            version_id: None,
            plaintext,
            aad,
            grant_tokens: self.tokens(),
            flags: self.flags,
        }
    }

    fn decrypt(&self, ciphertext: &'a [u8], key_id: Option<&'a str>) -> DecryptRequest<'a> {
        let (iv, aad) = ([].as_slice(), context(&[]));
        DecryptRequest { ciphertext, iv, key_id, aad, grant_tokens: self.tokens(), flags: self.flags }
    }

    /// The statuses of an action, one for each way to do it.
    fn of(&self, kms: &Kms, action: Action) -> Vec<Status> {
        let (name, flags) = (self.name, self.flags);
        let mut one: Memory<1> = Memory([Vec::new()]);
        let mut two: Memory<2> = Memory([const { Vec::new() }; 2]);
        let mut three: Memory<3> = Memory([const { Vec::new() }; 3]);
        let alias = |alias, key_id| AliasRequest { alias, key_id, flags };
        let by_id = GrantReference::Id { key_id: name, grant_id: &self.victim.grant_id };
        let text = Policy::default_text(&account());
        // An alias names a key, not another alias.
        let no_alias = if name.starts_with("alias/") { self.victim.key_id } else { name };
        vec![match action {
            Action::GenerateDataKey => {
                let mut data_key = request(name, &[], self.tokens);
                data_key.flags = flags;
                status(kms.generate_data_key(&data_key, &mut three))
            }
            Action::Encrypt => status(kms.encrypt(&self.encrypt(name), &mut two)),
            Action::Decrypt => {
                return vec![
                    status(kms.decrypt(&self.decrypt(&self.victim.ciphertext, None), &mut one)),
                    status(kms.decrypt(&self.decrypt(&self.victim.ciphertext, Some(name)), &mut one)),
                ];
            }
            Action::ReEncryptFrom => {
                let source = DecryptRequest { flags: 0, ..self.decrypt(&self.victim.ciphertext, None) };
                let destination = self.encrypt(self.own.key_id);
                status(kms.re_encrypt(&ReEncryptRequest { source, destination }, &mut two))
            }
            Action::ReEncryptTo => {
                let source = DecryptRequest { flags: 0, ..self.decrypt(&self.own.ciphertext, None) };
                status(
                    kms.re_encrypt(&ReEncryptRequest { source, destination: self.encrypt(name) }, &mut two),
                )
            }
            Action::DescribeKey => status(kms.describe_key(&self.request())),
            Action::EnableKey => status(kms.enable_key(&self.request())),
            Action::DisableKey => status(kms.disable_key(&self.request())),
            Action::ScheduleKeyDeletion => status(kms.schedule_key_deletion(&self.schedule(None))),
            Action::CancelKeyDeletion => status(kms.cancel_key_deletion(&self.request())),
            Action::UpdateKeyDescription => status(kms.update_key_description(name, "x", flags)),
            Action::TagResource => status(kms.tag_key(name, &[("a", "b")], flags)),
            Action::UntagResource => status(kms.untag_key(name, &["a"], flags)),
            Action::ListResourceTags => status(kms.list_key_tags(&self.request(), "", 1)),
            Action::CreateAlias => status(kms.create_alias(&alias("alias/new", no_alias))),
            // Away from its key, and onto it.
            Action::UpdateAlias => {
                return vec![
                    status(kms.update_alias(&alias(self.victim.alias, self.own.key_id))),
                    status(kms.update_alias(&alias(self.own.alias, no_alias))),
                ];
            }
            Action::DeleteAlias => status(kms.delete_alias(self.victim.alias, flags)),
            Action::RotateKeyOnDemand => status(kms.rotate_key(&self.request())),
            Action::UpdateRotationPolicy => status(kms.set_key_rotation(&RotationRequest {
                key_id: name,
                grant_tokens: self.tokens(),
                rotation_period_s: 90 * 86_400,
                rotate_after_uses: None,
                flags,
            })),
            Action::DescribeKeyVersion => status(kms.describe_key_version(&self.of_version())),
            Action::ListKeyVersions => status(kms.list_key_versions(&self.request(), "", 1)),
            Action::SetPrimaryVersion => status(kms.set_primary_version(&self.of_version())),
            Action::ScheduleVersionDestruction => {
                status(kms.schedule_version_destruction(&self.schedule(Some(&self.victim.version_id))))
            }
            Action::CancelVersionDestruction => status(kms.cancel_version_destruction(&self.of_version())),
            Action::ImportKeyMaterial => status(kms.import_key_material(&ImportRequest {
                key_id: name,
                material: &[7; 32],
                grant_tokens: self.tokens(),
                expires_at: 0,
                version_number: 0,
                flags,
            })),
            Action::DeleteImportedKeyMaterial => status(kms.delete_imported_key_material(&self.request())),
            Action::PutKeyPolicy => {
                let (policy, grant_tokens) = (text.as_str(), self.tokens());
                status(kms.put_key_policy(&PolicyRequest { key_id: name, policy, grant_tokens, flags }))
            }
            Action::GetKeyPolicy => status(kms.get_key_policy(&self.request())),
            Action::CreateGrant => {
                let mut wanted = grant(name, kms.principal(), DECRYPT);
                (wanted.grant_tokens, wanted.flags) = (self.tokens(), flags);
                status(kms.create_grant(&wanted))
            }
            Action::ListGrants => status(kms.list_grants(&self.request(), &Default::default(), "", 1)),
            Action::RetireGrant => {
                return vec![
                    status(kms.retire_grant(&by_id, flags)),
                    status(kms.retire_grant(&GrantReference::Token(&self.victim.token), flags)),
                ];
            }
            Action::RevokeGrant => status(kms.revoke_grant(name, &self.victim.grant_id, flags)),
            action => panic!("{action:?} is not done to a key"),
        }]
    }
}

/// A key that its owner may do everything with, and nobody else anything, not even the root.
fn property(world: &World, owner: &str, key_id: &'static str, alias: &'static str) -> Property {
    world.key(key_id);
    world.kms.create_alias(&AliasRequest { alias, key_id, flags: 0 }).expect("an alias");
    let version_id = world.kms.describe_key(&key(key_id)).expect("a key").primary_version_id;
    let ciphertext = generate(&world.kms, key_id, &[], &[]).expect("a data key");
    let created = world.kms.create_grant(&grant(key_id, owner, GENERATE | RETIRE_GRANT)).expect("a grant");
    world.put(key_id, &format!(
        r#"{{"Statement":{{"Effect":"Allow","Principal":{{"AWS":"{owner}"}},"Action":"kms:*","Resource":"*"}}}}"#
    ));
    let (grant_id, token) = (created.info.grant.grant_id, created.token);
    Property { key_id, alias, version_id, ciphertext, grant_id, token }
}

#[test]
fn a_tenant_reaches_no_key_of_another_by_any_operation() {
    let world = World::new();
    world.key("passing");
    let hers = property(&world, "alice", "hers", "alias/hers");
    let his = property(&world, "bob", "his", "alias/his");
    let (alice, bob, root) = (world.as_principal("alice"), world.as_principal("bob"), &world.kms);
    // A grant that bob once had on her key, and one that he has on yet another.
    let over = alice.create_grant(&grant("hers", "bob", GENERATE)).expect("a grant");
    alice.revoke_grant("hers", &over.info.grant.grant_id, 0).expect("revoked");
    let elsewhere = root.create_grant(&grant("passing", "bob", DECRYPT)).expect("a grant").token;
    let mut forged = hers.token.clone().into_bytes();
    let last = forged.len() / 2;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).expect("ASCII");
    let before = alice.describe_key(&key("hers")).expect("a key");

    let arn = "arn:aws:kms:local:000000000000:key/hers";
    for info in ACTIONS.iter().filter(|info| info.scope == Scope::Key) {
        let own = Attempt { name: "hers", victim: &hers, own: &hers, tokens: &[&hers.token], flags: DRY_RUN };
        for status in own.of(&alice, info.action) {
            assert!(
                !matches!(status, Status::AccessDenied | Status::InvalidGrantToken | Status::NotFound),
                "{} is allowed its owner: {status:?}",
                info.name
            );
        }
        for name in ["hers", "alias/hers", arn] {
            for tokens in [
                [].as_slice(),
                &[his.token.as_str()],
                &[hers.token.as_str()],
                &[forged.as_str()],
                &[over.token.as_str()],
                &[elsewhere.as_str()],
                &[hers.token.as_str(), his.token.as_str()],
            ] {
                for (flags, who) in [(0, &bob), (DRY_RUN, &bob), (0, root)] {
                    let attempt = Attempt { name, victim: &hers, own: &his, tokens, flags };
                    for status in attempt.of(who, info.action) {
                        assert!(
                            matches!(status, Status::AccessDenied | Status::InvalidGrantToken),
                            "{} on {name} by {} with {} tokens: {status:?}",
                            info.name,
                            who.principal(),
                            tokens.len()
                        );
                    }
                }
            }
        }
    }
    let after = alice.describe_key(&key("hers")).expect("a key");
    assert_eq!((after.state, after.primary_version_id), (before.state, before.primary_version_id));
    assert_eq!(alice.list_grants(&key("hers"), &Default::default(), "", 10).expect("grants").items.len(), 1);
    decrypt(&alice, &hers.ciphertext, &[], &[]).expect("she still can");
}
