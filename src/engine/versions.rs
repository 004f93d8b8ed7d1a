//! Versions of keys: rotation, the primary version, destruction; imported material.

use zeroize::Zeroizing;

use super::keys::{add_version, new_version};
use super::lifecycle::waiting_ends;
use super::list::{ListPage, Marker};
use super::request::{ImportRequest, KeyRequest, ScheduleRequest};
use super::{Kms, states};
use crate::access::Action;
use crate::crypto::secret::{self, MATERIAL_SIZE};
use crate::crypto::xaes;
use crate::error::{Detail, Error, Result};
use crate::keyring::{Key, KeyEdit, KeyVersion};
use crate::platform::unix_seconds;
use crate::store::record::{KeyRecord, KeyState, Origin, VersionRecord, VersionState, VersionUsage};

/// Days before a version's material is destroyed, at the least.
const LEAST_DESTRUCTION_DAYS: u32 = 1;

#[derive(Clone, Debug)]
pub struct VersionInfo {
    pub key_id: String,
    pub version_id: String,
    pub number: u32,
    pub state: VersionState,
    pub algorithm: u32,
    pub is_primary: bool,
    pub created_at: i64,
    pub destruction_at: i64,
    pub usage: VersionUsage,
    /// A rotation that was due made it, rather than a caller.
    pub rotated_by_itself: bool,
}

impl VersionInfo {
    fn new(head: &KeyRecord, version: &VersionRecord, usage: VersionUsage) -> Self {
        VersionInfo {
            key_id: head.key_id.clone(),
            version_id: version.version_id.clone(),
            number: version.number,
            state: version.state(),
            algorithm: version.algorithm,
            is_primary: head.primary_version == version.number,
            created_at: version.created_at,
            destruction_at: version.destruction_at,
            usage,
            rotated_by_itself: version.rotated_by_itself,
        }
    }

    fn of(key: &Key, version: &KeyVersion) -> Self {
        VersionInfo::new(&key.record, &version.record, version.usage)
    }
}

impl Kms {
    pub fn rotate_key(&self, request: &KeyRequest<'_>) -> Result<VersionInfo> {
        request.refuse_version()?;
        self.edit_key(Action::RotateKeyOnDemand, request, |edit| {
            states::usable(&edit.head)?;
            let version = rotate(edit, false)?;
            Ok(VersionInfo::new(&edit.head, &version, VersionUsage::default()))
        })
    }

    pub fn set_primary_version(&self, request: &KeyRequest<'_>) -> Result<()> {
        let version_id = request.require_version()?;
        self.edit_key(Action::SetPrimaryVersion, request, |edit| {
            states::usable(&edit.head)?;
            let version = find(edit, version_id)?.clone();
            states::version_usable(&version)?;
            edit.head.primary_version = version.number;
            edit.head.primary_version_id = version.version_id;
            Ok(())
        })
    }

    pub fn describe_key_version(&self, request: &KeyRequest<'_>) -> Result<VersionInfo> {
        self.with_key(Action::DescribeKeyVersion, request, |key| {
            let version = match request.version_id {
                Some(version_id) => key.version_by_id(version_id),
                None => key.primary(),
            };
            let missing = || states::no_version(key.id(), request.version_id.unwrap_or("primary"));
            version.map(|version| VersionInfo::of(key, version)).ok_or_else(missing)
        })
    }

    pub fn list_key_versions(
        &self,
        request: &KeyRequest<'_>,
        marker: &str,
        limit: usize,
    ) -> Result<ListPage<VersionInfo>> {
        request.refuse_version()?;
        let after = Marker::Versions.index(marker)?;
        self.with_key(Action::ListKeyVersions, request, |key| {
            let versions = key.versions().iter().map(|version| VersionInfo::of(key, version));
            Ok(Marker::Versions.page_of(versions, after, limit))
        })
    }

    pub fn schedule_version_destruction(&self, request: &ScheduleRequest<'_>) -> Result<VersionInfo> {
        let key_request = request.key_request();
        let version_id = key_request.require_version()?;
        let destruction_at = waiting_ends(request.waiting_days, LEAST_DESTRUCTION_DAYS)?;
        self.edit_key(Action::ScheduleVersionDestruction, &key_request, |edit| {
            states::refuse_pending(&edit.head)?;
            let version = find(edit, version_id)?;
            states::version_usable(version)?;
            version.set_state(VersionState::PendingDestruction);
            version.destruction_at = destruction_at;
            let version = version.clone();
            if edit.head.primary_version == version.number {
                let message = "request.version_id: the primary version cannot be destroyed".to_string();
                return Err(Error::InvalidState { what: Detail::Version, key_id: String::new(), message });
            }
            Ok(VersionInfo::new(&edit.head, &version, edit.usage.of(version.number)))
        })
    }

