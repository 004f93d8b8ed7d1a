//! Sealed rows: what makes a store trustworthy whoever can write to it.
//!
//! - Each row is sealed with XAES-256-GCM under a key of its own store, with its kind, id and revision as AAD, so that
//!   an edited row, a row moved elsewhere and a row of another store are refused.
//! - A key's head row seals a sum over the key's other rows, and the store row one over all head rows. A row that was
//!   left out, inserted or brought back from an old copy does not add up.
//! - Names are looked up by HMAC, and the sealed name must be the one that was looked up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prost::Message;
use zeroize::Zeroizing;

use super::record::{KeyRecord, StoreRecord};
use super::{Header, Kind, Row, RowId, Rows, Store, Transaction};
use crate::crypto::gcm::TAG_SIZE;
use crate::crypto::kdf;
use crate::crypto::secret::{Material, MaterialSlab, SecretBox};
use crate::crypto::uuid::{self, Uuid};
use crate::crypto::xaes::{self, NONCE_SIZE};
use crate::error::{Error, Result};
use crate::platform::{self, Inherit};
use crate::root::{RootKeySource, RootSecret};

const SEAL_FORMAT: u8 = 1;
const SEAL_OVERHEAD: usize = 1 + NONCE_SIZE + TAG_SIZE;
const STORE_ROW: RowId = [0; 32];
/// Stores with at most this many rows are checked whole when they are opened.
const SMALL_STORE_ROWS: u64 = 4096;

/// The keys of one store. They outlive a fork: a child goes on with them.
struct StoreKeys {
    store_id: Uuid,
    keys: SecretBox<[[u8; 32]; 3]>,
}

