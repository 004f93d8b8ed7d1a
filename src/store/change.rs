//! Changes to sealed rows: one transaction, in which every row that is written or removed is also entered in the sums
//! of its key and of the store.

use std::sync::Arc;

use prost::Message;

use super::keys::{StoreKeys, Sum};
use super::record::{KeyRecord, StoreRecord};
use super::sealed::{Family, STORE_ROW, SealedStore, as_rows};
use super::{Kind, Row, RowId, RowName, Transaction};
use crate::crypto::uuid::Uuid;
use crate::error::{Error, Result};

/// A committed change.
pub struct Changed<T> {
    pub value: T,
    pub revision: u64,
    /// The last revision that removed a key.
    pub removal_revision: u64,
}

/// One transaction on sealed rows. Every change to a key goes through `update`, which keeps its sums.
pub struct Change<'a> {
    pub(super) store: &'a SealedStore,
    pub(super) keys: Arc<StoreKeys>,
    pub(super) transaction: &'a mut dyn Transaction,
    pub(super) revision: u64,
    pub(super) record: StoreRecord,
}

/// A row to write: what it is, and its plaintext.
pub struct NewRow<'a> {
    pub name: RowName<'a>,
    pub plaintext: &'a [u8],
}

impl Change<'_> {
    pub fn exists(&self, name: RowName<'_>) -> Result<bool> {
        Ok(self.transaction.get(name.kind(), &self.keys.row_id(name))?.is_some())
    }

    /// The key that a row belongs to, as this transaction sees it.
    pub fn family(&self, name: RowName<'_>) -> Result<Option<Family>> {
        self.store.family_of(&*self.transaction, name.kind(), &self.keys.row_id(name))
    }

    /// Writes a new key: its head row and the rows that belong to it.
    pub fn insert_key(&mut self, uuid: &Uuid, head: KeyRecord, rows: &[NewRow<'_>]) -> Result<()> {
        let owner = self.keys.row_id(RowName::Key(uuid));
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
        deleted: &[RowName<'_>],
    ) -> Result<()> {
        let old = self
            .transaction
            .get(Kind::Key, &family.owner)?
            .ok_or(Error::Internal("an update of a key that is not there"))?;
        self.write_family(family.owner, head, Some(old), rows, deleted)
    }

    /// Removes a key with all its rows.
    pub fn remove_key(&mut self, family: &Family) -> Result<()> {
        let head = self.transaction.get(Kind::Key, &family.owner)?;
        let head = head.ok_or(Error::Internal("the removal of a key that is not there"))?;
        let mut heads = Sum::from_bytes(&self.record.heads_sum)?;
        heads.remove(self.keys.term(&head));
        self.record.heads_sum = heads.to_bytes();
        self.remove_grants(&family.head.uuid()?, &family.head.grants_sum)?;
        for row in family.rows.iter().chain([&head]) {
            self.transaction.delete(row.kind, &row.id)?;
            self.record.rows_len -= 1;
        }
        self.record.keys_len -= 1;
        self.record.removal_revision = self.revision;
        Ok(())
    }

    /// The earliest due time of all keys; 0 = none.
    pub fn earliest_due(&self) -> Result<i64> {
        let mut earliest = 0;
        self.store.check_heads(as_rows(self.transaction), |head| {
            let due_at = self.keys.unseal_record::<KeyRecord>(head)?.due_at;
            if due_at != 0 && (earliest == 0 || due_at < earliest) {
                earliest = due_at;
            }
            Ok(())
        })?;
        Ok(earliest)
    }

    /// Says what the next due time is, after all keys were looked at.
    pub fn set_next_due_at(&mut self, due_at: i64) {
        self.record.next_due_at = due_at;
    }

    fn note_due(&mut self, due_at: i64) {
        if due_at != 0 && (self.record.next_due_at == 0 || due_at < self.record.next_due_at) {
            self.record.next_due_at = due_at;
        }
    }

    fn write_family(
        &mut self,
        owner: RowId,
        mut head: KeyRecord,
        old_head: Option<Row>,
        rows: &[NewRow<'_>],
        deleted: &[RowName<'_>],
    ) -> Result<()> {
        let keys = self.keys.clone();
        let mut sum = match old_head {
            Some(_) => Sum::from_bytes(&head.rows_sum)?,
            None => Sum::default(),
        };
        for name in rows.iter().map(|row| row.name).chain(deleted.iter().copied()) {
            let id = keys.row_id(name);
            if let Some(old) = self.transaction.get(name.kind(), &id)? {
                sum.remove(keys.term(&old));
                self.transaction.delete(name.kind(), &id)?;
                self.record.rows_len -= 1;
            }
        }
        for row in rows {
            let id = keys.row_id(row.name);
            let sealed = keys.seal(row.name.kind(), id, owner, self.revision, row.plaintext)?;
            sum.add(keys.term(&sealed));
            self.transaction.put(&sealed)?;
            self.record.rows_len += 1;
        }
        self.note_due(head.due_at);
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

    pub(super) fn finish(self) -> Result<()> {
        let plaintext = self.record.encode_to_vec();
        let row = self.keys.seal(Kind::Store, STORE_ROW, STORE_ROW, self.revision, &plaintext)?;
        self.transaction.put(&row)
    }
}
