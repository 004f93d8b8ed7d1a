//! What a key's and a version's state allows. The one place that turns states into refusals.

use super::request::VersionChoice;
use crate::crypto::secret::Material;
use crate::error::{Detail, Error, Result};
use crate::keyring::{Key, KeyVersion};
use crate::store::record::{KeyState, VersionState};

/// The version that a request to generate or encrypt means, and its material.
#[inline]
pub fn to_seal<'a>(key: &'a Key, choice: VersionChoice<'_>) -> Result<(&'a KeyVersion, &'a Material)> {
    usable(key)?;
    let version = match choice {
        VersionChoice::Primary => key.primary().ok_or_else(|| no_version(key, "primary")),
        VersionChoice::Initial => key.initial().ok_or_else(|| no_version(key, "initial")),
        VersionChoice::Id(id) => key.version_by_id(id).ok_or_else(|| no_version(key, id)),
    }?;
    Ok((version, material(version)?))
}

/// The version that made a ciphertext, and its material. A version that the key never had is a forged ciphertext.
pub fn to_open(key: &Key, number: u32) -> Result<(&KeyVersion, &Material)> {
    usable(key)?;
    let version = key.version(number).ok_or(Error::InvalidCiphertext)?;
    Ok((version, material(version)?))
}

#[inline]
fn usable(key: &Key) -> Result<()> {
    let refuse =
        |what, state| Err(Error::InvalidState { what, message: format!("key {:?} is {state}", key.id()) });
    match key.state() {
        KeyState::Enabled => Ok(()),
        KeyState::Disabled => Err(Error::Disabled(key.id().to_string())),
        KeyState::PendingDeletion => refuse(Detail::PendingDeletion, "pending deletion"),
        KeyState::PendingImport => refuse(Detail::PendingImport, "pending import"),
        KeyState::Unspecified => Err(Error::corrupt("a key has no state")),
    }
}

fn material(version: &KeyVersion) -> Result<&Material> {
    let refuse = |what, state| {
        let message = format!("key version {:?} is {state}", version.record.version_id);
        Err(Error::InvalidState { what, message })
    };
    match (version.record.state(), &version.material) {
        (VersionState::Enabled, Some(material)) => Ok(material),
        (VersionState::PendingDestruction, _) => {
            refuse(Detail::VersionPendingDestruction, "scheduled for destruction")
        }
        (VersionState::Destroyed, _) => refuse(Detail::VersionDestroyed, "destroyed"),
        _ => Err(Error::corrupt("a key version has neither state nor material")),
    }
}

fn no_version(key: &Key, version: &str) -> Error {
    Error::not_found(Detail::Version, format!("{version} of {}", key.id()))
}
