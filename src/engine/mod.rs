//! The operations of the key management service, the same for every caller and language. Knows no C, no SQL, no
//! vendor: it checks requests in one order, asks the keyring for keys, and lets `crypto` work in the caller's memory.

mod aliases;
mod audit;
mod call;
mod care;
mod data_key;
mod grants;
mod keys;
mod lane;
mod lifecycle;
mod list;
mod names;
mod on_key;
mod payload;
mod policies;
mod request;
mod rotation;
mod sealer;
mod states;
mod tokens;
mod usage;
mod versions;
mod ways;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use aliases::{AliasInfo, AliasRequest};
pub use audit::{AuditOptions, failure_request_id};
pub use care::VERIFY_STEP;
pub use grants::{CreateGrantRequest, GrantCreated, GrantFilter, GrantInfo, GrantReference};
pub use keys::{CreateKeyRequest, KeyInfo, TagInfo};
pub use list::{ListPage, Listed};
pub use policies::PolicyRequest;
pub use request::{
    ColumnOutput, DataKeyRequest, DecryptRequest, EncryptRequest, GrantTokens, IdText, ImportRequest,
    KeyRequest, Output, ReEncryptRequest, RotationRequest, ScheduleRequest, Served, ServedBy, Tell, flag,
};
pub use versions::VersionInfo;

use crate::access::{Account, Action, Class, Principal};
use crate::audit::{AuditLog, AuditSettings};
use crate::crypto::selftest;
use crate::crypto::uuid::Uuid;
use crate::error::{Error, Result};
use crate::keyring::{Keyring, KeyringSettings};
use crate::platform::{ForkLocal, MemoryReport, memory_report, monotonic_ms};
use crate::root::RootKeySource;
use crate::store::sealed::{Creation, SealedStore};
use crate::store::{self, StoreOptions};
use call::Call;
use lane::{Counts, Lanes};

const DEFAULT_ACCOUNT: &str = "000000000000";
const DEFAULT_REGION: &str = "local";
const DEFAULT_STALENESS_MS: u32 = 1000;
const DEFAULT_TIMEOUT_MS: u32 = 5000;
const DEFAULT_CACHED_KEYS: u32 = 16 * 1024;

/// How to open a store; borrowed from the caller.
pub struct OpenOptions<'a> {
    pub store: &'a str,
    pub root: RootKeySource<'a>,
    pub account_id: Option<&'a str>,
    pub region: Option<&'a str>,
    pub flags: u32,
    pub max_staleness_ms: u32,
    pub timeout_ms: u32,
    pub max_cached_keys: u32,
    /// None: no audit log.
    pub audit: Option<AuditOptions<'a>>,
}

/// An open key store, and who acts through this handle.
pub struct Kms {
    shared: Arc<Shared>,
    caller: Principal,
}

/// What all handles of one kms_open share.
struct Shared {
    account: Account,
    settings: Settings,
    live: ForkLocal<Live>,
}

struct Settings {
    keyring: KeyringSettings,
    system_rng: bool,
    audit: Option<AuditSettings>,
}

/// What belongs to one process; a child of fork builds its own.
struct Live {
    keyring: Keyring,
    lanes: Lanes,
    audit: Option<AuditLog>,
    calls_failed: AtomicU64,
    read_only: bool,
    /// Held by whoever rotates a key that is due.
    rotating: Mutex<()>,
    /// When use counts are written next (monotonic ms), and held by whoever does.
    write_uses_at: AtomicU64,
    writing_uses: Mutex<()>,
}

impl Live {
    fn new(store: SealedStore, account: &Account, settings: &Settings) -> Result<Self> {
        let mac = |parts: &[&[u8]]| store.audit_mac(parts);
        let audit = settings.audit.clone().map(|audit| AuditLog::open(audit, &mac)).transpose()?;
        Ok(Live {
            audit,
            keyring: Keyring::new(store, account, &settings.keyring),
            lanes: Lanes::new(&settings.keyring, settings.system_rng),
            calls_failed: AtomicU64::new(0),
            read_only: settings.keyring.read_only,
            rotating: Mutex::new(()),
            write_uses_at: AtomicU64::new(monotonic_ms() + usage::BATCH_MS),
            writing_uses: Mutex::new(()),
        })
    }
}

