//! Keys: create, describe, list; description and tags.

use zeroize::Zeroizing;

use super::call::Call;
use super::list::{ListPage, Marker};
use super::request::{self, KeyRequest, flag};
use super::{Kms, names, states};
use crate::access::Action;
use crate::crypto::secret::MATERIAL_SIZE;
use crate::crypto::uuid::{self, Uuid};
use crate::error::{Detail, Error, Result};
use crate::keyring::{Key, KeyEdit, KeyName, XAES_256_GCM, rotation_time};
use crate::platform::{monotonic_ms, unix_seconds};
use crate::store::change::Change;
use crate::store::record::{
    AliasRecord, KeyRecord, KeyState, Origin, TagRecord, VersionRecord, VersionState,
};
use crate::store::{Among, Kind, RowName};

const MAX_DESCRIPTION: usize = 8192;
const MAX_TAGS: usize = 50;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;

#[derive(Default)]
pub struct CreateKeyRequest<'a> {
    pub key_id: Option<&'a str>,
    pub description: Option<&'a str>,
    pub alias: Option<&'a str>,
    pub rotation_period_s: u32,
    pub rotate_after_uses: u64,
    pub origin: u32,
    pub key_uuid: &'a [u8],
    pub tags: Vec<(&'a str, &'a str)>,
    /// None: the default policy.
    pub policy: Option<&'a str>,
    pub flags: u32,
}

/// What there is to know of a key.
#[derive(Clone, Debug)]
pub struct KeyInfo {
    pub key_id: String,
    pub key_uuid: Uuid,
    pub state: KeyState,
    pub primary_version_id: String,
    pub primary_version_number: u32,
    pub versions_len: u32,
    pub created_at: i64,
    pub origin: Origin,
    pub rotation_period_s: u32,
    pub rotate_after_uses: u64,
    pub next_rotation_at: i64,
    pub deletion_at: i64,
    pub material_expires_at: i64,
    pub description: String,
    pub uses_sealed: u64,
    pub uses_opened: u64,
    pub last_used_at: i64,
}

#[derive(Clone, Debug)]
pub struct TagInfo {
    pub key: String,
    pub value: String,
}

impl From<&KeyRecord> for KeyInfo {
    fn from(record: &KeyRecord) -> Self {
        KeyInfo {
            key_id: record.key_id.clone(),
            key_uuid: record.key_uuid.as_slice().try_into().unwrap_or_default(),
            state: record.state(),
            primary_version_id: record.primary_version_id.clone(),
            primary_version_number: record.primary_version,
            versions_len: record.versions_len,
            created_at: record.created_at,
            origin: record.origin(),
            rotation_period_s: record.rotation_period_s,
            rotate_after_uses: record.rotate_after_uses,
            next_rotation_at: rotation_time(record).unwrap_or(0),
            deletion_at: record.deletion_at,
            material_expires_at: record.material_expires_at,
            description: record.description.clone(),
            uses_sealed: 0,
            uses_opened: 0,
            last_used_at: 0,
        }
    }
}

impl From<&Key> for KeyInfo {
    fn from(key: &Key) -> Self {
        let usages = || key.versions().iter().map(|version| version.usage);
        KeyInfo {
            uses_sealed: usages().map(|usage| usage.sealed).sum(),
            uses_opened: usages().map(|usage| usage.opened).sum(),
            last_used_at: usages().map(|usage| usage.last_used_at).max().unwrap_or(0),
            ..KeyInfo::from(&key.record)
        }
    }
}

