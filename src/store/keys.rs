//! The keys of a store, and what is done with them: sealing rows, hashing names, summing rows.

use prost::Message;
use zeroize::Zeroizing;

use super::{Kind, Row, RowId, RowName};
use crate::crypto::gcm::TAG_SIZE;
use crate::crypto::kdf;
use crate::crypto::secret::SecretBox;
use crate::crypto::uuid::{self, Uuid};
use crate::crypto::xaes::{self, NONCE_SIZE};
use crate::error::{Error, Result};
use crate::platform::Inherit;
use crate::root::RootSecret;

const SEAL_FORMAT: u8 = 1;
/// Bytes of a grant's row id that say its key; its bucket follows.
const KEY_PREFIX: usize = 16;
const SEAL_OVERHEAD: usize = 1 + NONCE_SIZE + TAG_SIZE;

/// What each key of a store is derived for (HKDF's info; docs/format.md).
const LABELS: [&[u8]; 5] =
    [b"libkms/1 seal", b"libkms/1 index", b"libkms/1 sum", b"libkms/1 grant token", b"libkms/1 audit"];

/// The keys of one store. They outlive a fork: a child goes on with them.
pub struct StoreKeys {
    pub store_id: Uuid,
    keys: SecretBox<[[u8; 32]; LABELS.len()]>,
}

impl StoreKeys {
    pub fn new(store_id: Uuid, root: &RootSecret, require_lock: bool) -> Result<Self> {
        let mut keys = SecretBox::new([[0; 32]; LABELS.len()], Inherit::Copy, require_lock)?;
        for (key, label) in keys.iter_mut().zip(LABELS) {
            kdf::derive(root, &store_id, &[label], key);
        }
        Ok(StoreKeys { store_id, keys })
    }

    fn seal_key(&self) -> &[u8; 32] {
        &self.keys[0]
    }

    fn index_key(&self) -> &[u8; 32] {
        &self.keys[1]
    }

    fn sum_key(&self) -> &[u8; 32] {
        &self.keys[2]
    }

    /// Authenticates a grant token.
    pub fn token_mac(&self, bytes: &[u8]) -> [u8; 32] {
        kdf::mac(&self.keys[3], &[bytes])
    }

