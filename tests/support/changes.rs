//! Every kind of change that a store may see. What must hold for all of them is tested over this list: that no part of
//! one can be undone, that other processes see it in time, that it survives a failing disk.

#![allow(dead_code)] // every test file uses its own part

use kms::capi::constants::*;

use crate::handle::{Handle, Outcome, status};
use crate::keys::NewKey;

/// A change to one key, given by an id that no other change uses.
pub struct Change {
    pub name: &'static str,
    /// What has to be there before; uses no key.
    pub prepare: fn(&Handle, &str) -> Outcome<()>,
    pub make: fn(&Handle, &str) -> Outcome<()>,
    /// Whether it has happened, as someone sees it who uses the key. Asked before the change, too.
    pub is_made: fn(&Handle, &str) -> Outcome<bool>,
}

const fn change(
    name: &'static str,
    prepare: fn(&Handle, &str) -> Outcome<()>,
    make: fn(&Handle, &str) -> Outcome<()>,
    is_made: fn(&Handle, &str) -> Outcome<bool>,
) -> Change {
    Change { name, prepare, make, is_made }
}

pub const CHANGES: [Change; 21] = [
    change("create a key", nothing, key, works),
    change("create a key with an alias", nothing, key_with_alias, |kms, id| answers(kms, &alias(id), id)),
    change(
        "create an alias",
        key,
        |kms, id| kms.create_alias(&alias(id), id),
        |kms, id| answers(kms, &alias(id), id),
    ),
    change(
        "update an alias",
        two_keys,
        |kms, id| kms.update_alias(&alias(id), &other(id)),
        |kms, id| answers(kms, &alias(id), &other(id)),
    ),
    change(
        "delete an alias",
        key_with_alias,
        |kms, id| kms.delete_alias(&alias(id)),
        |kms, id| refuses(kms, &alias(id), KMS_NOT_FOUND),
    ),
    change(
        "describe a key anew",
        key,
        |kms, id| kms.set_description(id, "another"),
        |kms, id| {
            works(kms, id)?;
            Ok(kms.describe(id)?.description == "another")
        },
    ),
    change("disable a key", key, |kms, id| kms.disable(id), |kms, id| refuses(kms, id, KMS_DISABLED)),
    change("enable a key", disabled, |kms, id| kms.enable(id), works),
    change("rotate a key", key, rotate, |kms, id| is_primary(kms, id, 2)),
    change(
        "set a key's primary version",
        rotated,
        |kms, id| kms.set_primary(id, &first_version(kms, id)?),
        |kms, id| is_primary(kms, id, 1),
    ),
    change(
        "set a key's rotation",
        key,
        |kms, id| kms.set_rotation(id, 1 << 40),
        |kms, id| {
            works(kms, id)?;
            Ok(kms.describe(id)?.rotate_after_uses == 1 << 40)
        },
    ),
    change("schedule a version's destruction", rotated, destroy, |kms, id| {
        works(kms, id)?;
        Ok(kms.versions(id)?[0].state == KMS_VERSION_STATE_PENDING_DESTRUCTION)
    }),
    change(
        "cancel a version's destruction",
        destroying,
        |kms, id| kms.cancel_destruction(id, &first_version(kms, id)?),
        |kms, id| {
            works(kms, id)?;
            Ok(kms.versions(id)?[0].state == KMS_VERSION_STATE_ENABLED)
        },
    ),
    change(
        "schedule a key's deletion",
        key,
        |kms, id| kms.schedule_deletion(id),
        |kms, id| refuses(kms, id, KMS_INVALID_STATE),
    ),
    change(
        "cancel a key's deletion",
        deleting,
        |kms, id| kms.cancel_deletion(id),
        |kms, id| refuses(kms, id, KMS_DISABLED),
    ),
    change(
        "create a key for imported material",
        nothing,
        |kms, id| kms.create_external(id),
        |kms, id| refuses(kms, id, KMS_INVALID_STATE),
    ),
    change("import material", |kms, id| kms.create_external(id), |kms, id| kms.import(id, &MATERIAL), works),
    change("create a grant", key, grant, is_granted),
    change(
        "create another grant",
        granted,
        |kms, id| kms.create_grant(id, "another").map(drop),
        |kms, id| Ok(kms.grants(id)?.len() == 2 && is_granted(kms, id)?),
    ),
    change(
        "revoke a grant",
        granted,
        |kms, id| kms.revoke_grant(id, &kms.grants(id)?[0]),
        |kms, id| Ok(!is_granted(kms, id)?),
    ),
    change(
        "delete imported material",
        imported,
        |kms, id| kms.delete_material(id),
        |kms, id| refuses(kms, id, KMS_INVALID_STATE),
    ),
];

