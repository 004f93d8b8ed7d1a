//! From the options of every command to an open store.

use kms::engine::{Kms, OpenOptions, flag};
use kms::error::{Detail, Error};
use kms::root::RootKeySource;
use rustix::process::{Resource, Rlimit, setrlimit};
use zeroize::Zeroizing;

use crate::args::Global;
use crate::failure::{Failure, Result};
use crate::prompt;

/// What a command does to the store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Opens read-only, so that it works where the file cannot be written.
    Read,
    Change,
}

pub struct Session {
    global: Global,
}

/// A root key as it was named: nothing of it is read before the library reads it.
pub enum RootKey {
    Uri(String),
    Passphrase(Zeroizing<Vec<u8>>),
}

impl RootKey {
    pub fn source(&self) -> kms::Result<RootKeySource<'_>> {
        match self {
            RootKey::Uri(uri) => RootKeySource::choose(&[], &[], Some(uri)),
            RootKey::Passphrase(passphrase) => RootKeySource::choose(&[], passphrase, None),
        }
    }
}

impl Session {
    pub fn new(global: Global) -> Self {
        Session { global }
    }

    pub fn open(&self, access: Access) -> Result<Kms> {
        let store = self.store()?;
        let root = self.root_key(prompt::passphrase)?;
        let flags = match access {
            Access::Read => flag::OPEN_READ_ONLY,
            Access::Change if self.global.read_only => flag::OPEN_READ_ONLY,
            Access::Change => 0,
        };
        Ok(Kms::open(&self.options(&store, &root, flags)?)?)
    }

    /// A store that may be damaged.
    pub fn open_to_verify(&self) -> Result<Kms> {
        let store = self.store()?;
        let root = self.root_key(prompt::passphrase)?;
        Ok(Kms::open_to_verify(&self.options(&store, &root, flag::OPEN_READ_ONLY)?)?)
    }

    /// Makes the store, which must not be there.
    pub fn create(&self, account_id: Option<&str>) -> Result<Kms> {
        if self.global.read_only {
            return Err(Error::ReadOnly.into());
        }
        let store = self.store()?;
        let root = self.root_key(prompt::new_passphrase)?;
        match Kms::open(&self.options(&store, &root, 0)?) {
            Ok(_) | Err(Error::WrongRootKey) => {
                return Err(Error::AlreadyExists { what: Detail::None, name: store }.into());
            }
            Err(Error::StoreNotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let options = self.options(&store, &root, flag::OPEN_CREATE)?;
        Ok(Kms::open(&OpenOptions { account_id, ..options })?)
    }

    fn options<'a>(&self, store: &'a str, root: &'a RootKey, flags: u32) -> Result<OpenOptions<'a>> {
        Ok(OpenOptions {
            store,
            root: root.source()?,
            account_id: None,
            region: None,
            flags,
            max_staleness_ms: 0,
            timeout_ms: self.global.timeout,
            max_cached_keys: 0,
            audit: None,
        })
    }

    pub fn store(&self) -> Result<String> {
        let given =
            self.global.store.clone().map_or_else(|| variable("KMS_STORE"), |store| Ok(Some(store)))?;
        given.ok_or_else(|| Failure::usage("no store is named; give --store sqlite:PATH, or set KMS_STORE"))
    }

    /// The command line goes before the environment.
    fn root_key(&self, ask: impl FnOnce(&str) -> Result<Zeroizing<Vec<u8>>>) -> Result<RootKey> {
        if self.global.passphrase {
            return ask("Passphrase").map(RootKey::Passphrase);
        }
        if let Some(uri) = &self.global.root_key_uri {
            return Ok(RootKey::Uri(uri.clone()));
        }
        variable("KMS_ROOT_KEY_URI")?.map(RootKey::Uri).ok_or_else(|| {
            Failure::usage(
                "no root key is named; give --root-key-uri file:PATH or env:NAME, or --passphrase, or set \
                 KMS_ROOT_KEY_URI",
            )
        })
    }
}

/// An environment variable; one that is empty counts as not set.
fn variable(name: &str) -> Result<Option<String>> {
    let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    value.into_string().map(Some).map_err(|_| Failure::usage(format!("{name} is not valid UTF-8")))
}

/// A store in memory, for what needs none.
pub fn nowhere() -> Result<Kms> {
    let mut root_key = Zeroizing::new([0; 32]);
    kms::crypto::uuid::fill_from_kernel(root_key.as_mut_slice())?;
    Ok(Kms::open(&OpenOptions {
        store: "memory:",
        root: RootKeySource::Raw(&root_key),
        account_id: None,
        region: None,
        flags: flag::OPEN_CREATE,
        max_staleness_ms: 0,
        timeout_ms: 0,
        max_cached_keys: 0,
        audit: None,
    })?)
}

/// Plaintexts and passphrases pass through this process's ordinary memory.
pub fn leave_no_core_dump() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}
