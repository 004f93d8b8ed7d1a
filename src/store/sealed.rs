//! Sealed rows: what makes a store trustworthy whoever can write to it.
//!
//! - Each row is sealed with XAES-256-GCM under a key of its own store, with its kind, id and revision as AAD, so that
//!   an edited row, a row moved elsewhere and a row of another store are refused.
//! - A key's head row seals a sum over the key's other rows, and the store row one over all head rows. A row that was
//!   left out, inserted or brought back from an old copy does not add up.
//! - Names are looked up by HMAC, and the sealed name must be the one that was looked up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use prost::Message;

use super::change::{Change, Changed};
use super::grants::GrantIndex;
use super::keys::{StoreKeys, Sum};
use super::record::{KeyRecord, StoreRecord};
use super::{Among, Header, Kind, Row, RowId, RowName, Rows, Store, Transaction};
use crate::access::{self, TokenClaim};
use crate::crypto::secret::{Material, MaterialSlab};
use crate::crypto::uuid::{self, Uuid};
use crate::error::{Error, Result};
use crate::platform;
use crate::root::{RootKeySource, RootSecret};

pub(super) const STORE_ROW: RowId = [0; 32];
/// Stores with at most this many rows are checked whole when they are opened.
const SMALL_STORE_ROWS: u64 = 4096;

/// A key as read from the store, its rows complete and authentic; all unsealed but the material.
pub struct Family {
    pub head: KeyRecord,
    pub owner: RowId,
    /// The store's revision when the key was changed last.
    revision: u64,
    pub(super) rows: Vec<Row>,
}

impl Family {
    /// The rows of a kind.
    pub fn rows(&self, kind: Kind) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.kind == kind)
    }
}

/// A store whose rows are sealed under the keys of one root secret.
pub struct SealedStore {
    pub(super) store: Box<dyn Store>,
    pub(super) sealing: ArcSwap<Sealing>,
    /// The highest revision seen; the store may never go back behind it.
    seen: AtomicU64,
    account_id: String,
}

/// Under which root key the rows are sealed; replaced as a whole by rekey.
pub(super) struct Sealing {
    pub header: Header,
    pub keys: Arc<StoreKeys>,
}

/// How SealedStore::open creates a store that is not there.
pub struct Creation<'a> {
    pub account_id: &'a str,
}

impl SealedStore {
    /// Opens a store, or creates it where `create` says how. Any number of processes may do so at once.
    pub fn open(
        store: Box<dyn Store>,
        place: &str,
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
                return Err(Error::StoreNotFound(place.into()));
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
        let sealing = ArcSwap::from_pointee(Sealing { header: header.clone(), keys });
        let mut sealed = SealedStore { store, sealing, seen: AtomicU64::new(0), account_id: String::new() };
        let (revision, record) = sealed.store_row(sealed.store.as_ref())?;
        sealed.account_id = record.account_id;
        sealed.seen.store(revision, Ordering::Release);
        Ok(sealed)
    }

    /// That a small store is whole; of a large one, each key is checked when it is loaded, and verify_step does the rest.
    pub fn check_if_small(&self) -> Result<()> {
        let (_, record) = self.store_row(self.store.as_ref())?;
        if record.rows_len <= SMALL_STORE_ROWS { self.check_whole() } else { Ok(()) }
    }

    /// The same store for a child of fork.
    pub fn reopen(&self) -> Result<Self> {
        self.keys().relock();
        Ok(SealedStore {
            store: self.store.reopen()?,
            sealing: ArcSwap::new(self.sealing.load_full()),
            seen: AtomicU64::new(self.seen.load(Ordering::Acquire)),
            account_id: self.account_id.clone(),
        })
    }

    pub(super) fn keys(&self) -> Arc<StoreKeys> {
        self.sealing.load().keys.clone()
    }

    pub fn store_id(&self) -> Uuid {
        self.keys().store_id
    }

    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// How many keys there are, as the store row says.
    pub fn keys_len(&self) -> Result<u64> {
        Ok(self.store_row(self.store.as_ref())?.1.keys_len)
    }

    /// The highest revision seen.
    pub fn seen_revision(&self) -> u64 {
        self.seen.load(Ordering::Acquire)
    }

    pub(super) fn note_revision(&self, revision: u64) {
        self.seen.fetch_max(revision, Ordering::AcqRel);
    }