impl Drop for Live {
    /// The last handle is closed: its use counts and records are written. kms_flush tells what goes wrong with that.
    fn drop(&mut self) {
        let _ = self.write_all_uses();
        let _ = self.flush_audit();
    }
}

/// Counts since the store was opened by this process, and the state of its memory.
pub struct Stats {
    pub data_keys_generated: u64,
    pub payloads_encrypted: u64,
    pub ciphertexts_decrypted: u64,
    pub calls_failed: u64,
    pub key_loads: u64,
    pub store_refreshes: u64,
    pub subkeys_derived: u64,
    pub generator_seeds: u64,
    pub keys_cached: u64,
    pub lanes: u64,
    pub memory: MemoryReport,
    pub store_revision: u64,
    pub store_id: Uuid,
    /// Records of the audit log that this process wrote, and that it lost to a disk that could not be written.
    pub audit_records: u64,
    pub audit_records_lost: u64,
}

impl Kms {
    pub fn open(options: &OpenOptions<'_>) -> Result<Kms> {
        Self::open_checked(options, false)
    }

    /// For verify() alone: opens a small store that is damaged, too, which open() refuses without saying where.
    pub fn open_to_verify(options: &OpenOptions<'_>) -> Result<Kms> {
        if options.flags & flag::OPEN_READ_ONLY == 0 {
            return Err(Error::argument("options.flags: a store that may be damaged is opened read-only"));
        }
        Self::open_checked(options, true)
    }

    fn open_checked(options: &OpenOptions<'_>, may_be_damaged: bool) -> Result<Kms> {
        let known = flag::OPEN_CREATE
            | flag::OPEN_READ_ONLY
            | flag::OPEN_REQUIRE_LOCKED_MEMORY
            | flag::OPEN_SYSTEM_RNG;
        request::check_flags("options.flags", options.flags, known)?;
        let has = |bit| options.flags & bit != 0;
        if has(flag::OPEN_CREATE) && has(flag::OPEN_READ_ONLY) {
            return Err(Error::argument(
                "options.flags: KMS_OPEN_CREATE and KMS_OPEN_READ_ONLY exclude each other",
            ));
        }
        options.account_id.map_or(Ok(()), names::check_account_id)?;
        options.region.map_or(Ok(()), names::check_region)?;
        selftest::run_once()?;
        let or_default = |value, default| if value == 0 { default } else { value };
        let timeout_ms = or_default(options.timeout_ms, DEFAULT_TIMEOUT_MS);
        let keyring = KeyringSettings {
            max_staleness_ms: u64::from(or_default(options.max_staleness_ms, DEFAULT_STALENESS_MS)),
            timeout: Duration::from_millis(u64::from(timeout_ms)),
            max_cached_keys: or_default(options.max_cached_keys, DEFAULT_CACHED_KEYS) as usize,
            require_lock: has(flag::OPEN_REQUIRE_LOCKED_MEMORY),
            read_only: has(flag::OPEN_READ_ONLY),
        };
        let audit = options.audit.as_ref().map(|audit| audit.settings(keyring.timeout)).transpose()?;
        let settings = Settings { keyring, system_rng: has(flag::OPEN_SYSTEM_RNG), audit };
        let store_options = StoreOptions {
            create: has(flag::OPEN_CREATE),
            read_only: keyring.read_only,
            timeout: keyring.timeout,
        };
        let creation = Creation { account_id: options.account_id.unwrap_or(DEFAULT_ACCOUNT) };
        let create = has(flag::OPEN_CREATE).then_some(&creation);
        let store = store::open(options.store, &store_options)?;
        let store = SealedStore::open(store, options.store, &options.root, create, keyring.require_lock)?;
        if !may_be_damaged {
            store.check_if_small()?;
        }
        if options.account_id.is_some_and(|account| account != store.account_id()) {
            return Err(Error::argument("options.account_id: is not the account of this store"));
        }
        let account = Account::new(store.account_id(), options.region.unwrap_or(DEFAULT_REGION));
        let live = Live::new(store, &account, &settings)?;
        if !keyring.read_only {
            // What was due while nobody had the store open. A store that is busy or full does not keep it shut.
            let _ = live.keyring.sweep();
        }
        let caller = Principal::root(&account);
        Ok(Kms { shared: Arc::new(Shared { account, settings, live: ForkLocal::new(live) }), caller })
    }

