//! Lanes: what a running thread needs to itself, so that no caller waits for another.
//!
//! A lane has a generator for secrets and one for public values, the subkeys in use, and a memo of the keys it used
//! last. A call takes its thread's usual lane with one uncontended compare-and-swap; if another thread has it just
//! then, the next free one; if none is free, a fresh one for this call.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use smallvec::SmallVec;

use super::call::Decisions;
use super::sealer::{Budget, Sealer};
use super::tokens::TokenMemos;
use super::usage::{Ledger, Uses};
use super::ways::{Hashed, Ways};
use crate::crypto::aad::AadBuffer;
use crate::crypto::uuid::{Uuid, uuid_hash};
use crate::error::{Error, Result};
use crate::keyring::{Key, KeyName, Keyring, KeyringSettings};

/// Names, keys, batches and uses that a lane remembers at most, and the least of that. In between it is an eighth of what the keyring may
/// have in memory, because what a lane remembers stays there.
const MEMOS: usize = 2048;
const LEAST_MEMOS: usize = 64;

/// What the calls of this process did, for kms_stats.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    pub data_keys: u64,
    pub encrypted: u64,
    pub decrypted: u64,
    pub subkeys: u64,
    pub seeds: u64,
}

impl Counts {
    fn add(&mut self, other: &Counts) {
        self.data_keys += other.data_keys;
        self.encrypted += other.encrypted;
        self.decrypted += other.decrypted;
        self.subkeys += other.subkeys;
        self.seeds += other.seeds;
    }
}

pub struct Lanes {
    slots: Box<[Slot]>,
    /// Counts of lanes that were made for one call.
    passed: Mutex<Counts>,
    /// Uses that are in no lane any more, and not written yet.
    pub left_over: Mutex<Ledger>,
    /// Keys that a lane may remember.
    max_memos: usize,
    /// Locked memory that lanes may still take for subkeys.
    budget: Budget,
    require_lock: bool,
    system_rng: bool,
}

/// On a cache line pair of its own, so that neighbours do not slow each other down.
#[repr(align(128))]
struct Slot(Mutex<Option<Lane>>);

impl Lanes {
    pub fn new(settings: &KeyringSettings, system_rng: bool) -> Self {
        // Two for each processor: a thread that is preempted inside a call keeps its lane. A power of two, so that no
        // call has to divide.
        let processors = std::thread::available_parallelism().map_or(4, usize::from);
        let slots =
            (0..(2 * processors).next_power_of_two().clamp(8, 128)).map(|_| Slot(Mutex::new(None))).collect();
        Lanes {
            slots,
            passed: Mutex::new(Counts::default()),
            left_over: Mutex::default(),
            max_memos: (settings.max_cached_keys / 8).next_power_of_two().clamp(LEAST_MEMOS, MEMOS),
            budget: Budget::new(),
            require_lock: settings.require_lock,
            system_rng,
        }
    }

    /// Lets `work` have a lane. Never waits for one.
    #[inline(always)]
    pub fn with<T>(&self, work: impl FnOnce(&mut Lane) -> Result<T>) -> Result<T> {
        thread_local! {
            static USUAL: Cell<usize> = const { Cell::new(usize::MAX) };
        }
        let mut usual = USUAL.get();
        if usual == usize::MAX {
            usual = next_thread();
            USUAL.set(usual);
        }
        let count = self.slots.len();
        let mut held = None;
        for offset in 0..count {
            let Some(slot) = self.slots.get((usual + offset) & (count - 1)) else { break };
            match slot.0.try_lock() {
                Ok(place) => held = Some(place),
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Poisoned(poisoned)) => {
                    // A panic left it half done.
                    slot.0.clear_poison();
                    let mut place = poisoned.into_inner();
                    *place = None;
                    held = Some(place);
                }
            }
            if offset != 0 {
                USUAL.set(usual + offset);
            }
            break;
        }
        let mut passing = None;
        let lane = match &mut held {
            Some(place) => {
                if place.is_none() {
                    self.build(place)?;
                }
                place.as_mut()
            }
            None => Some(&mut *passing.insert(self.another()?).0),
        };
        // Called in one place only, so that it becomes a part of its caller.
        match lane {
            Some(lane) => work(lane),
            None => Err(Error::Internal("an empty lane")),
        }
    }

    /// Not inlined, as `another`: what they move would make the frame of every call 20 KiB larger.
    #[cold]
    #[inline(never)]
    fn build(&self, place: &mut Option<Lane>) -> Result<()> {
        *place = Some(Lane::new(self)?);
        Ok(())
    }

    /// A lane for one call alone.
    #[cold]
    #[inline(never)]
    fn another(&self) -> Result<Passing<'_>> {
        Ok(Passing(Box::new(Lane::new(self)?), self))
    }

    /// Takes the uses that are counted in lanes which nobody has just now.
    pub fn take_uses(&self, ledger: &mut Ledger) {
        for slot in &self.slots {
            if let Ok(mut lane) = slot.0.try_lock()
                && let Some(lane) = lane.as_mut()
            {
                lane.uses.take(ledger);
            }
        }
    }

    pub fn counts(&self) -> Counts {
        let mut total = *self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        for slot in &self.slots {
            if let Some(lane) = slot.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
                total.add(&lane.counts());
            }
        }
        total
    }

    /// Lanes that exist.
    pub fn len(&self) -> usize {
        let exists = |slot: &&Slot| slot.0.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        self.slots.iter().filter(exists).count()
    }
}