    pub fn row_id(&self, name: RowName<'_>) -> RowId {
        self.keys().row_id(name)
    }

    pub fn unseal_record<T: Message + Default>(&self, row: &Row) -> Result<T> {
        self.keys().unseal_record(row)
    }

    /// A version's material, from its row straight into protected memory.
    pub fn material(&self, row: &Row, slab: &Arc<MaterialSlab>) -> Result<Material> {
        slab.material(|place| self.keys().unseal_into(row, place))
    }

    /// Authenticates a state of the audit log.
    pub fn audit_mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.keys().audit_mac(parts)
    }

    pub fn issue_grant_token(&self, claim: &TokenClaim) -> String {
        access::issue_token(claim, |bytes| self.keys().token_mac(bytes))
    }

    /// What a grant token says; None if this store has not issued it.
    pub fn read_grant_token(&self, token: &str) -> Option<TokenClaim> {
        access::read_token(token, |bytes| self.keys().token_mac(bytes))
    }

    pub(super) fn is_opened_with(&self, header: &Header) -> bool {
        *header == self.sealing.load().header
    }

    /// The same for what was found outside the store.
    pub fn rekeyed_or_damaged(&self, error: Error) -> Error {
        match error {
            Error::CorruptStore(_) => self.rekeyed_or(error, self.store.as_ref()),
            error => error,
        }
    }

    /// A seal that does not open is no damage if the store has been given another root key meanwhile.
    pub(super) fn rekeyed_or(&self, error: Error, rows: &(impl Rows + ?Sized)) -> Error {
        match rows.header() {
            Ok(Some(header)) if !self.is_opened_with(&header) => Error::Rekeyed,
            _ => error,
        }
    }

    pub(super) fn store_row(&self, rows: &(impl Rows + ?Sized)) -> Result<(u64, StoreRecord)> {
        // Before the row is read: another thread may commit, and see more, in between.
        let seen = self.seen_revision();
        let row = rows
            .get(Kind::Store, &STORE_ROW)?
            .ok_or_else(|| Error::corrupt("the row about the store is missing"))?;
        // The seal does not cover the owner. The sums do for all other rows.
        if row.owner != STORE_ROW {
            return Err(Error::corrupt("the row about the store was edited"));
        }
        let record: StoreRecord =
            self.keys().unseal_record(&row).map_err(|error| self.rekeyed_or(error, rows))?;
        if row.revision < seen {
            return Err(Error::corrupt("its revision went back: an older copy was put in its place"));
        }
        Ok((row.revision, record))
    }

    /// The store's revision now, and the last one that removed a key.
    pub fn revision(&self) -> Result<(u64, u64)> {
        let (revision, record) = self.store_row(self.store.as_ref())?;
        self.note_revision(revision);
        Ok((revision, record.removal_revision))
    }

    pub fn owners_since(&self, revision: u64) -> Result<Vec<RowId>> {
        self.store.owners_since(revision)
    }

    /// The key that a row belongs to, or None if there is no such row.
    pub fn family(&self, name: RowName<'_>) -> Result<Option<Family>> {
        let keys = self.keys();
        match self.family_of(self.store.as_ref(), name.kind(), &keys.row_id(name))? {
            Some(family) => {
                self.note_revision(family.revision);
                Ok(Some(family))
            }
            // Not there, or under another name since the store was given another root key.
            None => match self.rekeyed_or(Error::WrongRootKey, self.store.as_ref()) {
                Error::Rekeyed => Err(Error::Rekeyed),
                _ => Ok(None),
            },
        }
    }

    pub(super) fn family_of(
        &self,
        rows: &(impl Rows + ?Sized),
        kind: Kind,
        id: &RowId,
    ) -> Result<Option<Family>> {
        let mut members = rows.family(kind, id)?;
        if members.is_empty() {
            return Ok(None);
        }
        let head = members
            .iter()
            .position(|row| row.kind == Kind::Key)
            .ok_or_else(|| Error::corrupt("a key's head row is missing"))?;
        let head_row = members.swap_remove(head);
        let keys = self.keys();
        let head: KeyRecord = keys.unseal_record(&head_row).map_err(|error| self.rekeyed_or(error, rows))?;
        let mut sum = Sum::default();
        members.iter().for_each(|row| sum.add(keys.term(row)));
        if sum != Sum::from_bytes(&head.rows_sum)? {
            return Err(Error::corrupt(format!(
                "rows of key {:?} were changed, left out, inserted or brought back",
                head.key_id
            )));
        }
        if members.iter().any(|row| row.kind == Kind::Grant) {
            return Err(Error::Unsupported(
                format!("key {:?} has grants of a format from before the first release", head.key_id).into(),
            ));
        }
        Ok(Some(Family { head, owner: head_row.id, revision: head_row.revision, rows: members }))
    }

    /// Up to `limit` unsealed records of a kind after a row id, with their row ids.
    pub fn page<T: Message + Default>(
        &self,
        kind: Kind,
        among: Among<'_>,
        after: Option<&RowId>,
        limit: usize,
    ) -> Result<Vec<(RowId, T)>> {
        let keys = self.keys();
        let rows = self.store.page(kind, among, after, limit)?;
        rows.iter().map(|row| Ok((row.id, keys.unseal_record(row)?))).collect()
    }

    /// Checks every sum: the store's over all head rows, each head's over its rows, and that there is no other row.
    fn check_whole(&self) -> Result<()> {
        self.store.snapshot(&mut |rows| {
            let mut accounted = 1;
            self.check_heads(rows, |head| {
                if let Some(family) = self.family_of(rows, Kind::Key, &head.id)? {
                    let uuid = family.head.uuid()?;
                    let mut check = |index: &GrantIndex, row: &Row| {
                        self.check_grant(&uuid, &family.head.key_id, index, row)
                    };
                    accounted += self.walk_grants(rows, &uuid, &family.head.grants_sum, &mut check)?;
                    accounted += 1 + family.rows.len() as u64;
                }
                Ok(())
            })?;
            if accounted != rows.count()? {
                return Err(Error::corrupt("there are rows that belong to no key"));
            }
            rows.check_indexes()
        })
    }

    /// Walks all head rows of one state and checks the store's sum over them.
    pub(super) fn check_heads(
        &self,
        rows: &dyn Rows,
        mut each: impl FnMut(&Row) -> Result<()>,
    ) -> Result<()> {
        const PAGE: usize = 256;
        let (mut heads, mut after, keys) = (Sum::default(), None, self.keys());
        loop {
            let page = rows.page(Kind::Key, Among::All, after.as_ref(), PAGE)?;
            for row in &page {
                heads.add(keys.term(row));
                each(row)?;
            }
            after = page.last().map(|row| row.id);
            if page.len() < PAGE {
                break;
            }
        }
        let (_, record) = self.store_row(rows)?;
        if heads != Sum::from_bytes(&record.heads_sum)? {
            return Err(Error::corrupt("keys were left out, inserted or brought back from an old copy"));
        }
        Ok(())
    }

    /// Sees to it that deleted rows have left no trace in the store's files.
    pub fn scrub(&self) -> Result<()> {
        self.store.scrub()
    }

    pub fn backup(&self, path: &str) -> Result<()> {
        self.store.backup(path)
    }

    /// When the next key is due, as far as is known (Unix time in seconds); 0 = none.
    pub fn next_due_at(&self) -> Result<i64> {
        Ok(self.store_row(self.store.as_ref())?.1.next_due_at)
    }

    /// Runs `body` in one transaction; its changes are durable when this returns Ok, and none is made otherwise.
    pub fn change<T>(&self, mut body: impl FnMut(&mut Change<'_>) -> Result<T>) -> Result<Changed<T>> {
        let mut outcome = None;
        self.store.write(&mut |transaction| {
            let (revision, record) = self.store_row(transaction)?;
            let revision = revision + 1;
            let mut change = Change { store: self, keys: self.keys(), transaction, revision, record };
            let value = body(&mut change)?;
            let removal_revision = change.record.removal_revision;
            change.finish()?;
            outcome = Some(Changed { value, revision, removal_revision });
            Ok(())
        })?;
        let changed = outcome.ok_or(Error::Internal("a transaction without an outcome"))?;
        self.note_revision(changed.revision);
        Ok(changed)
    }
}

/// A transaction as what it reads.
pub(super) fn as_rows<'a>(transaction: &'a (dyn Transaction + 'a)) -> &'a dyn Rows {
    transaction
}
