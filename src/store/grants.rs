//! The grants of a key. They are not of its family, so that a key with many of them loads as fast as one without.
//!
//! Each grant is in one of 256 buckets, by a keyed hash of its grantee. The key's GrantIndex row seals a sum over the
//! rows of each bucket, and the key's head row a sum over that row; so what one principal is granted is complete and
//! authentic once his bucket was read. A grant's row id begins with its key and its bucket, and its revision is its
//! place among the grants of its key.

use std::collections::BTreeMap;

use prost::Message;

use super::change::Change;
use super::keys::{StoreKeys, Sum};
use super::record::{GrantIndexRecord, GrantRecord, KeyRecord};
use super::sealed::{SealedStore, as_rows};
use super::{Among, Kind, Row, RowId, RowName, Rows};
use crate::access::GrantId;
use crate::crypto::uuid::{self, Uuid};
use crate::crypto::{hex, kdf};
use crate::error::{Detail, Error, Result};

/// Rows that are read at once.
pub(super) const PAGE: usize = 256;
/// What the ids of grants are derived for (docs/format.md).
const BUCKET: &[u8] = &[1];
const NAMED: &[u8] = &[2];
const ENTRY: usize = 1 + 32;

/// How many grants a key has, and the sum over each bucket.
#[derive(Clone)]
pub struct GrantIndex {
    pub len: u64,
    /// Gives the buckets of grantees and the ids of named grants; outlives a change of the root key, as they do.
    id_key: [u8; 32],
    sums: BTreeMap<u8, Sum>,
}

impl GrantIndex {
    /// Of a key without grants.
    fn new() -> Result<Self> {
        let mut id_key = [0; 32];
        uuid::fill_from_kernel(&mut id_key)?;
        Ok(GrantIndex { len: 0, id_key, sums: BTreeMap::new() })
    }

    fn from_record(record: &GrantIndexRecord) -> Result<Self> {
        let damaged = || Error::corrupt("a key's index of grants cannot be decoded");
        let id_key = record.id_key.as_slice().try_into().map_err(|_| damaged())?;
        let (entries, rest) = record.sums.as_chunks::<ENTRY>();
        let entries = entries.iter().map(|[bucket, sum @ ..]| Ok((*bucket, Sum::from_bytes(sum)?)));
        let sums = entries.collect::<Result<BTreeMap<u8, Sum>>>()?;
        if rest.is_empty() { Ok(GrantIndex { len: record.grants_len, id_key, sums }) } else { Err(damaged()) }
    }

    fn to_record(&self, key: &Uuid) -> GrantIndexRecord {
        let entries = self.sums.iter().map(|(bucket, sum)| [&[*bucket][..], &sum.to_bytes()].concat());
        GrantIndexRecord {
            key_uuid: key.to_vec(),
            grants_len: self.len,
            id_key: self.id_key.to_vec(),
            sums: entries.collect::<Vec<_>>().concat(),
        }
    }

    /// Where a principal's grants are.
    pub fn bucket(&self, grantee: &str) -> u8 {
        let [bucket, ..] = kdf::mac(&self.id_key, &[BUCKET, grantee.as_bytes()]);
        bucket
    }

    /// The id of a new grant: its bucket, then what its name and content give, or random bytes if it has no name.
    pub fn new_id(&self, grant: &GrantRecord) -> Result<GrantId> {
        let mut id = if grant.name.is_empty() {
            let mut random = [0; 32];
            uuid::fill_from_kernel(&mut random)?;
            random
        } else {
            let content = GrantRecord {
                grant_id: String::new(),
                key_id: String::new(),
                created_at: 0,
                ..grant.clone()
            };
            kdf::mac(&self.id_key, &[NAMED, &content.encode_to_vec()])
        };
        let [first, ..] = &mut id;
        *first = self.bucket(&grant.grantee);
        Ok(id)
    }

    /// The sum over a bucket's rows; None if it is empty.
    pub fn sum(&self, bucket: u8) -> Option<Sum> {
        self.sums.get(&bucket).copied()
    }

    pub(super) fn add(&mut self, bucket: u8, term: Sum) {
        self.sums.entry(bucket).or_default().add(term);
    }

    fn remove(&mut self, bucket: u8, term: Sum) {
        let sum = self.sums.entry(bucket).or_default();
        sum.remove(term);
        if *sum == Sum::default() {
            self.sums.remove(&bucket);
        }
    }

    /// The same, for rows that are still to be sealed under another root key.
    pub(super) fn without_sums(&self) -> GrantIndex {
        GrantIndex { sums: BTreeMap::new(), ..self.clone() }
    }
}

/// What a bucket holds now.
pub struct BucketRead {
    pub index: GrantIndex,
    /// None: nothing.
    pub sum: Option<Sum>,
    /// The key's revision.
    pub revision: u64,
    pub grants: BucketGrants,
}

