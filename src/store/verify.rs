//! Verification of a whole store, step by step: every seal, every sum, every reference.

use super::record::{
    AliasRecord, GrantIndexRecord, KeyNameRecord, KeyRecord, PolicyRecord, UsageRecord, VersionRecord,
    VersionState,
};
use super::sealed::{Family, SealedStore};
use super::{Among, Kind, Row, RowId, RowName, Rows};
use crate::crypto::uuid::Uuid;
use crate::error::{Error, Result};

/// Keys that one step looks at; fewer, if they have many grants.
pub const STEP: usize = 256;
const GRANTS: u64 = 10_000;

/// What is wrong, and where.
#[derive(Clone, Debug)]
pub struct Damage {
    /// None: the store as a whole.
    pub row: Option<(Kind, RowId)>,
    /// Empty if it is not known.
    pub key_id: String,
    pub problem: String,
}

impl SealedStore {
    /// Verifies the keys after a row id. Gives the damages found, and the row id to go on after; None when all keys
    /// were looked at, and then the store's own sums were verified too.
    pub fn verify_step(&self, after: Option<&RowId>) -> Result<(Vec<Damage>, Option<RowId>)> {
        let mut damages = Vec::new();
        let next = match self.verify_page(after, &mut damages) {
            Ok(next) => next,
            // Not even the columns can be read: that ends it.
            Err(error) => {
                note(&mut damages, None, "", error)?;
                None
            }
        };
        Ok((damages, next))
    }

    fn verify_page(&self, after: Option<&RowId>, damages: &mut Vec<Damage>) -> Result<Option<RowId>> {
        let heads = self.store.page(Kind::Key, Among::All, after, STEP)?;
        let mut grants = 0;
        for head in &heads {
            grants += self.verify_key(head, damages)?;
            if grants > GRANTS {
                return Ok(Some(head.id));
            }
        }
        if heads.len() == STEP {
            return Ok(heads.last().map(|row| row.id));
        }
        self.verify_store(damages)?;
        Ok(None)
    }

    /// Gives how many rows of grants the key has.
    fn verify_key(&self, head: &Row, damages: &mut Vec<Damage>) -> Result<u64> {
        let record: KeyRecord = match self.unseal_record(head) {
            Ok(record) => record,
            Err(error) => return note(damages, Some(head), "", error).map(|()| 0),
        };
        let key_id = record.key_id.as_str();
        let known = damages.len();
        for row in self.store.family(Kind::Key, &head.id)?.iter().filter(|row| row.kind != Kind::Key) {
            if let Err(error) = self.keys().unseal(row) {
                note(damages, Some(row), key_id, error)?;
            }
        }
        match self.family_of(self.store.as_ref(), Kind::Key, &head.id) {
            // A broken seal has broken the sum too: said once is enough.
            Err(_) if damages.len() > known => {}
            Err(error) => note(damages, Some(head), key_id, error)?,
            // Removed since the page was read.
            Ok(None) => return Ok(0),
            Ok(Some(family)) => {
                if let Err(error) = self.verify_references(&family) {
                    note(damages, Some(head), key_id, error)?;
                }
            }
        }
        self.verify_grants(head, &record, damages)
    }

