//! Lanes: what a running thread needs to itself, so that no caller waits for another.
//!
//! A lane has a generator for secrets and one for public values, the subkeys in use, and a memo of the keys it used
//! last. A call takes its thread's usual lane with one uncontended compare-and-swap; if another thread has it just
//! then, the next free one; if none is free, a fresh one for this call.

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::call::Decisions;
use super::usage::{Ledger, Uses};
use crate::crypto::blob::{self, HEADER_SIZE};
use crate::crypto::gcm::{Gcm, IV_SIZE};
use crate::crypto::rng::Generator;
use crate::crypto::secret::{self, Material, SecretBox};
use crate::crypto::uuid::{self, Uuid};
use crate::crypto::xaes::{self, N1_SIZE};
use crate::error::{Error, Result};
use crate::keyring::{Key, KeyName, KeyVersion, Keyring};
use crate::platform::Inherit;

/// Messages under one subkey (docs/format.md has the arithmetic).
const MAX_BATCH: u32 = 1024;
/// Subkeys and keys that a lane remembers. A subkey's place is given by its N1, a key's by its name or UUID.
const SUBKEYS: usize = 32;
const CANDIDATE: usize = SUBKEYS;
const MEMOS: usize = 64;

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
    require_lock: bool,
    system_rng: bool,
}

/// On a cache line pair of its own, so that neighbours do not slow each other down.
#[repr(align(128))]
struct Slot(Mutex<Option<Lane>>);

/// A lane for the length of one call.
pub enum LaneGuard<'a> {
    Usual(MutexGuard<'a, Option<Lane>>),
    Extra(Box<Lane>, &'a Lanes),
}

impl Lanes {
    pub fn new(require_lock: bool, system_rng: bool) -> Self {
        // Two for each processor: a thread that is preempted inside a call keeps its lane.
        let processors = std::thread::available_parallelism().map_or(4, usize::from);
        let slots = (0..(2 * processors).clamp(8, 128)).map(|_| Slot(Mutex::new(None))).collect();
        Lanes {
            slots,
            passed: Mutex::new(Counts::default()),
            left_over: Mutex::default(),
            require_lock,
            system_rng,
        }
    }

    /// Takes a lane. Never waits.
    #[inline(always)]
    pub fn take(&self) -> Result<LaneGuard<'_>> {
        thread_local! {
            static USUAL: Cell<usize> = const { Cell::new(usize::MAX) };
        }
        let mut usual = USUAL.get();
        if usual == usize::MAX {
            usual = next_thread();
            USUAL.set(usual);
        }
        let count = self.slots.len();
        for offset in 0..count {
            let Some(slot) = self.slots.get((usual + offset) % count) else { break };
            let mut lane = match slot.0.try_lock() {
                Ok(lane) => lane,
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Poisoned(poisoned)) => {
                    // A panic left it half done.
                    slot.0.clear_poison();
                    let mut lane = poisoned.into_inner();
                    *lane = None;
                    lane
                }
            };
            if lane.is_none() {
                self.build(&mut lane)?;
            }
            if offset != 0 {
                USUAL.set(usual + offset);
            }
            return Ok(LaneGuard::Usual(lane));
        }
        self.extra()
    }

    /// Not inlined, as `extra`: what they move would make the frame of every call 20 KiB larger.
    #[cold]
    #[inline(never)]
    fn build(&self, place: &mut Option<Lane>) -> Result<()> {
        *place = Some(Lane::new(self.require_lock, self.system_rng)?);
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn extra(&self) -> Result<LaneGuard<'_>> {
        Ok(LaneGuard::Extra(Box::new(Lane::new(self.require_lock, self.system_rng)?), self))
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

impl LaneGuard<'_> {
    #[inline]
    pub fn lane(&mut self) -> Result<&mut Lane> {
        match self {
            LaneGuard::Usual(lane) => lane.as_mut().ok_or_else(|| Error::Internal("an empty lane")),
            LaneGuard::Extra(lane, _) => Ok(lane),
        }
    }
}

