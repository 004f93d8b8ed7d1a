//! A new root key for a whole store, in one transaction.

use std::sync::Arc;

use prost::Message;

use super::grants::{PAGE, wrong_grants};
use super::keys::{StoreKeys, Sum};
use super::record::{AliasRecord, GrantRecord, KeyNameRecord, KeyRecord, VersionRecord};
use super::sealed::{Family, STORE_ROW, SealedStore, Sealing, as_rows};
use super::{Among, Header, Kind, Row, RowId, RowName, Transaction};
use crate::audit::Mac;
use crate::crypto::hex;
use crate::crypto::uuid::Uuid;
use crate::error::{Error, Result};
use crate::root::RootKeySource;

impl SealedStore {
    /// Reseals every row under keys of a new root secret, and writes the header that goes with it. All row ids change,
    /// since the key that hashes names does. The caller sees to it that no other thread of this handle reads
    /// meanwhile. `progress` is told how many keys are resealed, and of how many; `before_commit`, when all else is
    /// done, what will authenticate the audit log.
    pub fn rekey(
        &self,
        root: &RootKeySource<'_>,
        require_lock: bool,
        progress: &mut dyn FnMut(u64, u64),
        before_commit: &mut dyn FnMut(Mac<'_>) -> Result<()>,
    ) -> Result<()> {
        let kind = root.new_kind()?;
        let secret = root.secret(&kind, require_lock)?;
        let header = Header::new(self.store_id(), kind, &secret);
        let new_keys = Arc::new(StoreKeys::new(header.store_id, &secret, require_lock)?);
        let mut new_revision = 0;
        self.store.write(&mut |transaction| {
            let (revision, mut record) = self.store_row(transaction)?;
            new_revision = revision + 1;
            let mut owners: Vec<RowId> = Vec::new();
            self.check_heads(as_rows(transaction), |head| {
                owners.push(head.id);
                Ok(())
            })?;
            let mut heads = Sum::default();
            for (done, owner) in (0..).zip(&owners) {
                progress(done, owners.len() as u64);
                let family = self
                    .family_of(transaction, Kind::Key, owner)?
                    .ok_or_else(|| Error::corrupt("a key vanished while it was resealed"))?;
                heads.add(new_keys.term(&self.reseal(transaction, &family, &new_keys, new_revision)?));
            }
            record.heads_sum = heads.to_bytes();
            let store_row =
                new_keys.seal(Kind::Store, STORE_ROW, STORE_ROW, new_revision, &record.encode_to_vec())?;
            transaction.put(&store_row)?;
            transaction.put_header(&header)?;
            before_commit(&|parts| new_keys.audit_mac(parts))
        })?;
        self.sealing.store(Arc::new(Sealing { header: header.clone(), keys: new_keys.clone() }));
        self.note_revision(new_revision);
        // The rows of the old root key are deleted, but the write-ahead log may hold them still; a reader that keeps
        // it busy only delays that to the next checkpoint.
        let _ = self.store.scrub();
        Ok(())
    }

    /// Writes a key's rows anew and gives its new head row.
    fn reseal(
        &self,
        transaction: &mut dyn Transaction,
        family: &Family,
        new_keys: &StoreKeys,
        revision: u64,
    ) -> Result<Row> {
        let old_keys = self.keys();
        let uuid = family.head.uuid()?;
        let owner = new_keys.row_id(RowName::Key(&uuid));
        for row in &family.rows {
            transaction.delete(row.kind, &row.id)?;
        }
        transaction.delete(Kind::Key, &family.owner)?;
        let mut sum = Sum::default();
        for row in &family.rows {
            let plaintext = old_keys.unseal(row)?;
            let mut put = |name: RowName<'_>| -> Result<()> {
                let id = new_keys.row_id(name);
                let sealed = new_keys.seal(row.kind, id, owner, revision, &plaintext)?;
                sum.add(new_keys.term(&sealed));
                transaction.put(&sealed)
            };
            match row.kind {
                Kind::KeyName => put(RowName::KeyName(&decode::<KeyNameRecord>(&plaintext)?.key_id))?,
                Kind::Alias => put(RowName::Alias(&decode::<AliasRecord>(&plaintext)?.alias))?,
                Kind::Version => put(RowName::Version(&uuid, decode::<VersionRecord>(&plaintext)?.number))?,
                Kind::Material => {
                    put(RowName::Material(&uuid, self.material_number(family, &uuid, &row.id)?))?
                }
                Kind::Usage => put(RowName::Usage(&uuid))?,
                Kind::Policy => put(RowName::Policy(&uuid))?,
                Kind::Store | Kind::Key | Kind::Grant | Kind::GrantIndex => {
                    return Err(Error::corrupt("a key owns a row that no key can own"));
                }
            }
        }
        let grants_sum = self.reseal_grants(transaction, &uuid, &family.head, new_keys, revision)?;
        let head = KeyRecord { rows_sum: sum.to_bytes(), grants_sum, ..family.head.clone() };
        let sealed = new_keys.seal(Kind::Key, owner, owner, revision, &head.encode_to_vec())?;
        transaction.put(&sealed)?;
        Ok(sealed)
    }