pub enum BucketGrants {
    /// Those that are known.
    Known,
    /// These beside those that are known.
    Added(Vec<GrantRecord>),
    All(Vec<GrantRecord>),
}

impl SealedStore {
    /// Reads the bucket that `choose` finds; `known` gives the sum of what the caller knows of it already, and at which
    /// revision it was read. None if the key is gone or has no grants.
    pub fn read_bucket(
        &self,
        key: &Uuid,
        choose: &dyn Fn(&GrantIndex) -> u8,
        known: &dyn Fn(u8) -> Option<(Sum, u64)>,
    ) -> Result<Option<BucketRead>> {
        let mut read = None;
        self.store.snapshot(&mut |rows| {
            let Some((head, revision)) = self.head(rows, key)? else { return Ok(()) };
            let Some(index) = self.grant_index(rows, key, &head.grants_sum)? else { return Ok(()) };
            let bucket = choose(&index);
            let sum = index.sum(bucket);
            let grants = self.bucket_grants(rows, key, bucket, sum, known(bucket))?;
            read = Some(BucketRead { index, sum, revision, grants });
            Ok(())
        })?;
        Ok(read)
    }

    fn bucket_grants(
        &self,
        rows: &dyn Rows,
        key: &Uuid,
        bucket: u8,
        sum: Option<Sum>,
        known: Option<(Sum, u64)>,
    ) -> Result<BucketGrants> {
        let Some(sum) = sum else { return Ok(BucketGrants::All(Vec::new())) };
        if let Some((known_sum, since)) = known {
            if known_sum == sum {
                return Ok(BucketGrants::Known);
            }
            if let Some(added) = self.added(rows, key, bucket, since)?
                && added.iter().fold(known_sum, |sum, row| sum.plus(self.keys().term(row))) == sum
            {
                return Ok(BucketGrants::Added(self.grant_records(&added)?));
            }
        }
        Ok(BucketGrants::All(self.grant_records(&self.bucket_rows(rows, key, bucket, sum)?)?))
    }

    /// The rows of a bucket that came since a revision; None if there may be many.
    fn added(&self, rows: &dyn Rows, key: &Uuid, bucket: u8, since: u64) -> Result<Option<Vec<Row>>> {
        let keys = self.keys();
        let mut added =
            rows.written_after(Kind::Grant, &keys.row_id(RowName::GrantIndex(key)), since, PAGE)?;
        if added.len() == PAGE {
            return Ok(None);
        }
        let prefix = keys.bucket_prefix(key, bucket);
        added.retain(|row| row.id.starts_with(&prefix));
        Ok(Some(added))
    }

    /// All rows of a bucket, which add up.
    fn bucket_rows(&self, rows: &dyn Rows, key: &Uuid, bucket: u8, expected: Sum) -> Result<Vec<Row>> {
        let keys = self.keys();
        let prefix = keys.bucket_prefix(key, bucket);
        let found = rows.page(Kind::Grant, Among::Prefix(&prefix), None, usize::MAX)?;
        let sum = found.iter().fold(Sum::default(), |sum, row| sum.plus(keys.term(row)));
        if sum == expected { Ok(found) } else { Err(wrong_grants()) }
    }

    fn grant_records(&self, rows: &[Row]) -> Result<Vec<GrantRecord>> {
        rows.iter().map(|row| self.unseal_record(row)).collect()
    }

    /// Which rows there are of a principal's grants on a key, in the order of their creation, complete and authentic.
    pub fn grants_of_grantee(&self, key: &Uuid, grantee: &str) -> Result<Vec<(u64, GrantRecord)>> {
        let mut grants = Vec::new();
        self.store.snapshot(&mut |rows| {
            let Some((head, _)) = self.head(rows, key)? else { return Ok(()) };
            let Some(index) = self.grant_index(rows, key, &head.grants_sum)? else { return Ok(()) };
            let bucket = index.bucket(grantee);
            let Some(sum) = index.sum(bucket) else { return Ok(()) };
            for row in self.bucket_rows(rows, key, bucket, sum)? {
                grants.push((row.revision, self.unseal_record(&row)?));
            }
            Ok(())
        })?;
        grants.retain(|(_, grant): &(u64, GrantRecord)| grant.grantee == grantee);
        grants.sort_unstable_by_key(|(revision, _)| *revision);
        Ok(grants)
    }

    /// Up to `limit` grants of a key that were created after a revision, with theirs.
    pub fn grants_after(
        &self,
        key: &Uuid,
        key_id: &str,
        revision: u64,
        limit: usize,
    ) -> Result<Vec<(u64, GrantRecord)>> {
        let keys = self.keys();
        let owner = keys.row_id(RowName::GrantIndex(key));
        let rows = self.store.written_after(Kind::Grant, &owner, revision, limit)?;
        let grants = rows.iter().map(|row| {
            let grant: GrantRecord =
                keys.unseal_record(row).map_err(|error| self.rekeyed_or(error, self.store.as_ref()))?;
            // The seal does not cover the owner.
            if grant.key_id == key_id { Ok((row.revision, grant)) } else { Err(wrong_grants()) }
        });
        grants.collect()
    }

