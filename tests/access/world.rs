//! A store with keys, and handles of principals on it.
#![allow(dead_code)] // each test uses what it needs

use kms::Result;
use kms::access::{Account, GrantOperations};
use kms::crypto::aad::{Aad, Context};
use kms::engine::{
    AuditOptions, CreateGrantRequest, CreateKeyRequest, DataKeyRequest, DecryptRequest, GrantTokens,
    KeyRequest, Kms, OpenOptions, Output, PolicyRequest,
};
use kms::error::Status;
use kms::root::RootKeySource;

pub const ROOT: &str = "arn:aws:iam::000000000000:root";
pub const DECRYPT: u32 = 1;
pub const GENERATE: u32 = 4;
pub const CREATE_GRANT: u32 = 32;
pub const RETIRE_GRANT: u32 = 64;
pub const DRY_RUN: u32 = 4;
pub const BYPASS: u32 = 8;

pub struct World {
    pub kms: Kms,
    pub folder: tempfile::TempDir,
}

pub fn account() -> Account {
    Account::new("000000000000", "local")
}

pub fn context<'a>(pairs: &[(&'a str, &'a str)]) -> Aad<'a> {
    if pairs.is_empty() {
        Aad::None
    } else {
        Aad::Context(Context::new(pairs.iter().copied().collect()).expect("a context"))
    }
}

pub fn request<'a>(key_id: &'a str, pairs: &[(&'a str, &'a str)], tokens: &[&'a str]) -> DataKeyRequest<'a> {
    DataKeyRequest {
        key_id,
        version_id: None,
        key_spec: 0,
        number_of_bytes: 0,
        aad: context(pairs),
        grant_tokens: GrantTokens::from_slice(tokens),
        flags: 0,
    }
}

pub fn grant<'a>(key_id: &'a str, grantee: &'a str, operations: u32) -> CreateGrantRequest<'a> {
    CreateGrantRequest {
        key_id,
        grantee,
        retiring: None,
        operations,
        constraint: 0,
        context: Aad::None,
        name: None,
        grant_tokens: GrantTokens::new(),
        flags: 0,
    }
}

pub struct Memory<const N: usize>(pub [Vec<u8>; N]);

impl<const N: usize> Output<N> for Memory<N> {
    fn reserve(&mut self, needs: [usize; N]) -> Result<[Option<&mut [u8]>; N]> {
        self.0.iter_mut().zip(needs).for_each(|(place, need)| place.resize(need, 0));
        Ok(self.0.each_mut().map(|place| Some(place.as_mut_slice())))
    }
}

pub fn generate(kms: &Kms, key_id: &str, pairs: &[(&str, &str)], tokens: &[&str]) -> Result<Vec<u8>, Status> {
    let mut memory: Memory<3> = Memory([const { Vec::new() }; 3]);
    let outcome = kms.generate_data_key(&request(key_id, pairs, tokens), &mut memory);
    outcome.map(|_| std::mem::take(&mut memory.0[1])).map_err(|error| error.status())
}

pub fn decrypt(kms: &Kms, ciphertext: &[u8], pairs: &[(&str, &str)], tokens: &[&str]) -> Result<(), Status> {
    let request = DecryptRequest {
        ciphertext,
        iv: &[],
        key_id: None,
        aad: context(pairs),
        grant_tokens: GrantTokens::from_slice(tokens),
        flags: 0,
    };
    kms.decrypt(&request, &mut Memory([Vec::new()])).map(drop).map_err(|error| error.status())
}

pub fn status<T>(outcome: Result<T>) -> Status {
    outcome.map_or_else(|error| error.status(), |_| Status::Ok)
}

impl World {
    pub fn new() -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let kms = open_in(&folder, 1, None).expect("a store");
        World { kms, folder }
    }

    pub fn with_audit(options: impl FnOnce(&mut AuditOptions<'_>)) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log").display().to_string();
        let mut audit = AuditOptions { path: &path, data: 0, flags: 0, max_kib: 0 };
        options(&mut audit);
        let kms = open_in(&folder, 1, Some(audit)).expect("a store");
        World { kms, folder }
    }

    /// Another handle on the store, as another process would have it.
    pub fn other(&self) -> Kms {
        open_in(&self.folder, 0, None).expect("the store again")
    }

    pub fn key(&self, key_id: &str) {
        self.kms.create_key(&CreateKeyRequest { key_id: Some(key_id), ..Default::default() }).expect("a key");
    }

    pub fn as_principal(&self, name: &str) -> Kms {
        self.kms.as_principal(name, 0).expect("a handle")
    }

    pub fn put(&self, key_id: &str, policy: &str) {
        put(&self.kms, key_id, policy, 0).expect("a policy");
    }
}

pub fn put(kms: &Kms, key_id: &str, policy: &str, flags: u32) -> Result<()> {
    kms.put_key_policy(&PolicyRequest { key_id, policy, grant_tokens: GrantTokens::new(), flags })
}

pub fn open_in(folder: &tempfile::TempDir, flags: u32, audit: Option<AuditOptions<'_>>) -> Result<Kms> {
    let store = format!("sqlite:{}", folder.path().join("keys.db").display());
    Kms::open(&OpenOptions {
        store: &store,
        root: RootKeySource::Raw(&[1; 32]),
        account_id: None,
        region: None,
        flags,
        max_staleness_ms: 60_000,
        timeout_ms: 0,
        max_cached_keys: 0,
        audit,
    })
}

pub fn key(key_id: &str) -> KeyRequest<'_> {
    KeyRequest::of(key_id, 0)
}

/// A policy that lets the root do everything, and others what `statements` say.
pub fn with_root(statements: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"AWS":"{ROOT}"}},"Action":"kms:*","Resource":"*"}},{statements}]}}"#
    )
}

pub fn operations(bits: u32) -> GrantOperations {
    GrantOperations::from_bits(bits).expect("known bits")
}