const MATERIAL: [u8; 32] = *b"material that a caller brings in";

fn alias(id: &str) -> String {
    format!("alias/{id}")
}

fn other(id: &str) -> String {
    format!("{id}-2")
}

fn nothing(_: &Handle, _: &str) -> Outcome<()> {
    Ok(())
}

fn key(kms: &Handle, id: &str) -> Outcome<()> {
    kms.create(NewKey { id: Some(id), ..NewKey::default() }).map(drop)
}

fn key_with_alias(kms: &Handle, id: &str) -> Outcome<()> {
    kms.create(NewKey { id: Some(id), alias: Some(&alias(id)), ..NewKey::default() }).map(drop)
}

fn two_keys(kms: &Handle, id: &str) -> Outcome<()> {
    key_with_alias(kms, id)?;
    key(kms, &other(id))
}

fn disabled(kms: &Handle, id: &str) -> Outcome<()> {
    key(kms, id)?;
    kms.disable(id)
}

fn rotate(kms: &Handle, id: &str) -> Outcome<()> {
    kms.rotate(id).map(drop)
}

fn rotated(kms: &Handle, id: &str) -> Outcome<()> {
    key(kms, id)?;
    rotate(kms, id)
}

fn first_version(kms: &Handle, id: &str) -> Outcome<String> {
    Ok(kms.versions(id)?[0].id.clone())
}

fn destroy(kms: &Handle, id: &str) -> Outcome<()> {
    kms.schedule_destruction(id, &first_version(kms, id)?)
}

fn destroying(kms: &Handle, id: &str) -> Outcome<()> {
    rotated(kms, id)?;
    destroy(kms, id)
}

fn deleting(kms: &Handle, id: &str) -> Outcome<()> {
    key(kms, id)?;
    kms.schedule_deletion(id)
}

fn grant(kms: &Handle, id: &str) -> Outcome<()> {
    kms.create_grant(id, "tenant").map(drop)
}

fn granted(kms: &Handle, id: &str) -> Outcome<()> {
    key(kms, id)?;
    grant(kms, id)
}

/// Whether the grantee can make a data key.
fn is_granted(kms: &Handle, id: &str) -> Outcome<bool> {
    match kms.as_principal("tenant").generate_by(id, None, None) {
        Ok(_) => Ok(true),
        Err(failure) if [KMS_ACCESS_DENIED, KMS_NOT_FOUND].contains(&failure.status) => Ok(false),
        Err(failure) => Err(failure),
    }
}

fn imported(kms: &Handle, id: &str) -> Outcome<()> {
    kms.create_external(id)?;
    kms.import(id, &MATERIAL)
}

/// Whether a data key can be made and opened. A refusal is no, for a reason that a key may have.
fn works(kms: &Handle, name: &str) -> Outcome<bool> {
    let opened = kms.data_key(name).and_then(|data_key| {
        assert_eq!(kms.open_blob(&data_key.ciphertext)?, data_key.plaintext, "a wrong data key");
        Ok(())
    });
    match opened {
        Ok(()) => Ok(true),
        Err(failure) if [KMS_NOT_FOUND, KMS_DISABLED, KMS_INVALID_STATE].contains(&failure.status) => {
            Ok(false)
        }
        Err(failure) => Err(failure),
    }
}

/// Whether `name` works and names the key `id`.
fn answers(kms: &Handle, name: &str, id: &str) -> Outcome<bool> {
    Ok(works(kms, name)? && kms.describe(name)?.id == id)
}

fn refuses(kms: &Handle, name: &str, expected: i32) -> Outcome<bool> {
    Ok(!works(kms, name)? && status(&kms.data_key(name)) == expected)
}

fn is_primary(kms: &Handle, id: &str, number: u32) -> Outcome<bool> {
    // Its ciphertexts say it, too.
    let in_use = kms.data_key(id)?.ciphertext[20..24] == number.to_be_bytes();
    let described = kms.describe(id)?.primary_version_number == number;
    Ok(in_use && described)
}