fn next_thread() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed) % (1 << 20)
}

/// A lane whose counts outlive it.
struct Passing<'a>(Box<Lane>, &'a Lanes);

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        let Passing(lane, lanes) = self;
        lanes.passed.lock().unwrap_or_else(PoisonError::into_inner).add(&lane.counts());
        lane.uses.take(&mut lanes.left_over.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Its parts are borrowed one by one: a call holds a key of `keys` while `sealer` works with it.
pub struct Lane {
    pub keys: KeyMemos,
    pub decisions: Decisions,
    pub tokens: TokenMemos,
    pub sealer: Sealer,
    pub aad: AadBuffer,
    pub done: Counts,
    pub uses: Uses,
}

impl Lane {
    fn new(lanes: &Lanes) -> Result<Self> {
        Ok(Lane {
            keys: KeyMemos::new(lanes.max_memos),
            decisions: Decisions::new(),
            tokens: TokenMemos::new(),
            sealer: Sealer::new(lanes.require_lock, lanes.system_rng, &lanes.budget, lanes.max_memos)?,
            aad: AadBuffer::default(),
            done: Counts::default(),
            uses: Uses::new(lanes.max_memos),
        })
    }

    fn counts(&self) -> Counts {
        Counts { seeds: self.sealer.seeds(), subkeys: self.sealer.subkeys_derived(), ..self.done }
    }
}

/// The keys that a lane used last, in one epoch of the keyring: another forgets them all, so that no lane keeps the material
/// of a key that is disabled or gone for longer than to its next call.
pub struct KeyMemos {
    epoch: u64,
    by_name: Ways<NameMemo>,
    by_uuid: Ways<UuidMemo>,
}

/// With what is compared in itself: to look elsewhere is a miss of the processor's cache for each of many keys.
struct NameMemo {
    hash: u64,
    key: Arc<Key>,
    /// A UUID and most aliases fit.
    name: SmallVec<[u8; 36]>,
}

impl Hashed for NameMemo {
    fn hash(&self) -> u64 {
        self.hash
    }
}

struct UuidMemo {
    uuid: Uuid,
    key: Arc<Key>,
}

impl Hashed for UuidMemo {
    fn hash(&self) -> u64 {
        uuid_hash(&self.uuid)
    }
}

impl KeyMemos {
    fn new(max: usize) -> Self {
        KeyMemos { epoch: 0, by_name: Ways::new(max), by_uuid: Ways::new(max) }
    }

    #[inline(always)]
    pub fn by_name(&mut self, keyring: &Keyring, name: KeyName<'_>, epoch: u64) -> Result<&Key> {
        if self.epoch != epoch {
            self.forget(epoch);
        }
        let text = name.as_str().as_bytes();
        let hash = ends_hash(text);
        let at = match self.by_name.find(hash, |memo| memo.hash == hash && *memo.name == *text) {
            Some(at) => at,
            None => self.look_up_name(keyring, name, hash)?,
        };
        self.by_name.get(at).map(|memo| &*memo.key).ok_or_else(|| Error::Internal("an empty memo"))
    }

    #[cold]
    fn look_up_name(&mut self, keyring: &Keyring, name: KeyName<'_>, hash: u64) -> Result<usize> {
        let key = keyring.by_name(name)?;
        let text = name.as_str().as_bytes();
        let memo = NameMemo { hash, key, name: SmallVec::from_slice(text) };
        Ok(self.by_name.put(memo, |old| *old.name == *text).0)
    }

    /// None if no key has this UUID.
    #[inline]
    pub fn by_uuid(&mut self, keyring: &Keyring, uuid: &Uuid, epoch: u64) -> Result<Option<&Key>> {
        if self.epoch != epoch {
            self.forget(epoch);
        }
        let at = match self.by_uuid.find(uuid_hash(uuid), |memo| memo.uuid == *uuid) {
            Some(at) => at,
            None => {
                let Some(key) = keyring.by_uuid(uuid)? else { return Ok(None) };
                self.by_uuid.put(UuidMemo { uuid: *uuid, key }, |old| old.uuid == *uuid).0
            }
        };
        Ok(self.by_uuid.get(at).map(|memo| &*memo.key))
    }

    #[cold]
    fn forget(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.by_name.take_all().for_each(drop);
        self.by_uuid.take_all().for_each(drop);
    }
}

/// A few ns for any length: the first and last eight bytes, in which ids and aliases differ.
fn ends_hash(bytes: &[u8]) -> u64 {
    let word = |part: Option<&[u8; 8]>| part.map_or(0, |part| u64::from_le_bytes(*part));
    let mixed = word(bytes.first_chunk()) ^ word(bytes.last_chunk()).rotate_left(17) ^ bytes.len() as u64;
    let short =
        if bytes.len() < 8 { bytes.iter().fold(0, |hash, byte| hash << 8 | u64::from(*byte)) } else { 0 };
    (mixed ^ short).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40
}