    /// The grants of a key, in one state.
    fn verify_grants(&self, head: &Row, record: &KeyRecord, damages: &mut Vec<Damage>) -> Result<u64> {
        let (uuid, key_id) = (record.uuid()?, record.key_id.as_str());
        let mut found = 0;
        self.store.snapshot(&mut |rows| {
            // Changed since the page was read, perhaps.
            let Some((record, _)) = self.head(rows, &uuid)? else { return Ok(()) };
            let known = damages.len();
            let walked = self.walk_grants(rows, &uuid, &record.grants_sum, &mut |index, row| match self
                .check_grant(&uuid, key_id, index, row)
            {
                Err(error) => note(damages, Some(row), key_id, error),
                Ok(()) => Ok(()),
            });
            match walked {
                Ok(rows) => found = rows,
                Err(_) if damages.len() > known => {}
                Err(error) => note(damages, Some(head), key_id, error)?,
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Each row must be what its key says, under the id that its content gives.
    fn verify_references(&self, family: &Family) -> Result<()> {
        let wrong =
            |what: &str| Error::corrupt(format!("{what} of key {:?} does not fit it", family.head.key_id));
        let uuid: Uuid = family.head.key_uuid.as_slice().try_into().map_err(|_| wrong("the UUID"))?;
        let at = |row: &Row, name: RowName<'_>| row.id == self.row_id(name);
        let mut versions = Vec::new();
        for row in family.rows(Kind::Version) {
            let version: VersionRecord = self.unseal_record(row)?;
            if !at(row, RowName::Version(&uuid, version.number)) {
                return Err(wrong("a version"));
            }
            versions.push(version);
        }
        for row in family.rows(Kind::KeyName) {
            let name: KeyNameRecord = self.unseal_record(row)?;
            if name.key_id != family.head.key_id || !at(row, RowName::KeyName(&name.key_id)) {
                return Err(wrong("the id"));
            }
        }
        for row in family.rows(Kind::Alias) {
            let alias: AliasRecord = self.unseal_record(row)?;
            if alias.key_id != family.head.key_id || !at(row, RowName::Alias(&alias.alias)) {
                return Err(wrong("an alias"));
            }
        }
        for row in family.rows(Kind::Usage) {
            let _: UsageRecord = self.unseal_record(row)?;
            if !at(row, RowName::Usage(&uuid)) {
                return Err(wrong("the use counts"));
            }
        }
        for row in family.rows(Kind::Policy) {
            let _: PolicyRecord = self.unseal_record(row)?;
            if !at(row, RowName::Policy(&uuid)) {
                return Err(wrong("the policy"));
            }
        }
        let material = |version: &VersionRecord| {
            let id = self.row_id(RowName::Material(&uuid, version.number));
            family.rows(Kind::Material).any(|row| row.id == id)
        };
        let with_material = versions.iter().filter(|version| material(version)).count();
        if with_material != family.rows(Kind::Material).count() {
            return Err(wrong("material"));
        }
        if versions.iter().any(|version| version.state() == VersionState::Destroyed && material(version)) {
            return Err(wrong("material of a destroyed version"));
        }
        if family.head.versions_len as usize != versions.len() {
            return Err(wrong("the number of versions"));
        }
        Ok(())
    }

    /// The store row, its sum over all head rows, and that every row belongs to a key; in one state.
    fn verify_store(&self, damages: &mut Vec<Damage>) -> Result<()> {
        self.store.snapshot(&mut |rows| {
            let record = match self.store_row(rows) {
                Ok((_, record)) => record,
                Err(error) => return note(damages, None, "", error),
            };
            if let Err(error) = self.verify_header(rows) {
                note(damages, None, "", error)?;
            }
            let mut heads = 0;
            if let Err(error) = self.check_heads(rows, |_| {
                heads += 1;
                Ok(())
            }) {
                note(damages, None, "", error)?;
            }
            if record.keys_len != heads {
                note(damages, None, "", Error::corrupt("the number of keys is not what it should be"))?;
            }
            if record.rows_len + 1 != rows.count()? {
                note(damages, None, "", Error::corrupt("the number of rows is not what it should be"))?;
            }
            if let Err(error) = rows.check_indexes() {
                note(damages, None, "", error)?;
            }
            self.verify_owners(rows, damages)
        })
    }

    /// That the next kms_open() will find what this one has found. A new root key is no damage: the store row, which
    /// is in the same state, has opened under this one.
    fn verify_header(&self, rows: &dyn Rows) -> Result<()> {
        match rows.header()? {
            Some(header) if self.is_opened_with(&header) => Ok(()),
            Some(_) => Err(Error::corrupt("its header is another one's")),
            None => Err(Error::corrupt("its header is missing")),
        }
    }

    /// Rows of no key.
    fn verify_owners(&self, rows: &dyn Rows, damages: &mut Vec<Damage>) -> Result<()> {
        for kind in Kind::ALL.into_iter().filter(|kind| !matches!(kind, Kind::Store | Kind::Key)) {
            let mut after = None;
            loop {
                let page = rows.page(kind, Among::All, after.as_ref(), STEP)?;
                for row in &page {
                    if !self.has_owner(rows, row)? {
                        note(damages, Some(row), "", Error::corrupt("a row belongs to no key"))?;
                    }
                }
                after = page.last().map(|row| row.id);
                if page.len() < STEP {
                    break;
                }
            }
        }
        Ok(())
    }

    fn has_owner(&self, rows: &dyn Rows, row: &Row) -> Result<bool> {
        let (kind, owner) = match row.kind {
            Kind::Grant => (Kind::GrantIndex, row.owner),
            // Its seal may be broken; that is told elsewhere.
            Kind::GrantIndex => match self.unseal_record::<GrantIndexRecord>(row) {
                Ok(index) => match index.key_uuid.as_slice().try_into() {
                    Ok(uuid) => (Kind::Key, self.row_id(RowName::Key(uuid))),
                    Err(_) => return Ok(false),
                },
                Err(_) => return Ok(false),
            },
            _ => (Kind::Key, row.owner),
        };
        Ok(rows.get(kind, &owner)?.is_some())
    }
}

/// Notes a damage; any other failure ends the verification.
fn note(damages: &mut Vec<Damage>, row: Option<&Row>, key_id: &str, error: Error) -> Result<()> {
    match error {
        Error::CorruptStore(problem) => {
            damages.push(Damage { row: row.map(|row| (row.kind, row.id)), key_id: key_id.into(), problem });
            Ok(())
        }
        other => Err(other),
    }
}
