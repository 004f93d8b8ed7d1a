//! A change to one key: what a transaction is about to write to its rows.

use prost::Message;
use zeroize::Zeroizing;

use super::{due, key, rules};
use crate::access::{Account, GrantId, Policy};
use crate::crypto::secret::MATERIAL_SIZE;
use crate::crypto::uuid::Uuid;
use crate::error::{Error, Result};
use crate::store::change::{Change, NewRow};
use crate::store::grants::GrantIndex;
use crate::store::record::{
    AliasRecord, GrantRecord, KeyRecord, KeyState, PolicyRecord, UsageRecord, VersionRecord, VersionState,
};
use crate::store::sealed::{Family, SealedStore};
use crate::store::{Kind, RowName};

/// Collects changes to a key's rows, which write() makes all at once.
pub struct KeyEdit {
    pub uuid: Uuid,
    pub head: KeyRecord,
    pub usage: UsageRecord,
    /// None: the key is new.
    family: Option<Family>,
    versions: Vec<VersionRecord>,
    written: Vec<Written>,
    deleted: Vec<Deleted>,
    grant: Option<GrantChange>,
}

enum Written {
    KeyName,
    Alias(AliasRecord),
    Version(u32),
    Material(u32, Zeroizing<[u8; MATERIAL_SIZE]>),
    Usage,
    Policy(String),
}

enum Deleted {
    Alias(String),
    Material(u32),
    Policy,
}

/// Of a key's grants, one at a time.
enum GrantChange {
    Create(Box<(GrantIndex, GrantRecord)>),
    Delete(GrantId),
}

impl KeyEdit {
    /// Of a key that is there.
    pub fn new(store: &SealedStore, family: Family) -> Result<Self> {
        let versions = family
            .rows(Kind::Version)
            .map(|row| store.unseal_record(row))
            .collect::<Result<Vec<VersionRecord>>>()?;
        Ok(KeyEdit {
            uuid: family.head.uuid()?,
            head: family.head.clone(),
            usage: key::usage_of(store, &family)?,
            versions,
            family: Some(family),
            written: Vec::new(),
            deleted: Vec::new(),
            grant: None,
        })
    }

    /// Of a new key.
    pub fn create(uuid: Uuid, head: KeyRecord) -> Self {
        KeyEdit {
            uuid,
            head,
            usage: UsageRecord::default(),
            family: None,
            versions: Vec::new(),
            written: vec![Written::KeyName],
            deleted: Vec::new(),
            grant: None,
        }
    }

    pub fn versions(&self) -> &[VersionRecord] {
        &self.versions
    }

    /// Whether a version has material now.
    pub fn has_material(&self) -> bool {
        self.family.as_ref().is_some_and(|family| family.rows(Kind::Material).next().is_some())
    }

    pub fn version_by_id(&mut self, version_id: &str) -> Option<&mut VersionRecord> {
        let version = self.versions.iter_mut().find(|version| version.version_id == version_id)?;
        self.written.push(Written::Version(version.number));
        Some(version)
    }

    /// Adds a version, or replaces the one with its number.
    pub fn put_version(&mut self, version: VersionRecord) {
        self.written.push(Written::Version(version.number));
        self.versions.retain(|known| known.number != version.number);
        self.versions.push(version);
        self.head.versions_len = self.versions.len() as u32;
    }

    pub fn put_material(&mut self, number: u32, material: Zeroizing<[u8; MATERIAL_SIZE]>) {
        self.written.push(Written::Material(number, material));
    }

    pub fn delete_material(&mut self, number: u32) {
        self.deleted.push(Deleted::Material(number));
    }

    pub fn put_alias(&mut self, alias: AliasRecord) {
        self.written.push(Written::Alias(alias));
    }

    pub fn delete_alias(&mut self, alias: &str) {
        self.deleted.push(Deleted::Alias(alias.to_string()));
    }

    /// Its policy, as this transaction sees it.
    pub fn policy(&self, store: &SealedStore, account: &Account) -> Result<Option<Policy>> {
        self.family.as_ref().map_or(Ok(None), |family| rules::policy_of(store, family, account))
    }