    /// A grant by its id, and its revision. Its row is authentic; that it was not brought back, its bucket tells.
    pub fn grant(&self, key: &Uuid, grant_id: &GrantId) -> Result<Option<(u64, GrantRecord)>> {
        match self.grant_in(self.store.as_ref(), key, grant_id)? {
            Some(found) => Ok(Some(found)),
            None => match self.rekeyed_or(Error::InvalidGrantToken, self.store.as_ref()) {
                Error::Rekeyed => Err(Error::Rekeyed),
                _ => Ok(None),
            },
        }
    }

    fn grant_in(
        &self,
        rows: &(impl Rows + ?Sized),
        key: &Uuid,
        grant_id: &GrantId,
    ) -> Result<Option<(u64, GrantRecord)>> {
        let keys = self.keys();
        let Some(row) = rows.get(Kind::Grant, &keys.row_id(RowName::Grant(key, grant_id)))? else {
            return Ok(None);
        };
        let grant: GrantRecord = keys.unseal_record(&row).map_err(|error| self.rekeyed_or(error, rows))?;
        let is_it = hex::decode(&grant.grant_id) == Some(*grant_id);
        if is_it { Ok(Some((row.revision, grant))) } else { Err(wrong_grants()) }
    }

    pub(super) fn head(&self, rows: &dyn Rows, key: &Uuid) -> Result<Option<(KeyRecord, u64)>> {
        let keys = self.keys();
        let Some(row) = rows.get(Kind::Key, &keys.row_id(RowName::Key(key)))? else { return Ok(None) };
        let head = keys.unseal_record(&row).map_err(|error| self.rekeyed_or(error, rows))?;
        Ok(Some((head, row.revision)))
    }

    /// A key's index of grants, as its head row says that it is; None if it has none.
    pub(super) fn grant_index(
        &self,
        rows: &(impl Rows + ?Sized),
        key: &Uuid,
        grants_sum: &[u8],
    ) -> Result<Option<GrantIndex>> {
        if grants_sum.is_empty() {
            return Ok(None);
        }
        let keys = self.keys();
        let row = rows.get(Kind::GrantIndex, &keys.row_id(RowName::GrantIndex(key)))?;
        let row = row.ok_or_else(wrong_grants)?;
        if keys.term(&row) != Sum::from_bytes(grants_sum)? {
            return Err(wrong_grants());
        }
        let record: GrantIndexRecord = keys.unseal_record(&row)?;
        if record.key_uuid != key { Err(wrong_grants()) } else { GrantIndex::from_record(&record).map(Some) }
    }

    /// Walks all grants of a key, page by page, and checks the sums over them. Gives how many rows there are, the index
    /// among them.
    pub(super) fn walk_grants(
        &self,
        rows: &dyn Rows,
        key: &Uuid,
        grants_sum: &[u8],
        each: &mut dyn FnMut(&GrantIndex, &Row) -> Result<()>,
    ) -> Result<u64> {
        let Some(index) = self.grant_index(rows, key, grants_sum)? else { return Ok(0) };
        let keys = self.keys();
        let prefix = keys.grants_prefix(key);
        let (mut found, mut sums, mut after) = (0, BTreeMap::<u8, Sum>::new(), None);
        loop {
            let page = rows.page(Kind::Grant, Among::Prefix(&prefix), after.as_ref(), PAGE)?;
            for row in &page {
                found += 1;
                let sum = sums.entry(StoreKeys::bucket_of(&row.id)).or_default();
                sum.add(keys.term(row));
                each(&index, row)?;
            }
            after = page.last().map(|row| row.id);
            if page.len() < PAGE {
                break;
            }
        }
        if sums == index.sums && found == index.len { Ok(found + 1) } else { Err(wrong_grants()) }
    }

    /// A grant's row must be what its content says.
    pub(super) fn check_grant(&self, key: &Uuid, key_id: &str, index: &GrantIndex, row: &Row) -> Result<()> {
        let grant: GrantRecord = self.unseal_record(row)?;
        let id: GrantId = hex::decode(&grant.grant_id).ok_or_else(wrong_grants)?;
        let [bucket, ..] = id;
        let fits = grant.key_id == key_id
            && row.id == self.row_id(RowName::Grant(key, &id))
            && row.owner == self.row_id(RowName::GrantIndex(key))
            && bucket == index.bucket(&grant.grantee);
        if fits { Ok(()) } else { Err(wrong_grants()) }
    }
}