    /// Writes a key's grants anew, each in its place, and gives the sum over their index.
    fn reseal_grants(
        &self,
        transaction: &mut dyn Transaction,
        key: &Uuid,
        head: &KeyRecord,
        new_keys: &StoreKeys,
        revision: u64,
    ) -> Result<Vec<u8>> {
        let old_keys = self.keys();
        let Some(old_index) = self.grant_index(as_rows(transaction), key, &head.grants_sum)? else {
            return Ok(Vec::new());
        };
        self.walk_grants(as_rows(transaction), key, &head.grants_sum, &mut |index, row| {
            self.check_grant(key, &head.key_id, index, row)
        })?;
        let (prefix, owner) = (old_keys.grants_prefix(key), new_keys.row_id(RowName::GrantIndex(key)));
        let (mut index, mut after) = (old_index.without_sums(), None);
        loop {
            let page = transaction.page(Kind::Grant, Among::Prefix(&prefix), after.as_ref(), PAGE)?;
            for row in &page {
                let plaintext = old_keys.unseal(row)?;
                let grant: GrantRecord = decode(&plaintext)?;
                let id = hex::decode(&grant.grant_id).ok_or_else(wrong_grants)?;
                let place = new_keys.row_id(RowName::Grant(key, &id));
                let sealed = new_keys.seal(Kind::Grant, place, owner, row.revision, &plaintext)?;
                index.add(StoreKeys::bucket_of(&place), new_keys.term(&sealed));
                transaction.delete(Kind::Grant, &row.id)?;
                transaction.put(&sealed)?;
            }
            after = page.last().map(|row| row.id);
            if page.len() < PAGE {
                break;
            }
        }
        transaction.delete(Kind::GrantIndex, &old_keys.row_id(RowName::GrantIndex(key)))?;
        let sealed = new_keys.seal_grant_index(key, revision, &index)?;
        transaction.put(&sealed)?;
        Ok(new_keys.term(&sealed).to_bytes())
    }

    /// Which version a Material row is of: its id tells, its plaintext does not.
    fn material_number(&self, family: &Family, uuid: &Uuid, id: &RowId) -> Result<u32> {
        for row in family.rows(Kind::Version) {
            let number = self.unseal_record::<VersionRecord>(row)?.number;
            if self.row_id(RowName::Material(uuid, number)) == *id {
                return Ok(number);
            }
        }
        Err(Error::corrupt("material belongs to no version"))
    }
}

fn decode<T: Message + Default>(plaintext: &[u8]) -> Result<T> {
    T::decode(plaintext).map_err(|_| Error::corrupt("a record cannot be decoded"))
}