impl Drop for LaneGuard<'_> {
    fn drop(&mut self) {
        if let LaneGuard::Extra(lane, lanes) = self {
            lanes.passed.lock().unwrap_or_else(PoisonError::into_inner).add(&lane.counts());
            lane.uses.take(&mut lanes.left_over.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// Its parts are borrowed one by one: a call holds a key of `keys` while `sealer` works with it.
pub struct Lane {
    pub keys: KeyMemos,
    pub decisions: Decisions,
    pub sealer: Sealer,
    /// AAD being built; holds nothing secret.
    pub aad: Vec<u8>,
    pub done: Counts,
    pub uses: Uses,
}

impl Lane {
    fn new(require_lock: bool, system_rng: bool) -> Result<Self> {
        Ok(Lane {
            keys: KeyMemos::new(),
            decisions: Decisions::new(),
            sealer: Sealer::new(require_lock, system_rng)?,
            aad: Vec::new(),
            done: Counts::default(),
            uses: Uses::new(),
        })
    }

    fn counts(&self) -> Counts {
        let secrets = &self.sealer.secrets;
        let seeds = secrets.secret.seeds() + secrets.public.seeds();
        Counts { seeds, subkeys: self.sealer.subkeys_derived, ..self.done }
    }
}

/// The keys that a lane used last. A memo is believed as long as the keyring's epoch is the same.
pub struct KeyMemos {
    by_name: [Option<NameMemo>; MEMOS],
    by_uuid: [Option<UuidMemo>; MEMOS],
}

struct NameMemo {
    name: Box<str>,
    epoch: u64,
    key: Arc<Key>,
}

struct UuidMemo {
    epoch: u64,
    key: Arc<Key>,
}

impl KeyMemos {
    fn new() -> Self {
        KeyMemos { by_name: [const { None }; MEMOS], by_uuid: [const { None }; MEMOS] }
    }

    #[inline(always)]
    pub fn by_name(&mut self, keyring: &Keyring, name: KeyName<'_>, epoch: u64) -> Result<&Key> {
        let place = &mut self.by_name[ends_hash(name.as_str().as_bytes()) as usize % MEMOS];
        let hit = place.as_ref().is_some_and(|memo| memo.epoch == epoch && *memo.name == *name.as_str());
        if !hit {
            let key = keyring.by_name(name)?;
            *place = Some(NameMemo { name: name.as_str().into(), epoch, key });
        }
        place.as_ref().map(|memo| &*memo.key).ok_or_else(|| Error::Internal("an empty memo"))
    }

    /// None if no key has this UUID.
    #[inline]
    pub fn by_uuid(&mut self, keyring: &Keyring, uuid: &Uuid, epoch: u64) -> Result<Option<&Key>> {
        let place = &mut self.by_uuid[usize::from(uuid[0]) % MEMOS];
        let hit = place.as_ref().is_some_and(|memo| memo.epoch == epoch && memo.key.uuid == *uuid);
        if !hit {
            let Some(key) = keyring.by_uuid(uuid)? else { return Ok(None) };
            *place = Some(UuidMemo { epoch, key });
        }
        Ok(place.as_ref().map(|memo| &*memo.key))
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

/// The generators and subkeys of a lane.
pub struct Sealer {
    secrets: SecretBox<LaneSecrets>,
    batches: [Option<Batch>; MEMOS],
    /// Which of the subkeys is at a place now. These numbers are swapped, not the subkeys, which would leave copies on
    /// the stack.
    places: [u8; SUBKEYS + 1],
    subkeys_derived: u64,
    system_rng: bool,
}

/// What lies in protected memory.
struct LaneSecrets {
    /// For data keys. Another stream than `public`, so that no public byte of a clone is a secret byte of another.
    secret: Generator,
    /// For N1, IVs and request ids.
    public: Generator,
    /// One more than are remembered: the last is of a payload, or has not opened anything yet.
    subkeys: [Option<Subkey>; SUBKEYS + 1],
}

/// In this order, so that it has no gaps (see Gcm).
#[repr(C)]
struct Subkey {
    key: Uuid,
    n1: [u8; N1_SIZE],
    version: u32,
    gcm: Gcm,
}

impl Subkey {
    fn is(&self, key: &Key, version: &KeyVersion, n1: &[u8; N1_SIZE]) -> bool {
        self.n1 == *n1 && self.key == key.uuid && self.version == version.record.number
    }
}

/// The messages that are sealed under one subkey.
struct Batch {
    key: Uuid,
    version: u32,
    n1: [u8; N1_SIZE],
    used: u32,
    /// The keyring's epoch and the generator's seed: a change of either ends the batch.
    epoch: u64,
    seed: u64,
}

impl Batch {
    fn goes_on(&self, key: &Key, version: u32, epoch: u64, seed: u64) -> bool {
        self.used < MAX_BATCH
            && self.key == key.uuid
            && self.version == version
            && self.epoch == epoch
            && self.seed == seed
    }
}

/// The nonces of one message, and where its subkey is.
pub struct Message {
    n1: [u8; N1_SIZE],
    pub iv: [u8; IV_SIZE],
    place: usize,
}

impl Sealer {
    fn new(require_lock: bool, system_rng: bool) -> Result<Self> {
        let empty = LaneSecrets {
            secret: Generator::unseeded(),
            public: Generator::unseeded(),
            subkeys: [const { None }; SUBKEYS + 1],
        };
        Ok(Sealer {
            secrets: SecretBox::new(empty, Inherit::Nothing, require_lock)?,
            batches: [const { None }; MEMOS],
            places: std::array::from_fn(|place| place as u8),
            subkeys_derived: 0,
            system_rng,
        })
    }

    /// Sees to it that the generators may be used in this call; after it, they cannot fail.
    #[inline]
    pub fn wake(&mut self, now_ms: u64) -> Result<()> {
        let LaneSecrets { secret, public, .. } = &mut *self.secrets;
        if secret.is_stale(now_ms) || public.is_stale(now_ms) {
            secret.seed(now_ms)?;
            public.seed(now_ms)?;
        }
        Ok(())
    }

    /// Bytes that shall be secret.
    #[inline]
    pub fn fill_secret(&mut self, out: &mut [u8]) -> Result<()> {
        if self.system_rng {
            return uuid::fill_from_kernel(out);
        }
        self.secrets.secret.fill(out);
        Ok(())
    }

    #[inline]
    fn public_bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        if self.system_rng {
            let mut bytes = [0; N];
            uuid::fill_from_kernel(&mut bytes)?;
            return Ok(bytes);
        }
        Ok(self.secrets.public.bytes())
    }

    #[inline]
    pub fn request_id(&mut self) -> Uuid {
        uuid::from_random(self.secrets.public.bytes())
    }

    /// The next message of the current batch, with a fresh IV. No caller chooses a nonce.
    #[inline]
    pub fn next_message(
        &mut self,
        key: &Key,
        version: &KeyVersion,
        material: &Material,
        epoch: u64,
    ) -> Result<Message> {
        let iv = self.public_bytes::<IV_SIZE>()?;
        let n1 = self.next_n1(key, version.record.number, epoch)?;
        let place = self.place(usize::from(n1[0]) % SUBKEYS);
        let subkey = &mut self.secrets.subkeys[place];
        if !subkey.as_ref().is_some_and(|subkey| subkey.is(key, version, &n1)) {
            self.subkeys_derived += 1;
            derive(subkey, key, version, material, &n1);
        }
        Ok(Message { n1, iv, place })
    }

    /// Counts a message in the key's batch, and begins a new batch where that one is over.
    #[inline]
    fn next_n1(&mut self, key: &Key, version: u32, epoch: u64) -> Result<[u8; N1_SIZE]> {
        let seed = self.secrets.public.seeds();
        let place = usize::from(key.uuid[0]) % MEMOS;
        if let Some(batch) = &mut self.batches[place]
            && batch.goes_on(key, version, epoch, seed)
        {
            batch.used += 1;
            return Ok(batch.n1);
        }
        let n1 = self.public_bytes::<N1_SIZE>()?;
        self.batches[place] = Some(Batch { key: key.uuid, version, n1, used: 1, epoch, seed });
        Ok(n1)
    }

    /// A payload: a subkey of its own, and its nonces from the kernel.
    pub fn payload_message(
        &mut self,
        key: &Key,
        version: &KeyVersion,
        material: &Material,
    ) -> Result<Message> {
        let (mut n1, mut iv) = ([0; N1_SIZE], [0; IV_SIZE]);
        uuid::fill_from_kernel(&mut n1)?;
        uuid::fill_from_kernel(&mut iv)?;
        self.subkeys_derived += 1;
        let place = self.place(CANDIDATE);
        derive(&mut self.secrets.subkeys[place], key, version, material, &n1);
        Ok(Message { n1, iv, place })
    }

    /// Writes a message's ciphertext blob into `out`, blob::OVERHEAD longer than its plaintext.
    #[inline]
    pub fn seal(
        &self,
        message: &Message,
        header: &[u8; HEADER_SIZE],
        aad: &[u8],
        plaintext: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        let sealed = blob::begin(out, header, &message.n1, &message.iv)?;
        match &self.secrets.subkeys[message.place] {
            Some(subkey) => subkey.gcm.seal(&message.iv, aad, plaintext, sealed),
            None => Err(Error::Internal("an empty subkey")),
        }
    }

    /// Lets `open` work with the subkey of an N1; one that opened something is remembered.
    #[inline]
    pub fn with_subkey<T>(
        &mut self,
        key: &Key,
        version: &KeyVersion,
        material: &Material,
        n1: &[u8; N1_SIZE],
        open: impl FnOnce(&Gcm) -> Result<T>,
    ) -> Result<T> {
        let usual = usize::from(n1[0]) % SUBKEYS;
        let (place, candidate) = (self.place(usual), self.place(CANDIDATE));
        let subkeys = &mut self.secrets.subkeys;
        if let Some(subkey) = subkeys[place].as_ref().filter(|subkey| subkey.is(key, version, n1)) {
            return open(&subkey.gcm);
        }
        self.subkeys_derived += 1;
        derive(&mut subkeys[candidate], key, version, material, n1);
        let value = match &subkeys[candidate] {
            Some(subkey) => open(&subkey.gcm)?,
            None => return Err(Error::Internal("an empty subkey")),
        };
        self.places.swap(usual, CANDIDATE);
        Ok(value)
    }

    #[inline]
    fn place(&self, usual: usize) -> usize {
        usize::from(self.places[usual])
    }
}

fn derive(
    place: &mut Option<Subkey>,
    key: &Key,
    version: &KeyVersion,
    material: &Material,
    n1: &[u8; N1_SIZE],
) {
    secret::on_wiped_stack::<{ secret::KEY_WORK_DEPTH }, _>(|| {
        let gcm = xaes::subkey(material.bytes(), n1);
        *place = Some(Subkey { key: key.uuid, version: version.record.number, n1: *n1, gcm });
    });
}