    /// A handle that shares everything with this one and acts as another principal.
    pub fn as_principal(&self, name: &str, flags: u32) -> Result<Kms> {
        request::check_flags("options.flags", flags, flag::DRY_RUN)?;
        let caller = Principal::named(&self.shared.account, name)?;
        self.on_store(Action::ActAsPrincipal, flags, |_| Ok(()))?;
        Ok(Kms { shared: self.shared.clone(), caller })
    }

    /// Who acts through this handle.
    pub fn principal(&self) -> &str {
        self.caller.name()
    }

    /// Runs an operation on the store as a whole: for the root only.
    fn on_store<T>(&self, action: Action, flags: u32, run: impl FnOnce(&Live) -> Result<T>) -> Result<T> {
        let live = self.live()?;
        let call = Call::new(&self.caller, action, None);
        let outcome = live.admit(&call).and_then(|()| {
            call.require_root()?;
            if flags & flag::DRY_RUN != 0 {
                return Err(Error::DryRunOk);
            }
            if action.info().class == Class::Change {
                live.log_change(&call)?;
            }
            run(live)
        });
        live.finish(&call, outcome)
    }

    /// This process's caches, lanes and connections.
    #[inline]
    fn live(&self) -> Result<&Live> {
        let Shared { account, settings, live } = &*self.shared;
        live.get(|parent| Live::new(parent.keyring.store().reopen()?, account, settings))
    }

    /// For `test_hooks`.
    #[cfg(feature = "test-hooks")]
    pub(crate) fn keyring(&self) -> Result<&Keyring> {
        Ok(&self.live()?.keyring)
    }

    /// The account of the store, as ARNs say it.
    pub fn account_id(&self) -> &str {
        &self.shared.account.id
    }

    /// The region of this handle, as ARNs say it.
    pub fn region(&self) -> &str {
        &self.shared.account.region
    }

    fn require_writable(&self) -> Result<()> {
        if self.shared.settings.keyring.read_only { Err(Error::ReadOnly) } else { Ok(()) }
    }

    /// Writes the use counts and the records that were collected, and removes what is due.
    pub fn flush(&self) -> Result<()> {
        let live = self.live()?;
        live.write_all_uses()?;
        live.flush_audit()?;
        if live.read_only { Ok(()) } else { live.keyring.sweep() }
    }

    pub fn stats(&self, flags: u32) -> Result<Stats> {
        request::check_flags("request.flags", flags, flag::DRY_RUN)?;
        self.on_store(Action::GetStatistics, flags, |live| Ok(live.stats()))
    }
}

impl Live {
    fn stats(&self) -> Stats {
        let Counts { data_keys, encrypted, decrypted, subkeys, seeds } = self.lanes.counts();
        let (keys_cached, key_loads, store_refreshes) = self.keyring.counts();
        let (audit_records, audit_records_lost) = self.audit.as_ref().map_or((0, 0), AuditLog::counts);
        Stats {
            data_keys_generated: data_keys,
            payloads_encrypted: encrypted,
            ciphertexts_decrypted: decrypted,
            calls_failed: self.calls_failed.load(Ordering::Relaxed),
            key_loads,
            store_refreshes,
            subkeys_derived: subkeys,
            generator_seeds: seeds,
            keys_cached,
            lanes: self.lanes.len() as u64,
            memory: memory_report(),
            store_revision: self.keyring.store().seen_revision(),
            store_id: self.keyring.store().store_id(),
            audit_records,
            audit_records_lost,
        }
    }
}