    pub fn cancel_version_destruction(&self, request: &KeyRequest<'_>) -> Result<()> {
        let version_id = request.require_version()?;
        self.edit_key(Action::CancelVersionDestruction, request, |edit| {
            states::refuse_pending(&edit.head)?;
            let version = find(edit, version_id)?;
            if version.state() != VersionState::PendingDestruction {
                let message = format!("key version {version_id:?} is not scheduled for destruction");
                return Err(Error::InvalidState { what: Detail::Version, key_id: String::new(), message });
            }
            version.set_state(VersionState::Enabled);
            version.destruction_at = 0;
            Ok(())
        })
    }

    pub fn import_key_material(&self, request: &ImportRequest<'_>) -> Result<VersionInfo> {
        let material: &[u8; MATERIAL_SIZE] = request.material.try_into().map_err(|_| {
            Error::argument(format!(
                "request.material: has {} bytes, expected {MATERIAL_SIZE}",
                request.material.len()
            ))
        })?;
        if request.expires_at != 0 && request.expires_at <= unix_seconds() {
            return Err(Error::argument("request.expires_at: is in the past"));
        }
        let commitment = xaes::commitment(material);
        self.edit_key(Action::ImportKeyMaterial, &request.key_request(), |edit| {
            require_imported(&edit.head)?;
            super::keys::refuse_pending_deletion(&edit.head)?;
            let known = edit.head.material_commitment.as_slice();
            if !known.is_empty() && !secret::is_equal(known, &commitment) {
                return Err(Error::OtherMaterial);
            }
            let version = match edit.versions().first() {
                Some(version) => version.clone(),
                None => new_version(request.version_number.max(1), false)?,
            };
            if request.version_number != 0 && request.version_number != version.number {
                return Err(Error::argument(format!(
                    "request.version_number: is {}, but the key's version has the number {}",
                    request.version_number, version.number
                )));
            }
            edit.put_material(version.number, Zeroizing::new(*material));
            edit.put_version(version.clone());
            edit.head.primary_version = version.number;
            edit.head.primary_version_id = version.version_id.clone();
            edit.head.material_commitment = commitment.to_vec();
            edit.head.material_expires_at = request.expires_at;
            if edit.head.state() == KeyState::PendingImport {
                edit.head.set_state(KeyState::Enabled);
            }
            Ok(VersionInfo::new(&edit.head, &version, edit.usage.of(version.number)))
        })
    }

    pub fn delete_imported_key_material(&self, request: &KeyRequest<'_>) -> Result<()> {
        request.refuse_version()?;
        self.edit_key(Action::DeleteImportedKeyMaterial, request, |edit| {
            require_imported(&edit.head)?;
            super::keys::refuse_pending_deletion(&edit.head)?;
            let numbers: Vec<u32> = edit.versions().iter().map(|version| version.number).collect();
            numbers.into_iter().for_each(|number| edit.delete_material(number));
            edit.head.set_state(KeyState::PendingImport);
            edit.head.material_expires_at = 0;
            Ok(())
        })?;
        // The material is gone; what the write-ahead log still holds of it goes now, or with the next checkpoint.
        let _ = self.live()?.keyring.store().scrub();
        Ok(())
    }
}

/// Gives a key a new primary version.
pub(super) fn rotate(edit: &mut KeyEdit, by_itself: bool) -> Result<VersionRecord> {
    if edit.head.origin() == Origin::External {
        return Err(Error::InvalidKeyUsage("request.key_id: imported material does not rotate"));
    }
    add_version(edit, by_itself)
}

fn require_imported(head: &KeyRecord) -> Result<()> {
    if head.origin() == Origin::External {
        return Ok(());
    }
    Err(Error::InvalidKeyUsage("request.key_id: the key's material is the library's own (KMS_ORIGIN_KMS)"))
}

fn find<'a>(edit: &'a mut KeyEdit, version_id: &str) -> Result<&'a mut VersionRecord> {
    let missing = states::no_version(&edit.head.key_id, version_id);
    edit.version_by_id(version_id).ok_or(missing)
}