impl Kms {
    pub fn create_key(&self, request: &CreateKeyRequest<'_>) -> Result<KeyInfo> {
        request::check_flags(
            "request.flags",
            request.flags,
            flag::DRY_RUN | flag::BYPASS_POLICY_LOCKOUT_CHECK,
        )?;
        request.key_id.map_or(Ok(()), names::check_key_id)?;
        request.alias.map_or(Ok(()), names::check_alias)?;
        check_description(request.description.unwrap_or_default())?;
        let origin = check_origin(request)?;
        let mut tags = Vec::new();
        set_tags(&mut tags, &request.tags)?;
        self.require_writable()?;
        let live = self.live()?;
        let key_uuid: Uuid = match request.key_uuid.try_into() {
            Ok(given) => given,
            Err(_) => uuid::random()?,
        };
        let key_id = match request.key_id {
            Some(key_id) => key_id.to_string(),
            None => uuid::to_string(&uuid::random()?),
        };
        let policy = self.check_policy(request.policy, &key_id, request.flags)?;
        let now = unix_seconds();
        let head = KeyRecord {
            key_uuid: key_uuid.to_vec(),
            key_id: key_id.clone(),
            description: request.description.unwrap_or_default().into(),
            state: if origin == Origin::External { KeyState::PendingImport } else { KeyState::Enabled }
                .into(),
            origin: origin.into(),
            created_at: now,
            rotated_at: now,
            rotation_period_s: request.rotation_period_s,
            rotate_after_uses: request.rotate_after_uses,
            tags,
            ..KeyRecord::default()
        };
        let call = Call::new(&self.caller, Action::CreateKey, Some(KeyName::Id(&key_id)));
        let create = |change: &mut Change<'_>| {
            for name in [Some(KeyName::Id(&key_id)), request.alias.map(KeyName::Alias)].into_iter().flatten()
            {
                refuse_existing(change.exists(name.row())?, name)?;
            }
            if change.exists(RowName::Key(&key_uuid))? {
                return Err(Error::AlreadyExists { what: Detail::Key, name: "of that key_uuid".into() });
            }
            let mut edit = KeyEdit::create(key_uuid, head.clone());
            if origin == Origin::Kms {
                add_version(&mut edit, false)?;
            }
            if let Some(alias) = request.alias {
                edit.put_alias(AliasRecord { alias: alias.into(), key_id: key_id.clone(), created_at: now });
            }
            if let Some(policy) = policy {
                edit.put_policy(Some(policy));
            }
            if request.flags & flag::DRY_RUN != 0 {
                return Err(Error::DryRunOk);
            }
            let info = KeyInfo::from(&edit.head);
            live.log_change(&call)?;
            edit.write(change)?;
            Ok(info)
        };
        let outcome = live.admit(&call).and_then(|()| {
            call.require_root()?;
            live.keyring.change(create)
        });
        live.finish(&call, outcome)
    }

    /// For `test_hooks`.
    #[cfg(feature = "test-hooks")]
    pub(crate) fn create_keys(&self, key_ids: &[String]) -> Result<()> {
        self.live()?.keyring.change(|change| {
            for key_id in key_ids {
                let (key_uuid, created_at) = (uuid::random()?, unix_seconds());
                let head = KeyRecord {
                    key_uuid: key_uuid.to_vec(),
                    key_id: key_id.clone(),
                    state: KeyState::Enabled.into(),
                    origin: Origin::Kms.into(),
                    created_at,
                    rotated_at: created_at,
                    ..KeyRecord::default()
                };
                let mut edit = KeyEdit::create(key_uuid, head);
                add_version(&mut edit, false)?;
                edit.write(change)?;
            }
            Ok(())
        })
    }

    pub fn describe_key(&self, request: &KeyRequest<'_>) -> Result<KeyInfo> {
        request.refuse_version()?;
        self.with_key(Action::DescribeKey, request, |key| Ok(KeyInfo::from(key)))
    }

    pub fn list_keys(&self, marker: &str, limit: usize, flags: u32) -> Result<ListPage<KeyInfo>> {
        request::check_flags("request.flags", flags, flag::DRY_RUN)?;
        let after = Marker::Keys.row(marker)?;
        let limit = Marker::limit(limit);
        let records = self.on_store(Action::ListKeys, flags, |live| {
            live.keyring.epoch(monotonic_ms())?;
            live.keyring.store().page::<KeyRecord>(Kind::Key, Among::All, after.as_ref(), limit + 1)
        })?;
        let mut page = Marker::Keys.page_of_rows(records, limit, |record| record);
        // A key that is gone but not removed yet is not listed.
        let now = unix_seconds();
        page.items.retain(|listed| !crate::keyring::is_deleted(&listed.item, now));
        Ok(page.map(|record| KeyInfo::from(&record)))
    }

    pub fn update_key_description(&self, key_id: &str, description: &str, flags: u32) -> Result<()> {
        check_description(description)?;
        self.edit_key(Action::UpdateKeyDescription, &KeyRequest::of(key_id, flags), |edit| {
            refuse_pending_deletion(&edit.head)?;
            edit.head.description = description.into();
            Ok(())
        })
    }

    pub fn tag_key(&self, key_id: &str, tags: &[(&str, &str)], flags: u32) -> Result<()> {
        self.edit_key(Action::TagResource, &KeyRequest::of(key_id, flags), |edit| {
            refuse_pending_deletion(&edit.head)?;
            set_tags(&mut edit.head.tags, tags)
        })
    }

    pub fn untag_key(&self, key_id: &str, tag_keys: &[&str], flags: u32) -> Result<()> {
        self.edit_key(Action::UntagResource, &KeyRequest::of(key_id, flags), |edit| {
            refuse_pending_deletion(&edit.head)?;
            edit.head.tags.retain(|tag| !tag_keys.contains(&tag.key.as_str()));
            Ok(())
        })
    }

    pub fn list_key_tags(
        &self,
        request: &KeyRequest<'_>,
        marker: &str,
        limit: usize,
    ) -> Result<ListPage<TagInfo>> {
        request.refuse_version()?;
        let after = Marker::Tags.index(marker)?;
        self.with_key(Action::ListResourceTags, request, |key| {
            let tags =
                key.record.tags.iter().map(|tag| TagInfo { key: tag.key.clone(), value: tag.value.clone() });
            Ok(Marker::Tags.page_of(tags, after, limit))
        })
    }
}

