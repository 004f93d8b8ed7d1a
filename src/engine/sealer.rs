//! What a lane seals and opens with: its generators and its subkeys, in protected memory. A batch of messages under one key
//! shares a subkey; the subkey of a key's batch stays while the batch goes on, and those of ciphertexts that were opened
//! last stay beside them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::ways::{Hashed, Ways};
use crate::crypto::blob::{self, HEADER_SIZE};
use crate::crypto::gcm::{Gcm, IV_SIZE};
use crate::crypto::rng::Generator;
use crate::crypto::secret::{self, Material, SecretBox};
use crate::crypto::uuid::{self, Uuid, uuid_hash};
use crate::crypto::xaes::{self, N1_SIZE};
use crate::error::{Error, Result};
use crate::keyring::{Key, KeyVersion};
use crate::platform::{self, Inherit};

/// Messages under one subkey (docs/format.md has the arithmetic).
const MAX_BATCH: u32 = 1024;
/// Subkeys that have opened something, by their N1.
const OPENERS: usize = 16;
/// Of a payload, or one that has not opened anything yet.
const CANDIDATE: usize = OPENERS;
/// The first batches have their subkeys in the lane's own pages, which have room for them.
const FIRST_BATCHES: usize = 6;
/// Further ones are in chunks of four pages.
const CHUNK: usize = 37;
const CHUNK_BYTES: usize = size_of::<[Option<Subkey>; CHUNK]>();

/// How much locked memory all lanes of a store may take for the subkeys of further batches: a quarter of what the process
/// may lock, so that none of it is missing where keys are kept.
pub struct Budget(Arc<AtomicUsize>);

impl Budget {
    const MOST: usize = 16 << 20;

    pub fn new() -> Self {
        let bytes = (platform::lockable_bytes() / 4).min(Self::MOST);
        Budget(Arc::new(AtomicUsize::new(bytes)))
    }