impl StoreKeys {
    fn new(store_id: Uuid, root: &RootSecret, require_lock: bool) -> Result<Self> {
        let mut keys = SecretBox::new([[0; 32]; 3], Inherit::Copy, require_lock)?;
        for (key, label) in keys.iter_mut().zip([&b"libkms/1 seal"[..], b"libkms/1 index", b"libkms/1 sum"]) {
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

    fn row_id(&self, kind: Kind, name: &[&[u8]]) -> RowId {
        let kind = (kind as u16).to_be_bytes();
        let parts: Vec<&[u8]> = std::iter::once(&kind[..]).chain(name.iter().copied()).collect();
        kdf::mac(self.index_key(), &parts)
    }

    fn aad(&self, kind: Kind, id: &RowId, revision: u64) -> Vec<u8> {
        let id_len = (id.len() as u32).to_be_bytes();
        let kind = (kind as u16).to_be_bytes();
        [&[SEAL_FORMAT][..], &self.store_id, &kind, &id_len, id, &revision.to_be_bytes()].concat()
    }

    fn seal(&self, kind: Kind, id: RowId, owner: RowId, revision: u64, plaintext: &[u8]) -> Result<Row> {
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

    fn unseal(&self, row: &Row) -> Result<Zeroizing<Vec<u8>>> {
        let mut plaintext = Zeroizing::new(vec![0; row.sealed.len().saturating_sub(SEAL_OVERHEAD)]);
        self.unseal_into(row, &mut plaintext)?;
        Ok(plaintext)
    }

    fn unseal_into(&self, row: &Row, out: &mut [u8]) -> Result<()> {
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

    fn unseal_record<T: Message + Default>(&self, row: &Row) -> Result<T> {
        let plaintext = self.unseal(row)?;
        T::decode(plaintext.as_slice()).map_err(|_| Error::corrupt("a record cannot be decoded"))
    }

    /// What a row adds to a sum.
    fn term(&self, row: &Row) -> Sum {
        let kind = (row.kind as u16).to_be_bytes();
        let parts = [&kind[..], &row.id, &row.owner, &row.revision.to_be_bytes(), &row.sealed];
        Sum::from_bytes(&kdf::mac(self.sum_key(), &parts)).unwrap_or_default()
    }
}

/// A keyed, order-free sum of rows: four lanes modulo 2^64 of their HMACs. It is kept sealed, so nobody without the
/// keys can see terms to combine.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Sum([u64; 4]);

impl Sum {
    fn from_bytes(bytes: &[u8]) -> Result<Sum> {
        if bytes.len() != 32 {
            return Err(Error::corrupt("a sum has a wrong length"));
        }
        let mut sum = Sum::default();
        for (lane, chunk) in sum.0.iter_mut().zip(bytes.chunks_exact(8)) {
            *lane = chunk.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        }
        Ok(sum)
    }

    fn to_bytes(self) -> Vec<u8> {
        self.0.iter().flat_map(|lane| lane.to_be_bytes()).collect()
    }

    fn add(&mut self, term: Sum) {
        self.0.iter_mut().zip(term.0).for_each(|(lane, term)| *lane = lane.wrapping_add(term));
    }

    fn remove(&mut self, term: Sum) {
        self.0.iter_mut().zip(term.0).for_each(|(lane, term)| *lane = lane.wrapping_sub(term));
    }
}

/// A key as read from the store, its rows complete and authentic; all unsealed but the material.
pub struct Family {
    pub head: KeyRecord,
    pub owner: RowId,
    /// The store's revision when the key was changed last.
    revision: u64,
    rows: Vec<Row>,
}

impl Family {
    /// The rows of a kind.
    pub fn rows(&self, kind: Kind) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.kind == kind)
    }
}

/// A store whose rows are sealed under the keys of one root secret.
pub struct SealedStore {
    store: Box<dyn Store>,
    keys: Arc<StoreKeys>,
    /// The highest revision seen; the store may never go back behind it.
    seen: AtomicU64,
    account_id: String,
}

/// How SealedStore::open creates a store that is not there.
pub struct Creation<'a> {
    pub account_id: &'a str,
}

impl SealedStore {
    /// Opens a store, or creates it where `create` says how. Any number of processes may do so at once.
    pub fn open(
        store: Box<dyn Store>,
        root: &RootKeySource<'_>,
        create: Option<&Creation<'_>>,
        require_lock: bool,
    ) -> Result<Self> {
        loop {
            if let Some(header) = store.header()? {
                let secret = root.secret(&header.root_kind, require_lock)?;
                header.verify(&secret)?;
                return Self::open_existing(store, &header, &secret, require_lock);
            }
            let Some(creation) = create else {
                return Err(Error::StoreNotFound("the store's place".into()));
            };
            let kind = root.new_kind()?;
            let secret = root.secret(&kind, require_lock)?;
            let header = Header::new(uuid::random()?, kind, &secret);
            let keys = StoreKeys::new(header.store_id, &secret, require_lock)?;
            let record = StoreRecord {
                heads_sum: Sum::default().to_bytes(),
                account_id: creation.account_id.to_string(),
                created_at: platform::unix_seconds(),
                ..StoreRecord::default()
            };
            let first = keys.seal(Kind::Store, STORE_ROW, STORE_ROW, 1, &record.encode_to_vec())?;
            if store.create(&header, &first)? {
                return Self::open_existing(store, &header, &secret, require_lock);
            }
            // Another process created it first: its header says how its root secret is made.
        }
    }

    fn open_existing(
        store: Box<dyn Store>,
        header: &Header,
        secret: &RootSecret,
        require_lock: bool,
    ) -> Result<Self> {
        let keys = Arc::new(StoreKeys::new(header.store_id, secret, require_lock)?);
        let mut sealed = SealedStore { store, keys, seen: AtomicU64::new(0), account_id: String::new() };
        let (revision, record) = sealed.store_row(sealed.store.as_ref())?;
        sealed.account_id = record.account_id;
        sealed.seen.store(revision, Ordering::Release);
        if record.rows_len <= SMALL_STORE_ROWS {
            sealed.check_whole()?;
        }
        Ok(sealed)
    }

    /// The same store for a child of fork.
    pub fn reopen(&self) -> Result<Self> {
        self.keys.keys.relock();
        Ok(SealedStore {
            store: self.store.reopen()?,
            keys: self.keys.clone(),
            seen: AtomicU64::new(self.seen.load(Ordering::Acquire)),
            account_id: self.account_id.clone(),
        })
    }

    pub fn store_id(&self) -> Uuid {
        self.keys.store_id
    }

    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// The highest revision seen.
    pub fn seen_revision(&self) -> u64 {
        self.seen.load(Ordering::Acquire)
    }

    pub fn row_id(&self, kind: Kind, name: &[&[u8]]) -> RowId {
        self.keys.row_id(kind, name)
    }

    pub fn unseal_record<T: Message + Default>(&self, row: &Row) -> Result<T> {
        self.keys.unseal_record(row)
    }

