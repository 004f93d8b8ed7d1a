//! What is cached of the store, and for how long it may be believed.
//!
//! Keys load on demand, once however many threads ask, into a bounded cache. A cached key is believed for
//! max_staleness_ms after the store was last asked for its revision; when that has changed, the keys that changed are
//! dropped and the epoch moves on, which tells every lane that what it remembers may be old. Changes made through
//! this process are dropped from the cache at once.

mod due;
mod edit;
mod grants;
mod key;
mod rules;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, TryLockError};
use std::time::Duration;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, UnitWeighter};

use grants::GrantCache;

pub use due::is_deleted;
pub use edit::KeyEdit;
pub use key::{Key, KeyVersion, XAES_256_GCM, rotation_time};
pub use rules::{grant_of, grant_record, granted_to, policy_text};

use crate::access::Account;
use crate::audit::Mac;
use crate::crypto::secret::MaterialSlab;
use crate::crypto::uuid::Uuid;
use crate::error::{Detail, Error, Result};
use crate::platform;
use crate::root::RootKeySource;
use crate::store::RowName;
use crate::store::change::Change;
use crate::store::sealed::SealedStore;

/// A key's id or alias, as callers name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyName<'a> {
    Id(&'a str),
    Alias(&'a str),
}

impl<'a> KeyName<'a> {
    pub fn row(self) -> RowName<'a> {
        match self {
            KeyName::Id(id) => RowName::KeyName(id),
            KeyName::Alias(alias) => RowName::Alias(alias),
        }
    }

    pub fn as_str(&self) -> &'a str {
        match self {
            KeyName::Id(text) | KeyName::Alias(text) => text,
        }
    }

    pub fn not_found(self) -> Error {
        not_found(self.row())
    }
}

fn not_found(name: RowName<'_>) -> Error {
    match name {
        RowName::KeyName(id) => Error::not_found(Detail::Key, id),
        RowName::Alias(alias) => Error::not_found(Detail::Alias, alias),
        _ => Error::not_found(Detail::Key, "of that UUID"),
    }
}

/// How a keyring behaves.
#[derive(Clone, Copy)]
pub struct KeyringSettings {
    pub max_staleness_ms: u64,
    pub timeout: Duration,
    pub max_cached_keys: usize,
    pub require_lock: bool,
    pub read_only: bool,
}

/// A cache that never has more than `max` entries: it rounds what each of its shards may have up.
fn bounded<K: Eq + Hash, V: Clone>(max: usize) -> Cache<K, V> {
    const SHARDS: usize = 16;
    let (shards, capacity) = if max < 64 * SHARDS { (1, max) } else { (SHARDS, max / SHARDS * SHARDS) };
    let options = OptionsBuilder::new()
        .estimated_items_capacity(capacity)
        .weight_capacity(capacity as u64)
        .shards(shards)
        .build();
    match options {
        Ok(options) => Cache::with_options(
            options,
            UnitWeighter,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        ),
        // Only what is set twice or not at all is refused.
        Err(_) => Cache::new(capacity),
    }
}

pub struct Keyring {
    store: SealedStore,
    account: Account,
    slab: Arc<MaterialSlab>,
    keys: Cache<Uuid, Arc<Key>>,
    /// Ids and aliases; what a name leads to is believed only if the key still answers to it.
    names: Cache<String, Uuid>,
    grants: GrantCache,
    epoch: AtomicU64,
    /// When the next caller asks the store, and until when nobody has to wait for the answer; monotonic ms.
    refresh_at: AtomicU64,
    believed_until: AtomicU64,
    /// The revision that the cache stands at. Locked by whoever asks the store.
    revision: Mutex<u64>,
    /// When the first of the cached keys is due (see `due`); monotonic ms.
    due_at: AtomicU64,
    /// Uses of limited versions that this process has not written yet.
    unwritten: Mutex<HashMap<(Uuid, u32), Arc<AtomicU64>>>,
    /// Held by whoever reads rows; alone by a rekey, which changes what they are called.
    names_hold: RwLock<()>,
    read_only: bool,
    max_staleness_ms: u64,
    timeout: Duration,
    loads: AtomicU64,
    refreshes: AtomicU64,
}

impl Keyring {
    pub fn new(store: SealedStore, account: &Account, settings: &KeyringSettings) -> Self {
        let KeyringSettings { max_staleness_ms, timeout, max_cached_keys, require_lock, read_only } =
            *settings;
        let now = platform::monotonic_ms();
        Keyring {
            revision: Mutex::new(store.seen_revision()),
            store,
            account: account.clone(),
            slab: MaterialSlab::new(require_lock),
            keys: bounded(max_cached_keys),
            names: bounded(max_cached_keys),
            grants: GrantCache::new(max_cached_keys),
            epoch: AtomicU64::new(1),
            refresh_at: AtomicU64::new(now + max_staleness_ms / 2),
            believed_until: AtomicU64::new(now + max_staleness_ms),
            due_at: AtomicU64::new(u64::MAX),
            unwritten: Mutex::new(HashMap::new()),
            names_hold: RwLock::new(()),
            read_only,
            max_staleness_ms,
            timeout,
            loads: AtomicU64::new(0),
            refreshes: AtomicU64::new(0),
        }
    }

