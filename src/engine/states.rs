//! What a key's and a version's state allows. The one place that turns states into refusals; docs/states.md has the
//! table.

use super::request::VersionChoice;
use crate::crypto::secret::Material;
use crate::error::{Detail, Error, Result};
use crate::keyring::{Key, KeyVersion};
use crate::store::record::{KeyRecord, KeyState, VersionRecord, VersionState};

/// The version that a request to generate or encrypt means, and its material.
#[inline]
pub fn to_seal<'a>(key: &'a Key, choice: VersionChoice<'_>) -> Result<(&'a KeyVersion, &'a Material)> {
    usable(&key.record)?;
    let version = match choice {
        VersionChoice::Primary => key.primary().ok_or_else(|| no_version(key.id(), "primary")),
        VersionChoice::Initial => key.initial().ok_or_else(|| no_version(key.id(), "initial")),
        VersionChoice::Id(id) => key.version_by_id(id).ok_or_else(|| no_version(key.id(), id)),
    }?;
    Ok((version, material(version)?))
}

/// The version that made a ciphertext, and its material. A version that the key never had is a forged ciphertext.
#[inline]
pub fn to_open(key: &Key, number: u32) -> Result<(&KeyVersion, &Material)> {
    usable(&key.record)?;
    let version = key.version(number).ok_or_else(|| Error::InvalidCiphertext)?;
    Ok((version, material(version)?))
}

/// Only an enabled key works.
#[inline]
pub fn usable(key: &KeyRecord) -> Result<()> {
    match key.state() {
        KeyState::Enabled => Ok(()),
        KeyState::Disabled => Err(Error::Disabled(key.key_id.clone())),
        _ => refuse_pending(key),
    }
}

/// A key that is pending deletion or import.
pub fn refuse_pending(key: &KeyRecord) -> Result<()> {
    match key.state() {
        KeyState::Enabled | KeyState::Disabled => Ok(()),
        KeyState::PendingDeletion | KeyState::PendingImport => Err(wrong_state(key, state_name(key.state()))),
        KeyState::Unspecified => Err(Error::corrupt("a key has no state")),
    }
}

fn state_name(state: KeyState) -> &'static str {
    match state {
        KeyState::PendingDeletion => "pending deletion",
        KeyState::PendingImport => "pending import",
        _ => "not pending",
    }
}

/// A refusal that says what the key is.
pub fn wrong_state(key: &KeyRecord, is: &str) -> Error {
    let what = match key.state() {
        KeyState::PendingDeletion => Detail::PendingDeletion,
        KeyState::PendingImport if key.material_expires_at != 0 => Detail::MaterialExpired,
        KeyState::PendingImport => Detail::PendingImport,
        _ => Detail::Key,
    };
    Error::InvalidState { what, key_id: key.key_id.clone(), message: format!("key {:?} is {is}", key.key_id) }
}

/// Only an enabled version works.
#[inline]
pub fn version_usable(version: &VersionRecord) -> Result<()> {
    let refuse = |what, is| {
        let message = format!("key version {:?} is {is}", version.version_id);
        Err(Error::InvalidState { what, key_id: String::new(), message })
    };
    match version.state() {
        VersionState::Enabled => Ok(()),
        VersionState::PendingDestruction => {
            refuse(Detail::VersionPendingDestruction, "scheduled for destruction")
        }
        VersionState::Destroyed => refuse(Detail::VersionDestroyed, "destroyed"),
        VersionState::Unspecified => Err(Error::corrupt("a key version has no state")),
    }
}

#[inline]
fn material(version: &KeyVersion) -> Result<&Material> {
    version_usable(&version.record)?;
    version.material.as_ref().ok_or_else(|| Error::corrupt("a version's material is missing"))
}

pub fn no_version(key_id: &str, version: &str) -> Error {
    Error::not_found(Detail::Version, format!("{version} of {key_id}"))
}
