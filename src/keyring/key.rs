//! A KMS key as it is cached: its record, and its versions with their material in protected memory.

use std::sync::Arc;

use super::KeyName;
use crate::crypto::blob::{HEADER_SIZE, Header};
use crate::crypto::secret::{Material, MaterialSlab};
use crate::crypto::uuid::Uuid;
use crate::crypto::xaes;
use crate::error::{Error, Result};
use crate::store::record::{AliasRecord, KeyNameRecord, KeyRecord, KeyState, VersionRecord, VersionState};
use crate::store::sealed::{Family, SealedStore};
use crate::store::{Kind, RowId};

/// The algorithm of ciphertexts, as version records and ciphertext headers number it.
pub const XAES_256_GCM: u32 = 1;

pub struct Key {
    pub uuid: Uuid,
    pub owner: RowId,
    pub record: KeyRecord,
    /// In the order of their numbers.
    versions: Vec<KeyVersion>,
    /// Sorted.
    aliases: Vec<String>,
}

pub struct KeyVersion {
    pub record: VersionRecord,
    /// The start of each ciphertext made under it, its commitment included.
    pub header: [u8; HEADER_SIZE],
    /// None once it is destroyed.
    pub material: Option<Material>,
}

impl Key {
    /// Unseals a family whose sums were verified.
    pub fn from_family(store: &SealedStore, family: &Family, slab: &Arc<MaterialSlab>) -> Result<Key> {
        let uuid: Uuid = family
            .head
            .key_uuid
            .as_slice()
            .try_into()
            .map_err(|_| Error::corrupt("a key's UUID has a wrong length"))?;
        let names = family.rows(Kind::KeyName).map(|row| store.unseal_record::<KeyNameRecord>(row));
        if names.collect::<Result<Vec<_>>>()?.iter().any(|name| name.key_id != family.head.key_id) {
            return Err(Error::corrupt("a key's name is not its own"));
        }
        let mut aliases = family
            .rows(Kind::Alias)
            .map(|row| Ok(store.unseal_record::<AliasRecord>(row)?.alias))
            .collect::<Result<Vec<_>>>()?;
        aliases.sort_unstable();
        let mut versions = family
            .rows(Kind::Version)
            .map(|row| KeyVersion::new(store, family, &uuid, store.unseal_record(row)?, slab))
            .collect::<Result<Vec<_>>>()?;
        versions.sort_unstable_by_key(|version| version.record.number);
        Ok(Key { uuid, owner: family.owner, record: family.head.clone(), versions, aliases })
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
}

impl KeyVersion {
    fn new(
        store: &SealedStore,
        family: &Family,
        uuid: &Uuid,
        record: VersionRecord,
        slab: &Arc<MaterialSlab>,
    ) -> Result<KeyVersion> {
        if record.algorithm != XAES_256_GCM {
            return Err(Error::Unsupported("a key version has an algorithm that is not known here".into()));
        }
        let id = store.row_id(Kind::Material, &[uuid, &record.number.to_be_bytes()]);
        let row = family.rows(Kind::Material).find(|row| row.id == id);
        let material = row.map(|row| store.material(row, slab)).transpose()?;
        let commitment = match &material {
            Some(material) => xaes::commitment(material.bytes()),
            None if record.state() == VersionState::Destroyed => [0; 32],
            None => return Err(Error::corrupt("a version's material is missing")),
        };
        let header = Header { key_uuid: *uuid, version: record.number, commitment }.to_bytes();
        Ok(KeyVersion { record, header, material })
    }
}