impl Change<'_> {
    /// The index of a key's grants as this transaction sees it; a new one if it has none.
    pub fn grant_index(&self, key: &Uuid, grants_sum: &[u8]) -> Result<GrantIndex> {
        let index = self.store.grant_index(&*self.transaction, key, grants_sum)?;
        index.map_or_else(GrantIndex::new, Ok)
    }

    pub fn grant(&self, key: &Uuid, grant_id: &GrantId) -> Result<Option<GrantRecord>> {
        Ok(self.store.grant_in(&*self.transaction, key, grant_id)?.map(|(_, grant)| grant))
    }

    /// All that a principal's bucket holds.
    pub fn granted(&self, key: &Uuid, grants_sum: &[u8], principal: &str) -> Result<Vec<GrantRecord>> {
        let rows = as_rows(&*self.transaction);
        let Some(index) = self.store.grant_index(rows, key, grants_sum)? else { return Ok(Vec::new()) };
        let bucket = index.bucket(principal);
        match index.sum(bucket) {
            None => Ok(Vec::new()),
            Some(sum) => self.store.grant_records(&self.store.bucket_rows(rows, key, bucket, sum)?),
        }
    }

    /// Writes a grant, enters it in the index, and gives the sum that goes into the key's head row.
    pub fn create_grant(
        &mut self,
        key: &Uuid,
        index: &mut GrantIndex,
        grant: &GrantRecord,
    ) -> Result<Vec<u8>> {
        let id: GrantId = hex::decode(&grant.grant_id).ok_or(Error::Internal("a grant without an id"))?;
        let keys = self.keys.clone();
        let owner = keys.row_id(RowName::GrantIndex(key));
        let place = keys.row_id(RowName::Grant(key, &id));
        if self.transaction.get(Kind::Grant, &place)?.is_some() {
            return Err(Error::Internal("a grant that is there already"));
        }
        let row = keys.seal(Kind::Grant, place, owner, self.revision, &grant.encode_to_vec())?;
        index.add(StoreKeys::bucket_of(&place), keys.term(&row));
        index.len += 1;
        self.record.rows_len += 1;
        self.transaction.put(&row)?;
        self.write_grant_index(key, index)
    }

    /// Removes a grant; as create_grant. Its bucket need not be read for that: whatever did not add up in it before,
    /// does not after.
    pub fn delete_grant(&mut self, key: &Uuid, index: &mut GrantIndex, id: &GrantId) -> Result<Vec<u8>> {
        let place = self.keys.row_id(RowName::Grant(key, id));
        let row = self.transaction.get(Kind::Grant, &place)?;
        let row = row.ok_or_else(|| Error::not_found(Detail::Grant, hex::encode(id)))?;
        index.remove(StoreKeys::bucket_of(&place), self.keys.term(&row));
        index.len = index.len.checked_sub(1).ok_or_else(wrong_grants)?;
        self.record.rows_len -= 1;
        self.transaction.delete(Kind::Grant, &place)?;
        self.write_grant_index(key, index)
    }

    fn write_grant_index(&mut self, key: &Uuid, index: &GrantIndex) -> Result<Vec<u8>> {
        if (index.len == 0) != index.sums.is_empty() {
            return Err(wrong_grants());
        }
        let id = self.keys.row_id(RowName::GrantIndex(key));
        let is_there = self.transaction.get(Kind::GrantIndex, &id)?.is_some();
        self.record.rows_len -= u64::from(is_there);
        if index.len == 0 {
            self.transaction.delete(Kind::GrantIndex, &id)?;
            return Ok(Vec::new());
        }
        let row = self.keys.seal_grant_index(key, self.revision, index)?;
        self.record.rows_len += 1;
        self.transaction.put(&row)?;
        Ok(self.keys.term(&row).to_bytes())
    }

    /// Removes all grants of a key that is removed.
    pub(super) fn remove_grants(&mut self, key: &Uuid, grants_sum: &[u8]) -> Result<()> {
        let mut places: Vec<RowId> = Vec::new();
        self.record.rows_len -=
            self.store.walk_grants(as_rows(&*self.transaction), key, grants_sum, &mut |_, row| {
                places.push(row.id);
                Ok(())
            })?;
        for place in &places {
            self.transaction.delete(Kind::Grant, place)?;
        }
        self.transaction.delete(Kind::GrantIndex, &self.keys.row_id(RowName::GrantIndex(key)))
    }
}

impl StoreKeys {
    pub(super) fn seal_grant_index(&self, key: &Uuid, revision: u64, index: &GrantIndex) -> Result<Row> {
        let id = self.row_id(RowName::GrantIndex(key));
        self.seal(Kind::GrantIndex, id, id, revision, &index.to_record(key).encode_to_vec())
    }
}

pub(super) fn wrong_grants() -> Error {
    Error::corrupt("grants of a key were changed, left out, inserted or brought back")
}