    /// A version's material, from its row straight into protected memory.
    pub fn material(&self, row: &Row, slab: &Arc<MaterialSlab>) -> Result<Material> {
        slab.material(|place| self.keys.unseal_into(row, place))
    }

    fn store_row(&self, rows: &(impl Rows + ?Sized)) -> Result<(u64, StoreRecord)> {
        // Before the row is read: another thread may commit, and see more, in between.
        let seen = self.seen_revision();
        let row = rows
            .get(Kind::Store, &STORE_ROW)?
            .ok_or_else(|| Error::corrupt("the row about the store is missing"))?;
        // The seal does not cover the owner. The sums do for all other rows.
        if row.owner != STORE_ROW {
            return Err(Error::corrupt("the row about the store was edited"));
        }
        let record: StoreRecord = self.keys.unseal_record(&row)?;
        if row.revision < seen {
            return Err(Error::corrupt("its revision went back: an older copy was put in its place"));
        }
        Ok((row.revision, record))
    }

    /// The store's revision now, and the last one that removed a key.
    pub fn revision(&self) -> Result<(u64, u64)> {
        let (revision, record) = self.store_row(self.store.as_ref())?;
        self.seen.fetch_max(revision, Ordering::AcqRel);
        Ok((revision, record.removal_revision))
    }

    pub fn owners_since(&self, revision: u64) -> Result<Vec<RowId>> {
        self.store.owners_since(revision)
    }

    /// The key that a row belongs to, or None if there is no such row.
    pub fn family(&self, kind: Kind, id: &RowId) -> Result<Option<Family>> {
        let family = self.family_of(self.store.as_ref(), kind, id)?;
        if let Some(family) = &family {
            self.seen.fetch_max(family.revision, Ordering::AcqRel);
        }
        Ok(family)
    }

    fn family_of(&self, rows: &(impl Rows + ?Sized), kind: Kind, id: &RowId) -> Result<Option<Family>> {
        let mut members = rows.family(kind, id)?;
        if members.is_empty() {
            return Ok(None);
        }
        let head = members
            .iter()
            .position(|row| row.kind == Kind::Key)
            .ok_or_else(|| Error::corrupt("a key's head row is missing"))?;
        let head_row = members.swap_remove(head);
        let head: KeyRecord = self.keys.unseal_record(&head_row)?;
        let mut sum = Sum::default();
        members.iter().for_each(|row| sum.add(self.keys.term(row)));
        if sum != Sum::from_bytes(&head.rows_sum)? {
            return Err(Error::corrupt(format!(
                "rows of key {:?} were changed, left out, inserted or brought back",
                head.key_id
            )));
        }
        Ok(Some(Family { head, owner: head_row.id, revision: head_row.revision, rows: members }))
    }

    /// Up to `limit` unsealed records of a kind after a row id, with their row ids.
    pub fn page<T: Message + Default>(
        &self,
        kind: Kind,
        owner: Option<&RowId>,
        after: Option<&RowId>,
        limit: usize,
    ) -> Result<Vec<(RowId, T)>> {
        let rows = self.store.page(kind, owner, after, limit)?;
        rows.iter().map(|row| Ok((row.id, self.keys.unseal_record(row)?))).collect()
    }

    /// Checks every sum: the store's over all head rows, each head's over its rows, and that there is no other row.
    fn check_whole(&self) -> Result<()> {
        const PAGE: usize = 256;
        let (mut heads, mut accounted, mut after) = (Sum::default(), 1, None);
        let (before, record) = self.store_row(self.store.as_ref())?;
        loop {
            let page = self.store.page(Kind::Key, None, after.as_ref(), PAGE)?;
            for row in &page {
                heads.add(self.keys.term(row));
                if let Some(family) = self.family_of(self.store.as_ref(), Kind::Key, &row.id)? {
                    accounted += 1 + family.rows.len() as u64;
                }
            }
            after = page.last().map(|row| row.id);
            if page.len() < PAGE {
                break;
            }
        }
        let rows = self.store.count()?;
        // Only a store at rest adds up: if another process changed it meanwhile, that process has checked it too.
        let (now, _) = self.store_row(self.store.as_ref())?;
        if now == before && (heads != Sum::from_bytes(&record.heads_sum)? || accounted != rows) {
            return Err(Error::corrupt("rows were left out, inserted or brought back from an old copy"));
        }
        Ok(())
    }

