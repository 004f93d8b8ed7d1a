//! A KMS key as it is cached: its record, and its versions with their material in protected memory.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use super::KeyName;
use super::due;
use super::rules::policy_of;
use crate::access::{Account, Policy};
use crate::crypto::blob::{HEADER_SIZE, Header};
use crate::crypto::secret::{Material, MaterialSlab};
use crate::crypto::uuid::Uuid;
use crate::crypto::xaes;
use crate::error::{Error, Result};
use crate::platform::{monotonic_ms, unix_seconds};
use crate::store::grants::GrantIndex;
use crate::store::record::{
    AliasRecord, KeyNameRecord, KeyRecord, KeyState, Origin, UsageRecord, VersionRecord, VersionState,
    VersionUsage,
};
use crate::store::sealed::{Family, SealedStore};
use crate::store::{Kind, RowId, RowName};

/// The algorithm of ciphertexts, as version records and ciphertext headers number it.
pub const XAES_256_GCM: u32 = 1;

pub struct Key {
    pub uuid: Uuid,
    pub owner: RowId,
    /// As the store has it, but for what the passing of time has done to it (see `due`).
    pub record: KeyRecord,
    /// Monotonic time in ms when the key is due to rotate; u64::MAX = never.
    pub rotate_at_ms: u64,
    /// In the order of their numbers. Most keys have one, and a Vec that grows to one has room for four.
    versions: Box<[KeyVersion]>,
    /// Sorted.
    aliases: Box<[String]>,
    /// None: the default one.
    pub policy: Option<Policy>,
    /// Read when a decision asks for grants.
    pub(super) grants: OnceLock<Box<GrantIndex>>,
}

pub struct KeyVersion {
    pub record: VersionRecord,
    /// The start of each ciphertext made under it, its commitment included.
    pub header: [u8; HEADER_SIZE],
    /// None once it is destroyed, or while imported material is not there.
    pub material: Option<Material>,
    /// As far as it was written to the store.
    pub usage: VersionUsage,
    /// Of a version whose uses are limited: what this process has not written yet.
    pub unwritten_uses: Option<Arc<AtomicU64>>,
}

impl Key {
    /// Unseals a family whose sums were verified. `unwritten` finds the counters of limited versions.
    pub fn from_family(
        store: &SealedStore,
        account: &Account,
        family: &Family,
        slab: &Arc<MaterialSlab>,
        unwritten: impl Fn(Uuid, u32) -> Arc<AtomicU64>,
    ) -> Result<Key> {
        let mut record = family.head.clone();
        let uuid = record.uuid()?;
        let names = family.rows(Kind::KeyName).map(|row| store.unseal_record::<KeyNameRecord>(row));
        if names.collect::<Result<Vec<_>>>()?.iter().any(|name| name.key_id != record.key_id) {
            return Err(Error::corrupt("a key's name is not its own"));
        }
        let mut aliases = family
            .rows(Kind::Alias)
            .map(|row| Ok(store.unseal_record::<AliasRecord>(row)?.alias))
            .collect::<Result<Vec<_>>>()?;
        aliases.sort_unstable();
        let mut versions = family
            .rows(Kind::Version)
            .map(|row| store.unseal_record(row))
            .collect::<Result<Vec<VersionRecord>>>()?;
        versions.sort_unstable_by_key(|version| version.number);
        due::apply(&mut record, &mut versions, unix_seconds());
        let usage = usage_of(store, family)?;
        let loaded = versions.into_iter().map(|version| {
            let limited = record.rotate_after_uses != 0 && version.number == record.primary_version;
            let unwritten_uses = limited.then(|| unwritten(uuid, version.number));
            KeyVersion::new(store, family, &uuid, &record, version, slab).map(|loaded| KeyVersion {
                usage: usage.of(loaded.record.number),
                unwritten_uses,
                ..loaded
            })
        });
        let versions = loaded.collect::<Result<Box<_>>>()?;
        let rotate_at_ms = rotation_time(&record).map_or(u64::MAX, |at| {
            let seconds = u64::try_from(at.saturating_sub(unix_seconds())).unwrap_or(0);
            monotonic_ms().saturating_add(seconds.saturating_mul(1000))
        });
        let (policy, grants) = (policy_of(store, family, account)?, OnceLock::new());
        let (owner, aliases) = (family.owner, aliases.into());
        Ok(Key { uuid, owner, record, rotate_at_ms, versions, aliases, policy, grants })
    }

    pub fn id(&self) -> &str {
        &self.record.key_id
    }

    pub fn state(&self) -> KeyState {
        self.record.state()
    }

    pub fn answers_to(&self, name: KeyName<'_>) -> bool {
        match name {
            KeyName::Id(id) => self.record.key_id == id,
            KeyName::Alias(alias) => self.aliases.binary_search_by(|own| own.as_str().cmp(alias)).is_ok(),
        }
    }

    pub fn primary(&self) -> Option<&KeyVersion> {
        self.version(self.record.primary_version)
    }

    pub fn initial(&self) -> Option<&KeyVersion> {
        self.versions.first()
    }

    pub fn version(&self, number: u32) -> Option<&KeyVersion> {
        let index = self.versions.binary_search_by_key(&number, |version| version.record.number).ok()?;
        self.versions.get(index)
    }

    pub fn version_by_id(&self, version_id: &str) -> Option<&KeyVersion> {
        self.versions.iter().find(|version| version.record.version_id == version_id)
    }

    /// In the order of their numbers.
    pub fn versions(&self) -> &[KeyVersion] {
        &self.versions
    }
}

/// How often the versions of a key were used, as far as it was written.
pub fn usage_of(store: &SealedStore, family: &Family) -> Result<UsageRecord> {
    family.rows(Kind::Usage).next().map_or(Ok(UsageRecord::default()), |row| store.unseal_record(row))
}

/// When a key rotates by itself (Unix time in seconds).
pub fn rotation_time(record: &KeyRecord) -> Option<i64> {
    let rotates = record.rotation_period_s != 0 && record.origin() == Origin::Kms;
    rotates.then(|| record.rotated_at.saturating_add(i64::from(record.rotation_period_s)))
}

impl KeyVersion {
    fn new(
        store: &SealedStore,
        family: &Family,
        uuid: &Uuid,
        key: &KeyRecord,
        record: VersionRecord,
        slab: &Arc<MaterialSlab>,
    ) -> Result<KeyVersion> {
        if record.algorithm != XAES_256_GCM {
            return Err(Error::Unsupported("a key version has an algorithm that is not known here".into()));
        }
        let id = store.row_id(RowName::Material(uuid, record.number));
        let row = family.rows(Kind::Material).find(|row| row.id == id);
        let may_be_missing =
            record.state() == VersionState::Destroyed || key.state() == KeyState::PendingImport;
        let material = match row {
            // Time has destroyed it already; the row goes with the next change.
            Some(_) if may_be_missing => None,
            Some(row) => Some(store.material(row, slab)?),
            None if may_be_missing || was_imported(key) => None,
            None => return Err(Error::corrupt("a version's material is missing")),
        };
        let commitment = material.as_ref().map_or([0; 32], |material| xaes::commitment(material.bytes()));
        let header = Header { key_uuid: *uuid, version: record.number, commitment }.to_bytes();
        Ok(KeyVersion { record, header, material, usage: VersionUsage::default(), unwritten_uses: None })
    }
}

/// Whether the key's material is the caller's, who may delete it: pending deletion hides that it is pending import.
fn was_imported(key: &KeyRecord) -> bool {
    key.origin() == Origin::External && key.state() == KeyState::PendingDeletion
}
