//! From the options of every command to an open store.

use std::cell::RefCell;
use std::rc::Rc;

use kms::engine::{AuditOptions, Kms, OpenOptions, flag};
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
    /// The handle of the command, if it writes an audit log.
    recorded: RefCell<Option<Rc<Kms>>>,
}

/// What the command line and the environment name.
struct Named {
    store: String,
    root: RootKey,
    audit_log: Option<String>,
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
        Session { global, recorded: RefCell::default() }
    }

    pub fn open(&self, access: Access) -> Result<Rc<Kms>> {
        let named = self.named(prompt::passphrase)?;
        let flags = match access {
            Access::Read => flag::OPEN_READ_ONLY,
            Access::Change if self.global.read_only => flag::OPEN_READ_ONLY,
            Access::Change => 0,
        };
        self.act(Kms::open(&self.options(&named, flags)?)?)
    }

    /// A store that may be damaged.
    pub fn open_to_verify(&self) -> Result<Rc<Kms>> {
        let named = self.named(prompt::passphrase)?;
        self.act(Kms::open_to_verify(&self.options(&named, flag::OPEN_READ_ONLY)?)?)
    }

    /// An audit log that may be damaged. If it is the one to record in, and too damaged for that, nothing is recorded.
    pub fn open_to_verify_log(&self) -> Result<Rc<Kms>> {
        let named = self.named(prompt::passphrase)?;
        let options = self.options(&named, flag::OPEN_READ_ONLY)?;
        let kms = match Kms::open(&options) {
            Err(Error::CorruptStore(_)) => Kms::open(&OpenOptions { audit: None, ..options })?,
            outcome => outcome?,
        };
        self.act(kms)
    }

    /// Makes the store, which must not be there.
    pub fn create(&self, account_id: Option<&str>) -> Result<Rc<Kms>> {
        if self.global.read_only {
            return Err(Error::ReadOnly.into());
        }
        if self.global.principal.is_some() {
            return Err(Failure::usage("a store is made by its root, not by a --principal"));
        }
        let named = self.named(prompt::new_passphrase)?;
        let options = self.options(&named, 0)?;
        match Kms::open(&OpenOptions { audit: None, ..options }) {
            Ok(_) | Err(Error::WrongRootKey) => {
                return Err(Error::AlreadyExists { what: Detail::None, name: named.store }.into());
            }
            Err(Error::StoreNotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let options = self.options(&named, flag::OPEN_CREATE)?;
        self.act(Kms::open(&OpenOptions { account_id, ..options })?)
    }

    /// Writes what the command did to the audit log. What the library collects is lost in silence otherwise, should
    /// the log not be writable.
    pub fn put_on_record(&self) -> Result<()> {
        let recorded = self.recorded.borrow_mut().take();
        Ok(recorded.map_or(Ok(()), |kms| kms.flush())?)
    }

    /// The handle through which the command acts.
    fn act(&self, kms: Kms) -> Result<Rc<Kms>> {
        let kms = match &self.global.principal {
            Some(name) => kms.as_principal(name, 0)?,
            None => kms,
        };
        let kms = Rc::new(kms);
        if self.audit_log()?.is_some() {
            self.recorded.replace(Some(kms.clone()));
        }
        Ok(kms)
    }

    fn named(&self, ask: impl FnOnce(&str) -> Result<Zeroizing<Vec<u8>>>) -> Result<Named> {
        Ok(Named { audit_log: self.audit_log()?, store: self.store()?, root: self.root_key(ask)? })
    }

    fn options<'a>(&self, named: &'a Named, flags: u32) -> Result<OpenOptions<'a>> {
        let audit = named.audit_log.as_deref().map(|path| AuditOptions {
            path,
            data: self.global.audit.data(),
            flags: self.global.audit.flags(),
            max_kib: self.global.audit.max_kib(),
        });
        Ok(OpenOptions {
            store: &named.store,
            root: named.root.source()?,
            account_id: None,
            region: None,
            flags,
            max_staleness_ms: 0,
            timeout_ms: self.global.timeout,
            max_cached_keys: 0,
            audit,
        })
    }

    /// The audit log that the command is recorded in.
    pub fn audit_log(&self) -> Result<Option<String>> {
        let recording = &self.global.audit;
        let path =
            recording.audit_log.clone().map_or_else(|| variable("KMS_AUDIT_LOG"), |path| Ok(Some(path)))?;
        if path.is_none() && recording.has_choices() {
            return Err(Failure::usage("no audit log is named; give --audit-log PATH, or set KMS_AUDIT_LOG"));
        }
        Ok(path)
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