    fn take(&self, bytes: usize) -> bool {
        let less = |left: usize| left.checked_sub(bytes);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

impl Drop for Sealer {
    fn drop(&mut self) {
        self.budget.0.fetch_add(self.chunks.len() * CHUNK_BYTES, Ordering::Relaxed);
    }
}

/// The generators and subkeys of a lane.
pub struct Sealer {
    secrets: SecretBox<LaneSecrets>,
    /// The subkeys of further batches.
    chunks: Vec<SecretBox<[Option<Subkey>; CHUNK]>>,
    budget: Budget,
    batches: Ways<Batch>,
    max_batches: usize,
    /// Places for subkeys that batches have taken.
    taken: usize,
    /// The keyring's epoch in which the batches are.
    epoch: u64,
    /// Which of the subkeys is at a place now. These numbers are swapped, not the subkeys, which would leave copies on
    /// the stack.
    openers: [u8; OPENERS + 1],
    subkeys_derived: u64,
    system_rng: bool,
}

/// What lies in protected memory.
struct LaneSecrets {
    /// For data keys. Another stream than `public`, so that no public byte of a clone is a secret byte of another.
    secret: Generator,
    /// For N1, IVs and request ids.
    public: Generator,
    openers: [Option<Subkey>; OPENERS + 1],
    batches: [Option<Subkey>; FIRST_BATCHES],
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
    #[inline(always)]
    fn is(&self, key: &Key, version: &KeyVersion, n1: &[u8; N1_SIZE]) -> bool {
        self.n1 == *n1 && self.key == key.uuid && self.version == version.record.number
    }
}

/// The messages that are sealed under one subkey.
struct Batch {
    key: Uuid,
    n1: [u8; N1_SIZE],
    version: u32,
    used: u32,
    /// Where its subkey is.
    place: u32,
    /// The generator's seed: another ends the batch.
    seed: u64,
}

impl Hashed for Batch {
    fn hash(&self) -> u64 {
        uuid_hash(&self.key)
    }
}

/// One message: its IV, and where its subkey is.
pub struct Message {
    pub iv: [u8; IV_SIZE],
    place: Place,
}

#[derive(Clone, Copy)]
enum Place {
    Batch(u32),
    Opener(u8),
}

impl Sealer {
    /// More than a few thousand batches are of little use: one ends when the generator is seeded anew, every few
    /// milliseconds.
    pub fn new(require_lock: bool, system_rng: bool, budget: &Budget, max_batches: usize) -> Result<Self> {
        let empty = LaneSecrets {
            secret: Generator::unseeded(),
            public: Generator::unseeded(),
            openers: [const { None }; OPENERS + 1],
            batches: [const { None }; FIRST_BATCHES],
        };
        Ok(Sealer {
            secrets: SecretBox::new(empty, Inherit::Nothing, require_lock)?,
            chunks: Vec::new(),
            budget: Budget(budget.0.clone()),
            batches: Ways::new(max_batches),
            max_batches,
            taken: 0,
            epoch: 0,
            openers: std::array::from_fn(|place| place as u8),
            subkeys_derived: 0,
            system_rng,
        })
    }

    /// Seeds that its generators have taken.
    pub fn seeds(&self) -> u64 {
        self.secrets.secret.seeds() + self.secrets.public.seeds()
    }

    pub fn subkeys_derived(&self) -> u64 {
        self.subkeys_derived
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

    #[inline(always)]
    fn fill_public<const N: usize>(&mut self, out: &mut [u8; N]) -> Result<()> {
        if self.system_rng {
            return uuid::fill_from_kernel(out);
        }
        *out = self.secrets.public.bytes();
        Ok(())
    }

    #[inline]
    pub fn request_id(&mut self) -> Uuid {
        uuid::from_random(self.secrets.public.bytes())
    }

    /// The next message of the current batch, with a fresh IV. No caller chooses a nonce.
    #[inline(always)]
    pub fn next_message(
        &mut self,
        key: &Key,
        version: &KeyVersion,
        material: &Material,
        epoch: u64,
    ) -> Result<Message> {
        let mut iv = [0; IV_SIZE];
        self.fill_public(&mut iv)?;
        if self.epoch != epoch {
            self.forget_batches(epoch);
        }
        let seed = self.secrets.public.seeds();
        let number = version.record.number;
        let known = self.batches.find(uuid_hash(&key.uuid), |batch| batch.key == key.uuid);
        if let Some(batch) = known.and_then(|at| self.batches.get_mut(at))
            && (batch.used < MAX_BATCH && batch.version == number && batch.seed == seed)
        {
            batch.used += 1;
            let (place, n1) = (batch.place, &batch.n1);
            let subkey = subkey_of(&self.secrets, &self.chunks, place);
            if subkey.is_some_and(|subkey| subkey.is(key, version, n1)) {
                return Ok(Message { iv, place: Place::Batch(place) });
            }
        }
        let place = self.begin_batch(key, version, material, known)?;
        Ok(Message { iv, place: Place::Batch(place) })
    }

    /// Begins a batch with a fresh N1. `known` is where the key's batch before it is.
    #[cold]
    fn begin_batch(
        &mut self,
        key: &Key,
        version: &KeyVersion,
        material: &Material,
        known: Option<usize>,
    ) -> Result<u32> {
        let mut n1 = [0; N1_SIZE];
        self.fill_public(&mut n1)?;
        let seed = self.secrets.public.seeds();
        let before = known.and_then(|at| self.batches.get(at)).map(|batch| batch.place);
        let number = version.record.number;
        let begun = Batch { key: key.uuid, n1, version: number, used: 1, place: before.unwrap_or(0), seed };
        let (at, old) = self.batches.put(begun, |old| old.key == key.uuid);
        let place = match old.map(|old| old.place) {
            Some(place) => place,
            None => self.take_place(),
        };
        if let Some(batch) = self.batches.get_mut(at) {
            batch.place = place;
        }
        self.subkeys_derived += 1;
        match subkey_place(&mut self.secrets, &mut self.chunks, place) {
            Some(subkey) => derive(subkey, key, version, material, &n1),
            None => return Err(Error::Internal("no place for a subkey")),
        }
        Ok(place)
    }

    /// A place for one more batch's subkey. If there is no memory for it, some other batch's: that one begins anew when its
    /// key comes again.
    fn take_place(&mut self) -> u32 {
        let room = FIRST_BATCHES + CHUNK * self.chunks.len();
        if self.taken >= room && !self.add_chunk() {
            self.taken += 1;
            return (self.taken % room) as u32;
        }
        self.taken += 1;
        (self.taken - 1) as u32
    }

    fn add_chunk(&mut self) -> bool {
        if self.chunks.len() * CHUNK >= self.max_batches || !self.budget.take(CHUNK_BYTES) {
            return false;
        }
        // Only memory that is locked: there are other places for subkeys.
        let chunk = SecretBox::new([const { None }; CHUNK], Inherit::Nothing, true);
        chunk.map(|chunk| self.chunks.push(chunk)).is_ok()
    }

    /// A change of the keyring ends all batches: a key may be disabled or gone, and its subkeys with it.
    #[cold]
    fn forget_batches(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.batches.take_all().for_each(drop);
        self.taken = 0;
        let further = self.chunks.iter_mut().flat_map(|chunk| chunk.iter_mut());
        let LaneSecrets { batches, openers, .. } = &mut *self.secrets;
        for place in batches.iter_mut().chain(openers).chain(further).filter(|place| place.is_some()) {
            secret::clear(place);
        }
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
        let place = self.openers[CANDIDATE];
        derive(&mut self.secrets.openers[usize::from(place)], key, version, material, &n1);
        Ok(Message { iv, place: Place::Opener(place) })
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
        let subkey = match message.place {
            Place::Batch(place) => subkey_of(&self.secrets, &self.chunks, place),
            Place::Opener(place) => self.secrets.openers.get(usize::from(place)).and_then(Option::as_ref),
        };
        let Some(subkey) = subkey else { return Err(Error::Internal("an empty subkey")) };
        let sealed = blob::begin(out, header, &subkey.n1, &message.iv)?;
        subkey.gcm.seal(&message.iv, aad, plaintext, sealed)
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
        // The key's own batch: what was sealed here last is opened here first.
        let batch = self.batches.find(uuid_hash(&key.uuid), |batch| batch.key == key.uuid);
        let batch = batch.and_then(|at| self.batches.get(at));
        let of_batch = batch.and_then(|batch| subkey_of(&self.secrets, &self.chunks, batch.place));
        if let Some(subkey) = of_batch.filter(|subkey| subkey.is(key, version, n1)) {
            return open(&subkey.gcm);
        }
        let usual = usize::from(n1[0]) % OPENERS;
        let (place, candidate) = (usize::from(self.openers[usual]), usize::from(self.openers[CANDIDATE]));
        let subkeys = &mut self.secrets.openers;
        if let Some(subkey) = subkeys[place].as_ref().filter(|subkey| subkey.is(key, version, n1)) {
            return open(&subkey.gcm);
        }
        self.subkeys_derived += 1;
        derive(&mut subkeys[candidate], key, version, material, n1);
        let value = match &subkeys[candidate] {
            Some(subkey) => open(&subkey.gcm)?,
            None => return Err(Error::Internal("an empty subkey")),
        };
        self.openers.swap(usual, CANDIDATE);
        Ok(value)
    }
}

/// The subkey of a batch.
#[inline(always)]
fn subkey_of<'a>(
    secrets: &'a SecretBox<LaneSecrets>,
    chunks: &'a [SecretBox<[Option<Subkey>; CHUNK]>],
    place: u32,
) -> Option<&'a Subkey> {
    let place = place as usize;
    match place.checked_sub(FIRST_BATCHES) {
        None => secrets.batches.get(place)?.as_ref(),
        Some(further) => chunks.get(further / CHUNK)?.get(further % CHUNK)?.as_ref(),
    }
}

fn subkey_place<'a>(
    secrets: &'a mut SecretBox<LaneSecrets>,
    chunks: &'a mut [SecretBox<[Option<Subkey>; CHUNK]>],
    place: u32,
) -> Option<&'a mut Option<Subkey>> {
    let place = place as usize;
    match place.checked_sub(FIRST_BATCHES) {
        None => secrets.batches.get_mut(place),
        Some(further) => chunks.get_mut(further / CHUNK)?.get_mut(further % CHUNK),
    }
}

fn derive(
    place: &mut Option<Subkey>,
    key: &Key,
    version: &KeyVersion,
    material: &Material,
    n1: &[u8; N1_SIZE],
) {
    secret::on_key_stack(|| {
        let gcm = xaes::subkey(material.bytes(), n1);
        *place = Some(Subkey { key: key.uuid, version: version.record.number, n1: *n1, gcm });
    });
}