/// A new version with material from the kernel's generator, which becomes the primary one.
pub(super) fn add_version(edit: &mut KeyEdit, by_itself: bool) -> Result<VersionRecord> {
    let number = edit.versions().iter().map(|version| version.number).max().unwrap_or(0);
    let number =
        number.checked_add(1).ok_or_else(|| Error::LimitExceeded("the key has too many versions".into()))?;
    let mut material = Zeroizing::new([0; MATERIAL_SIZE]);
    uuid::fill_from_kernel(material.as_mut_slice())?;
    let version = new_version(number, by_itself)?;
    edit.put_material(number, material);
    edit.put_version(version.clone());
    edit.head.primary_version = number;
    edit.head.primary_version_id = version.version_id.clone();
    edit.head.rotated_at = version.created_at;
    Ok(version)
}

pub(super) fn new_version(number: u32, rotated_by_itself: bool) -> Result<VersionRecord> {
    Ok(VersionRecord {
        number,
        version_id: uuid::to_string(&uuid::random()?),
        created_at: unix_seconds(),
        state: VersionState::Enabled.into(),
        algorithm: XAES_256_GCM,
        destruction_at: 0,
        rotated_by_itself,
    })
}

fn check_origin(request: &CreateKeyRequest<'_>) -> Result<Origin> {
    let origin = i32::try_from(request.origin).ok().and_then(|origin| Origin::try_from(origin).ok());
    let origin =
        origin.ok_or_else(|| Error::argument(format!("request.origin: {} is unknown", request.origin)))?;
    if origin == Origin::External && (request.rotation_period_s != 0 || request.rotate_after_uses != 0) {
        return Err(Error::argument(
            "request.rotation_period_s: imported material does not rotate by itself",
        ));
    }
    match (request.key_uuid.len(), origin) {
        (0, _) | (16, Origin::External) => Ok(origin),
        (16, Origin::Kms) => Err(Error::argument("request.key_uuid: is for KMS_ORIGIN_EXTERNAL only")),
        (len, _) => Err(Error::argument(format!("request.key_uuid: has {len} bytes, expected 16"))),
    }
}

fn check_description(description: &str) -> Result<()> {
    if description.len() > MAX_DESCRIPTION {
        return Err(Error::argument(format!(
            "request.description: has {} bytes, at most {MAX_DESCRIPTION} are allowed",
            description.len()
        )));
    }
    Ok(())
}

/// Sets tags among those that are there; the limits are those of the vendors (AWS: Tag, TagResource).
fn set_tags(known: &mut Vec<TagRecord>, tags: &[(&str, &str)]) -> Result<()> {
    for (index, (key, value)) in tags.iter().enumerate() {
        if key.is_empty() || key.chars().count() > MAX_TAG_KEY {
            return Err(Error::argument(format!(
                "request.tags[].key: expected 1 to {MAX_TAG_KEY} characters"
            )));
        }
        if value.chars().count() > MAX_TAG_VALUE {
            return Err(Error::argument(format!(
                "request.tags[].value: expected at most {MAX_TAG_VALUE} characters"
            )));
        }
        if tags.iter().skip(index + 1).any(|(other, _)| other == key) {
            return Err(Error::argument("request.tags: a key is there twice"));
        }
        known.retain(|tag| tag.key != *key);
        known.push(TagRecord { key: (*key).into(), value: (*value).into() });
    }
    if known.len() > MAX_TAGS {
        return Err(Error::LimitExceeded(format!("request.tags: a key has at most {MAX_TAGS} tags")));
    }
    known.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(())
}

pub(super) fn refuse_existing(exists: bool, name: KeyName<'_>) -> Result<()> {
    let what = match name {
        KeyName::Id(_) => Detail::Key,
        KeyName::Alias(_) => Detail::Alias,
    };
    if exists { Err(Error::AlreadyExists { what, name: name.as_str().into() }) } else { Ok(()) }
}

pub(super) fn refuse_pending_deletion(head: &KeyRecord) -> Result<()> {
    if head.state() == KeyState::PendingDeletion {
        return Err(states::wrong_state(head, "pending deletion"));
    }
    Ok(())
}
