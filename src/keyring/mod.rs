//! What is cached of the store, and for how long it may be believed.
//!
//! Keys load on demand, once however many threads ask, into a bounded cache. A cached key is believed for
//! max_staleness_ms after the store was last asked for its revision; when that has changed, the keys that changed are
//! dropped and the epoch moves on, which tells every lane that what it remembers may be old. Changes made through
//! this process are dropped from the cache at once.

mod key;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use quick_cache::sync::Cache;

pub use key::{Key, KeyVersion, XAES_256_GCM};

use crate::crypto::secret::MaterialSlab;
use crate::crypto::uuid::Uuid;
use crate::error::{Detail, Error, Result};
use crate::platform;
use crate::store::sealed::{Change, Family, SealedStore};
use crate::store::{Kind, RowId};

/// Keys kept in memory; each takes less than 1 KiB.
const CACHE_CAPACITY: usize = 16 * 1024;

/// A key's id or alias, as callers name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyName<'a> {
    Id(&'a str),
    Alias(&'a str),
}

impl KeyName<'_> {
    fn row(self) -> (Kind, &'static str) {
        match self {
            KeyName::Id(_) => (Kind::KeyName, "id"),
            KeyName::Alias(_) => (Kind::Alias, "alias"),
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            KeyName::Id(text) | KeyName::Alias(text) => text,
        }
    }

    pub fn not_found(&self) -> Error {
        match self {
            KeyName::Id(id) => Error::not_found(Detail::Key, *id),
            KeyName::Alias(alias) => Error::not_found(Detail::Alias, *alias),
        }
    }
}

pub struct Keyring {
    store: SealedStore,
    slab: Arc<MaterialSlab>,
    keys: Cache<Uuid, Arc<Key>>,
    /// Ids and aliases; what a name leads to is believed only if the key still answers to it.
    names: Cache<String, Uuid>,
    epoch: AtomicU64,
    /// When the next caller asks the store, and until when nobody has to wait for the answer; monotonic ms.
    refresh_at: AtomicU64,
    believed_until: AtomicU64,
    /// The revision that the cache stands at. Locked by whoever asks the store.
    revision: Mutex<u64>,
    max_staleness_ms: u64,
    timeout: Duration,
    loads: AtomicU64,
    refreshes: AtomicU64,
}

impl Keyring {
    pub fn new(store: SealedStore, max_staleness_ms: u64, timeout: Duration, require_lock: bool) -> Self {
        let now = platform::monotonic_ms();
        Keyring {
            revision: Mutex::new(store.seen_revision()),
            store,
            slab: MaterialSlab::new(require_lock),
            keys: Cache::new(CACHE_CAPACITY),
            names: Cache::new(CACHE_CAPACITY),
            epoch: AtomicU64::new(1),
            refresh_at: AtomicU64::new(now + max_staleness_ms / 2),
            believed_until: AtomicU64::new(now + max_staleness_ms),
            max_staleness_ms,
            timeout,
            loads: AtomicU64::new(0),
            refreshes: AtomicU64::new(0),
        }
    }

    pub fn store(&self) -> &SealedStore {
        &self.store
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

    fn believe_from(&self, asked_at_ms: u64) {
        self.believed_until.store(asked_at_ms + self.max_staleness_ms, Ordering::Release);
        self.refresh_at.store(asked_at_ms + self.max_staleness_ms / 2, Ordering::Release);
    }

    fn forget_since(&self, known: u64, removal: u64) -> Result<()> {
        // Before, so that a key which another thread is loading now is not kept (see load); and after, so that no
        // lane remembers in the new epoch what it took from the cache in between.
        self.epoch.fetch_add(1, Ordering::AcqRel);
        if removal > known {
            self.keys.clear();
            self.names.clear();
        } else {
            let changed = self.store.owners_since(known)?;
            self.keys.retain(|_, key| !changed.contains(&key.owner));
        }
        self.epoch.fetch_add(1, Ordering::AcqRel);
        Ok(())
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
                let (kind, _) = name.row();
                let id = self.store.row_id(kind, &[name.as_str().as_bytes()]);
                let key = self.load(kind, &id)?.ok_or_else(|| name.not_found())?;
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
                let id = self.store.row_id(Kind::Key, &[uuid]);
                let key = self.load(Kind::Key, &id)?;
                // The others that wait find it in the cache now.
                drop(guard);
                Ok(key)
            }
            quick_cache::sync::GuardResult::Timeout => Err(Error::DependencyTimeout("the store")),
        }
    }

    /// Loads a key into the cache. If anything changed while it was loaded, it may be old already: once more.
    fn load(&self, kind: Kind, id: &RowId) -> Result<Option<Arc<Key>>> {
        loop {
            let epoch = self.epoch.load(Ordering::Acquire);
            self.loads.fetch_add(1, Ordering::Relaxed);
            let Some(family) = self.store.family(kind, id)? else { return Ok(None) };
            let key = Arc::new(Key::from_family(&self.store, &family, &self.slab)?);
            self.keys.insert(key.uuid, key.clone());
            if self.epoch.load(Ordering::Acquire) == epoch {
                return Ok(Some(key));
            }
            self.keys.remove(&key.uuid);
        }
    }

    /// Runs a change in one transaction, and forgets what it made old before anyone is told that it happened.
    pub fn change<T>(&self, body: impl FnMut(&mut Change<'_>) -> Result<T>) -> Result<T> {
        let changed = self.store.change(body)?;
        let mut known = self.revision.lock().unwrap_or_else(PoisonError::into_inner);
        if changed.revision > *known {
            self.forget_since(*known, changed.removal_revision)?;
            *known = changed.revision;
        }
        Ok(changed.value)
    }

    /// The family of a key inside a change.
    pub fn family_in(&self, change: &Change<'_>, name: KeyName<'_>) -> Result<Family> {
        let (kind, _) = name.row();
        let id = self.store.row_id(kind, &[name.as_str().as_bytes()]);
        let family = change.family(kind, &id)?.ok_or_else(|| name.not_found())?;
        Ok(family)
    }
}