    /// Runs `body` in one transaction; its changes are durable when this returns Ok, and none is made otherwise.
    pub fn change<T>(&self, mut body: impl FnMut(&mut Change<'_>) -> Result<T>) -> Result<Changed<T>> {
        let mut outcome = None;
        self.store.write(&mut |transaction| {
            let (revision, record) = self.store_row(transaction)?;
            let revision = revision + 1;
            let mut change = Change { store: self, transaction, revision, record };
            let value = body(&mut change)?;
            let removal_revision = change.record.removal_revision;
            change.finish()?;
            outcome = Some(Changed { value, revision, removal_revision });
            Ok(())
        })?;
        let changed = outcome.ok_or(Error::Internal("a transaction without an outcome"))?;
        self.seen.fetch_max(changed.revision, Ordering::AcqRel);
        Ok(changed)
    }
}

/// A committed change.
pub struct Changed<T> {
    pub value: T,
    pub revision: u64,
    /// The last revision that removed a key.
    pub removal_revision: u64,
}

/// One transaction on sealed rows. Every change to a key goes through `update`, which keeps its sums.
pub struct Change<'a> {
    store: &'a SealedStore,
    transaction: &'a mut dyn Transaction,
    revision: u64,
    record: StoreRecord,
}

/// A row to write: what it is, and its plaintext.
pub struct NewRow<'a> {
    pub kind: Kind,
    pub id: RowId,
    pub plaintext: &'a [u8],
}

impl Change<'_> {
    pub fn exists(&self, kind: Kind, id: &RowId) -> Result<bool> {
        Ok(self.transaction.get(kind, id)?.is_some())
    }

    /// The key that a row belongs to, as this transaction sees it.
    pub fn family(&self, kind: Kind, id: &RowId) -> Result<Option<Family>> {
        self.store.family_of(&*self.transaction, kind, id)
    }

    /// Writes a new key: its head row and the rows that belong to it.
    pub fn insert_key(&mut self, owner: RowId, head: KeyRecord, rows: &[NewRow<'_>]) -> Result<()> {
        self.write_family(owner, head, None, rows, &[])?;
        self.record.keys_len += 1;
        Ok(())
    }

    /// Writes a key's head row anew, writes or replaces `rows` of it, and deletes others.
    pub fn update_key(
        &mut self,
        family: &Family,
        head: KeyRecord,
        rows: &[NewRow<'_>],
        deleted: &[(Kind, RowId)],
    ) -> Result<()> {
        let old = self
            .transaction
            .get(Kind::Key, &family.owner)?
            .ok_or(Error::Internal("an update of a key that is not there"))?;
        self.write_family(family.owner, head, Some(old), rows, deleted)
    }

    fn write_family(
        &mut self,
        owner: RowId,
        mut head: KeyRecord,
        old_head: Option<Row>,
        rows: &[NewRow<'_>],
        deleted: &[(Kind, RowId)],
    ) -> Result<()> {
        let keys = &self.store.keys;
        let mut sum = match old_head {
            Some(_) => Sum::from_bytes(&head.rows_sum)?,
            None => Sum::default(),
        };
        let replaced = rows.iter().map(|row| (row.kind, row.id)).chain(deleted.iter().copied());
        for (kind, id) in replaced {
            if let Some(old) = self.transaction.get(kind, &id)? {
                sum.remove(keys.term(&old));
                self.record.rows_len -= 1;
            }
        }
        for (kind, id) in deleted {
            self.transaction.delete(*kind, id)?;
        }
        for row in rows {
            let sealed = keys.seal(row.kind, row.id, owner, self.revision, row.plaintext)?;
            sum.add(keys.term(&sealed));
            self.transaction.put(&sealed)?;
            self.record.rows_len += 1;
        }
        head.rows_sum = sum.to_bytes();
        let sealed = keys.seal(Kind::Key, owner, owner, self.revision, &head.encode_to_vec())?;
        let mut heads = Sum::from_bytes(&self.record.heads_sum)?;
        match old_head {
            Some(old) => heads.remove(keys.term(&old)),
            None => self.record.rows_len += 1,
        }
        heads.add(keys.term(&sealed));
        self.record.heads_sum = heads.to_bytes();
        self.transaction.put(&sealed)
    }

    fn finish(self) -> Result<()> {
        let plaintext = self.record.encode_to_vec();
        let row = self.store.keys.seal(Kind::Store, STORE_ROW, STORE_ROW, self.revision, &plaintext)?;
        self.transaction.put(&row)
    }
}