    pub fn store(&self) -> &SealedStore {
        &self.store
    }

    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Keys cached now, keys loaded and refreshes made so far.
    pub fn counts(&self) -> (u64, u64, u64) {
        let (loads, refreshes) = (self.loads.load(Ordering::Relaxed), self.refreshes.load(Ordering::Relaxed));
        (self.keys.len() as u64, loads, refreshes)
    }

    /// The epoch, once it is sure that what was cached in it may still be believed.
    #[inline]
    pub fn epoch(&self, now_ms: u64) -> Result<u64> {
        if now_ms >= self.refresh_at.load(Ordering::Relaxed) {
            self.refresh(now_ms)?;
        }
        Ok(self.epoch.load(Ordering::Acquire))
    }

    /// Asks the store for its revision. One caller does; the others go on while what they have may be believed.
    #[cold]
    fn refresh(&self, now_ms: u64) -> Result<()> {
        let must = now_ms >= self.believed_until.load(Ordering::Acquire);
        let mut known = match self.revision.try_lock() {
            Ok(known) => known,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) if !must => return Ok(()),
            Err(TryLockError::WouldBlock) => self.revision.lock().unwrap_or_else(PoisonError::into_inner),
        };
        // Someone else may have asked while this caller waited.
        let now_ms = platform::monotonic_ms();
        if now_ms < self.refresh_at.load(Ordering::Acquire) {
            return Ok(());
        }
        if now_ms >= self.due_at.load(Ordering::Acquire) {
            self.due_at.store(u64::MAX, Ordering::Release);
            self.forget_where(|key| due::is_due(&key.record, platform::unix_seconds()));
        }
        self.refreshes.fetch_add(1, Ordering::Relaxed);
        let outcome = self.store.revision().and_then(|(revision, removal)| {
            if revision != *known {
                self.forget_since(*known, removal)?;
                *known = revision;
            }
            Ok(())
        });
        match outcome {
            Ok(()) => self.believe_from(now_ms),
            // Cached keys go on serving within the bound; the next caller tries again, but not every one.
            Err(_) if !must => {
                self.refresh_at.store(now_ms + self.max_staleness_ms / 8 + 1, Ordering::Release)
            }
            // What is cached may no longer be believed, and what is right cannot be had.
            Err(Error::Store { message, .. }) => return Err(Error::KeyUnavailable(message)),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Asks the store for its revision now, however fresh what is cached may be.
    pub fn ask_now(&self) -> Result<()> {
        let now_ms = platform::monotonic_ms();
        self.refresh_at.store(now_ms, Ordering::Release);
        self.refresh(now_ms)
    }

    fn believe_from(&self, asked_at_ms: u64) {
        self.believed_until.store(asked_at_ms + self.max_staleness_ms, Ordering::Release);
        let refresh_at = asked_at_ms + self.max_staleness_ms / 2;
        self.refresh_at.store(refresh_at.min(self.due_at.load(Ordering::Acquire)), Ordering::Release);
    }

    fn forget_since(&self, known: u64, removal: u64) -> Result<()> {
        let changed = self.store.owners_since(known)?;
        self.forget_where(|key| removal > known || changed.contains(&key.owner));
        Ok(())
    }

    fn forget_where(&self, is_old: impl Fn(&Key) -> bool) {
        // The epoch moves on before, so that a key which another thread is loading now is not kept (see load); and
        // after, so that no lane remembers in the new epoch what it took from the cache in between.
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.keys.retain(|_, key| !is_old(key));
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// The key that has this name.
    pub fn by_name(&self, name: KeyName<'_>) -> Result<Arc<Key>> {
        if let Some(uuid) = self.names.get(name.as_str()) {
            let key = self.by_uuid(&uuid)?;
            if let Some(key) = key.filter(|key| key.answers_to(name)) {
                return Ok(key);
            }
            self.names.remove(name.as_str());
        }
        // One caller loads; the rest wait for it, or for the next one if it fails.
        match self.names.get_value_or_guard(name.as_str(), Some(self.timeout)) {
            quick_cache::sync::GuardResult::Value(uuid) => {
                let key = self.by_uuid(&uuid)?.filter(|key| key.answers_to(name));
                key.ok_or_else(|| name.not_found())
            }
            quick_cache::sync::GuardResult::Guard(guard) => {
                let key = self.load(name.row())?.ok_or_else(|| name.not_found())?;
                if !key.answers_to(name) {
                    return Err(Error::corrupt("a name leads to a key that has another one"));
                }
                // Only a concurrent change can refuse the value, and then the next caller loads anew.
                let _ = guard.insert(key.uuid);
                Ok(key)
            }
            quick_cache::sync::GuardResult::Timeout => Err(Error::DependencyTimeout("the store")),
        }
    }

    /// The key whose ciphertexts carry this UUID.
    pub fn by_uuid(&self, uuid: &Uuid) -> Result<Option<Arc<Key>>> {
        match self.keys.get_value_or_guard(uuid, Some(self.timeout)) {
            quick_cache::sync::GuardResult::Value(key) => Ok(Some(key)),
            quick_cache::sync::GuardResult::Guard(guard) => {
                // Who has waited for another caller gets its place, and what it loaded is in the cache.
                if let Some(key) = self.keys.get(uuid) {
                    return Ok(Some(key));
                }
                let key = self.load(RowName::Key(uuid))?;
                drop(guard);
                Ok(key)
            }
            quick_cache::sync::GuardResult::Timeout => Err(Error::DependencyTimeout("the store")),
        }
    }

    /// Loads a key into the cache. If anything changed while it was loaded, it may be old already: once more.
    fn load(&self, name: RowName<'_>) -> Result<Option<Arc<Key>>> {
        let mut may_remove = !self.read_only;
        loop {
            let epoch = self.epoch.load(Ordering::Acquire);
            self.loads.fetch_add(1, Ordering::Relaxed);
            let held = self.names_hold.read().unwrap_or_else(PoisonError::into_inner);
            let Some(family) = self.store.family(name)? else { return Ok(None) };
            let now = platform::unix_seconds();
            if due::is_due(&family.head, now) && may_remove {
                drop(held);
                // If the store cannot be changed just now, the key is still seen as time has made it.
                may_remove = false;
                let _ = self.remove_due(&family.head.uuid()?);
                continue;
            }
            if due::is_deleted(&family.head, now) {
                return Ok(None);
            }
            let key = Key::from_family(&self.store, &self.account, &family, &self.slab, |uuid, version| {
                self.unwritten(uuid, version)
            })?;
            let key = Arc::new(key);
            if key.record.due_at > now {
                let wait_ms = ((key.record.due_at - now) as u64).saturating_mul(1000);
                let due_ms = platform::monotonic_ms().saturating_add(wait_ms);
                self.due_at.fetch_min(due_ms, Ordering::AcqRel);
                self.refresh_at.fetch_min(due_ms, Ordering::AcqRel);
            }
            self.keys.insert(key.uuid, key.clone());
            if self.epoch.load(Ordering::Acquire) == epoch {
                return Ok(Some(key));
            }
            self.keys.remove(&key.uuid);
        }
    }

    /// The counter of a limited version's uses that this process has not written yet.
    pub fn unwritten(&self, uuid: Uuid, version: u32) -> Arc<AtomicU64> {
        let mut unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        unwritten.entry((uuid, version)).or_default().clone()
    }

    /// All such counters, taken down to zero.
    pub fn take_unwritten(&self) -> Vec<((Uuid, u32), u64)> {
        let unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        unwritten.iter().map(|(place, uses)| (*place, uses.swap(0, Ordering::AcqRel))).collect()
    }

    /// Runs a change in one transaction, and forgets what it made old before anyone is told that it happened.
    pub fn change<T>(&self, body: impl FnMut(&mut Change<'_>) -> Result<T>) -> Result<T> {
        let changed = {
            let _held = self.names_hold.read().unwrap_or_else(PoisonError::into_inner);
            self.store.change(body)?
        };
        let mut known = self.revision.lock().unwrap_or_else(PoisonError::into_inner);
        if changed.revision > *known {
            // The change is made: that the store cannot say just now what else has changed is no failure of it.
            if self.forget_since(*known, changed.removal_revision).is_err() {
                self.forget_where(|_| true);
            }
            *known = changed.revision;
        }
        Ok(changed.value)
    }

    /// Runs a change to one key, as `body` edits it. Nothing is written if `body` fails.
    pub fn edit<T>(
        &self,
        name: RowName<'_>,
        mut body: impl FnMut(&mut KeyEdit, &Change<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut was_due = false;
        let outcome = self.change(|change| {
            let family = change.family(name)?.ok_or_else(|| not_found(name))?;
            let now = platform::unix_seconds();
            if due::is_deleted(&family.head, now) {
                return Err(not_found(name));
            }
            was_due = due::is_due(&family.head, now);
            let mut edit = KeyEdit::new(&self.store, family)?;
            edit.let_time_pass(now)?;
            let value = body(&mut edit, change)?;
            edit.write(change)?;
            Ok(value)
        });
        if was_due && outcome.is_ok() {
            // A reader that keeps the write-ahead log busy only delays this to the next checkpoint.
            let _ = self.store.scrub();
        }
        outcome
    }

    /// Gives the store a new root key, while nobody reads by the old one.
    pub fn rekey(
        &self,
        root: &RootKeySource<'_>,
        require_lock: bool,
        progress: &mut dyn FnMut(u64, u64),
        before_commit: &mut dyn FnMut(Mac<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut known = self.revision.lock().unwrap_or_else(PoisonError::into_inner);
        let _alone = self.names_hold.write().unwrap_or_else(PoisonError::into_inner);
        self.store.rekey(root, require_lock, progress, before_commit)?;
        *known = self.store.seen_revision();
        self.forget_where(|_| true);
        Ok(())
    }
}