    /// Authenticates a state of the audit log.
    pub fn audit_mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        kdf::mac(&self.keys[4], parts)
    }

    pub fn row_id(&self, name: RowName<'_>) -> RowId {
        let kind = (name.kind() as u16).to_be_bytes();
        let mac = |parts: &[&[u8]]| kdf::mac(self.index_key(), parts);
        match name {
            RowName::Key(uuid) | RowName::Usage(uuid) | RowName::Policy(uuid) | RowName::GrantIndex(uuid) => {
                mac(&[&kind, uuid])
            }
            RowName::KeyName(text) | RowName::Alias(text) => mac(&[&kind, text.as_bytes()]),
            RowName::Grant(uuid, grant_id) => {
                let [bucket, ..] = *grant_id;
                let mut id = mac(&[&kind, uuid, grant_id.as_slice()]);
                let prefix = self.bucket_prefix(uuid, bucket);
                id.iter_mut().zip(prefix).for_each(|(place, byte)| *place = byte);
                id
            }
            RowName::Version(uuid, number) | RowName::Material(uuid, number) => {
                mac(&[&kind, uuid, &number.to_be_bytes()])
            }
        }
    }

    /// What the row ids of a key's grants begin with.
    pub fn grants_prefix(&self, uuid: &Uuid) -> [u8; KEY_PREFIX] {
        let index = self.row_id(RowName::GrantIndex(uuid));
        std::array::from_fn(|at| index.get(at).copied().unwrap_or_default())
    }

    /// What the row ids of the grants in a bucket begin with.
    pub fn bucket_prefix(&self, uuid: &Uuid, bucket: u8) -> [u8; KEY_PREFIX + 1] {
        let key = self.grants_prefix(uuid);
        std::array::from_fn(|at| key.get(at).copied().unwrap_or(bucket))
    }

    /// The bucket that a grant's row is in.
    pub fn bucket_of(id: &RowId) -> u8 {
        id[KEY_PREFIX]
    }

    fn aad(&self, kind: Kind, id: &RowId, revision: u64) -> Vec<u8> {
        let id_len = (id.len() as u32).to_be_bytes();
        let kind = (kind as u16).to_be_bytes();
        [&[SEAL_FORMAT][..], &self.store_id, &kind, &id_len, id, &revision.to_be_bytes()].concat()
    }

    /// Locks the copy that a child of fork inherited.
    pub fn relock(&self) {
        self.keys.relock();
    }

    pub fn seal(&self, kind: Kind, id: RowId, owner: RowId, revision: u64, plaintext: &[u8]) -> Result<Row> {
        let mut sealed = vec![0; plaintext.len() + SEAL_OVERHEAD];
        let mut nonce = [0; NONCE_SIZE];
        uuid::fill_from_kernel(&mut nonce)?;
        let (format, rest) = sealed.split_at_mut(1);
        let (nonce_place, body) = rest.split_at_mut(NONCE_SIZE);
        format.copy_from_slice(&[SEAL_FORMAT]);
        nonce_place.copy_from_slice(&nonce);
        xaes::seal(self.seal_key(), &nonce, &self.aad(kind, &id, revision), plaintext, body)?;
        Ok(Row { kind, id, owner, revision, sealed })
    }

    pub fn unseal(&self, row: &Row) -> Result<Zeroizing<Vec<u8>>> {
        let mut plaintext = Zeroizing::new(vec![0; row.sealed.len().saturating_sub(SEAL_OVERHEAD)]);
        self.unseal_into(row, &mut plaintext)?;
        Ok(plaintext)
    }

    pub fn unseal_into(&self, row: &Row, out: &mut [u8]) -> Result<()> {
        let damaged = || Error::corrupt(format!("the seal of a row ({:?}) is broken", row.kind));
        if row.sealed.len() != out.len() + SEAL_OVERHEAD {
            return Err(damaged());
        }
        let (format, rest) = row.sealed.split_first().ok_or_else(damaged)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_SIZE>().ok_or_else(damaged)?;
        if *format != SEAL_FORMAT {
            return Err(damaged());
        }
        let aad = self.aad(row.kind, &row.id, row.revision);
        xaes::open(self.seal_key(), nonce, &aad, body, out).map_err(|_| damaged())
    }

    pub fn unseal_record<T: Message + Default>(&self, row: &Row) -> Result<T> {
        let plaintext = self.unseal(row)?;
        T::decode(plaintext.as_slice()).map_err(|_| Error::corrupt("a record cannot be decoded"))
    }

    /// What a row adds to a sum.
    pub fn term(&self, row: &Row) -> Sum {
        let kind = (row.kind as u16).to_be_bytes();
        let parts = [&kind[..], &row.id, &row.owner, &row.revision.to_be_bytes(), &row.sealed];
        Sum::from_bytes(&kdf::mac(self.sum_key(), &parts)).unwrap_or_default()
    }
}

/// A keyed, order-free sum of rows: four lanes modulo 2^64 of their HMACs. It is kept sealed, so nobody without the
/// keys can see terms to combine.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum([u64; 4]);

impl Sum {
    pub fn from_bytes(bytes: &[u8]) -> Result<Sum> {
        if bytes.len() != 32 {
            return Err(Error::corrupt("a sum has a wrong length"));
        }
        let mut sum = Sum::default();
        for (lane, chunk) in sum.0.iter_mut().zip(bytes.chunks_exact(8)) {
            *lane = chunk.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        }
        Ok(sum)
    }

    pub fn to_bytes(self) -> Vec<u8> {
        self.0.iter().flat_map(|lane| lane.to_be_bytes()).collect()
    }

    pub fn add(&mut self, term: Sum) {
        self.0.iter_mut().zip(term.0).for_each(|(lane, term)| *lane = lane.wrapping_add(term));
    }

    pub fn plus(mut self, term: Sum) -> Sum {
        self.add(term);
        self
    }

    pub fn remove(&mut self, term: Sum) {
        self.0.iter_mut().zip(term.0).for_each(|(lane, term)| *lane = lane.wrapping_sub(term));
    }
}