    /// None: the default policy.
    pub fn put_policy(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.written.push(Written::Policy(text.to_string())),
            None => self.deleted.push(Deleted::Policy),
        }
    }

    /// Creates a grant whose id the index gave.
    pub fn create_grant(&mut self, index: GrantIndex, grant: GrantRecord) {
        self.grant = Some(GrantChange::Create(Box::new((index, grant))));
    }

    pub fn delete_grant(&mut self, grant_id: &GrantId) {
        self.grant = Some(GrantChange::Delete(*grant_id));
    }

    pub fn put_usage(&mut self) {
        self.written.push(Written::Usage);
    }

    /// Does what is due: destroys versions, takes expired material away.
    pub fn let_time_pass(&mut self, now: i64) -> Result<()> {
        let before: Vec<VersionState> = self.versions.iter().map(VersionRecord::state).collect();
        let state = self.head.state();
        due::apply(&mut self.head, &mut self.versions, now);
        let destroyed =
            self.versions.iter().zip(before).filter(|(version, before)| version.state() != *before);
        let mut gone: Vec<u32> = destroyed.map(|(version, _)| version.number).collect();
        self.written.extend(gone.iter().map(|number| Written::Version(*number)));
        if state != KeyState::PendingImport && self.head.state() == KeyState::PendingImport {
            gone.extend(self.versions.iter().map(|version| version.number));
        }
        self.deleted.extend(gone.into_iter().map(Deleted::Material));
        Ok(())
    }

    /// Makes the changes.
    pub fn write(mut self, change: &mut Change<'_>) -> Result<()> {
        self.head.due_at = due::next(&self.head, &self.versions);
        let uuid = self.uuid;
        match self.grant.take() {
            None => {}
            Some(GrantChange::Create(created)) => {
                let (mut index, grant) = *created;
                self.head.grants_sum = change.create_grant(&uuid, &mut index, &grant)?;
            }
            Some(GrantChange::Delete(id)) => {
                let mut index = change.grant_index(&uuid, &self.head.grants_sum)?;
                self.head.grants_sum = change.delete_grant(&uuid, &mut index, &id)?;
            }
        }
        let mut rows: Vec<(RowName<'_>, Zeroizing<Vec<u8>>)> = Vec::new();
        for written in &self.written {
            let (name, plaintext) = match written {
                Written::KeyName => {
                    let name = crate::store::record::KeyNameRecord { key_id: self.head.key_id.clone() };
                    (RowName::KeyName(&self.head.key_id), name.encode_to_vec())
                }
                Written::Alias(alias) => (RowName::Alias(&alias.alias), alias.encode_to_vec()),
                Written::Version(number) => {
                    let version = self.versions.iter().find(|version| version.number == *number);
                    let version = version.ok_or(Error::Internal("a version that is not there"))?;
                    (RowName::Version(&uuid, *number), version.encode_to_vec())
                }
                Written::Material(number, material) => (RowName::Material(&uuid, *number), material.to_vec()),
                Written::Usage => (RowName::Usage(&uuid), self.usage.encode_to_vec()),
                Written::Policy(text) => {
                    (RowName::Policy(&uuid), PolicyRecord { text: text.clone() }.encode_to_vec())
                }
            };
            let plaintext = Zeroizing::new(plaintext);
            // What was edited twice is written once, as it is now.
            if !rows.iter().any(|(known, _)| same_row(known, &name)) {
                rows.push((name, plaintext));
            }
        }
        let deleted: Vec<RowName<'_>> = self
            .deleted
            .iter()
            .map(|deleted| match deleted {
                Deleted::Alias(alias) => RowName::Alias(alias),
                Deleted::Material(number) => RowName::Material(&uuid, *number),
                Deleted::Policy => RowName::Policy(&uuid),
            })
            .collect();
        let rows: Vec<NewRow<'_>> =
            rows.iter().map(|(name, plaintext)| NewRow { name: *name, plaintext }).collect();
        match &self.family {
            Some(family) => change.update_key(family, self.head.clone(), &rows, &deleted),
            None => change.insert_key(&uuid, self.head.clone(), &rows),
        }
    }
}

fn same_row(one: &RowName<'_>, other: &RowName<'_>) -> bool {
    match (one, other) {
        (RowName::Version(_, one), RowName::Version(_, other)) => one == other,
        (RowName::Usage(_), RowName::Usage(_)) => true,
        _ => false,
    }
}
