//! Keys and aliases: create, describe, list.

use prost::Message;

use super::request::{self, flag};
use super::{GrantTokens, Kms, names};
use crate::crypto::secret::{MATERIAL_SIZE, wipe};
use crate::crypto::uuid::{self, Uuid};
use crate::error::{Detail, Error, Result};
use crate::keyring::{KeyName, XAES_256_GCM};
use crate::platform::{monotonic_ms, unix_seconds};
use crate::store::record::{
    AliasRecord, KeyNameRecord, KeyRecord, KeyState, Origin, VersionRecord, VersionState,
};
use crate::store::sealed::{Change, NewRow};
use crate::store::{Kind, RowId};

const MAX_DESCRIPTION: usize = 8192;
/// Items of one page, however many the caller has room for.
const MAX_PAGE: usize = 1000;

pub struct CreateKeyRequest<'a> {
    pub key_id: Option<&'a str>,
    pub description: Option<&'a str>,
    pub alias: Option<&'a str>,
    pub rotation_period_s: u32,
    pub origin: u32,
    pub flags: u32,
}

/// What there is to know of a key.
pub struct KeyInfo {
    pub key_id: String,
    pub state: KeyState,
    pub primary_version_id: String,
    pub primary_version_number: u32,
    pub versions_len: u32,
    pub created_at: i64,
    pub origin: Origin,
    pub rotation_period_s: u32,
    pub description: String,
}

pub struct AliasInfo {
    pub alias: String,
    pub key_id: String,
    pub created_at: i64,
}

/// An item of a list, and the marker that leads to the next one.
pub struct Listed<T> {
    pub item: T,
    pub marker: String,
}

pub struct ListPage<T> {
    pub items: Vec<Listed<T>>,
    pub more: bool,
}

impl From<&KeyRecord> for KeyInfo {
    fn from(record: &KeyRecord) -> Self {
        KeyInfo {
            key_id: record.key_id.clone(),
            state: record.state(),
            primary_version_id: record.primary_version_id.clone(),
            primary_version_number: record.primary_version,
            versions_len: record.versions_len,
            created_at: record.created_at,
            origin: record.origin(),
            rotation_period_s: record.rotation_period_s,
            description: record.description.clone(),
        }
    }
}

impl Kms {
    pub fn create_key(&self, request: &CreateKeyRequest<'_>) -> Result<KeyInfo> {
        request::check_flags("request.flags", request.flags, flag::DRY_RUN)?;
        request.key_id.map_or(Ok(()), names::check_key_id)?;
        request.alias.map_or(Ok(()), names::check_alias)?;
        let description = request.description.unwrap_or_default();
        if description.len() > MAX_DESCRIPTION {
            return Err(Error::argument(format!(
                "request.description: has {} bytes, at most {MAX_DESCRIPTION} are allowed",
                description.len()
            )));
        }
        if request.rotation_period_s != 0 {
            return Err(Error::Unsupported(
                "request.rotation_period_s: this library does not rotate by itself".into(),
            ));
        }
        if request.origin != 0 {
            return Err(Error::Unsupported("request.origin: this library does not import material".into()));
        }
        self.require_writable()?;
        let live = self.live()?;
        let key_uuid = uuid::random()?;
        let key_id = request
            .key_id
            .map_or_else(|| uuid::random().map(|id| uuid::to_string(&id)), |id| Ok(id.into()))?;
        let now = unix_seconds();
        let version = VersionRecord {
            number: 1,
            version_id: uuid::to_string(&uuid::random()?),
            created_at: now,
            state: VersionState::Enabled.into(),
            algorithm: XAES_256_GCM,
        };
        let head = KeyRecord {
            key_uuid: key_uuid.to_vec(),
            key_id: key_id.clone(),
            description: description.into(),
            state: KeyState::Enabled.into(),
            origin: Origin::Kms.into(),
            created_at: now,
            primary_version: version.number,
            primary_version_id: version.version_id.clone(),
            versions_len: 1,
            rotation_period_s: 0,
            rows_sum: Vec::new(),
        };
        let info = KeyInfo::from(&head);
        let outcome = live.keyring.change(|change| {
            refuse_existing(live, change, KeyName::Id(&key_id))?;
            request.alias.map_or(Ok(()), |alias| refuse_existing(live, change, KeyName::Alias(alias)))?;
            if request.flags & flag::DRY_RUN != 0 {
                return Err(Error::DryRunOk);
            }
            let ids = RowIds { live, key_uuid: &key_uuid };
            let mut material = [0; MATERIAL_SIZE];
            uuid::fill_from_kernel(&mut material)?;
            let name = KeyNameRecord { key_id: key_id.clone() }.encode_to_vec();
            let version_plaintext = version.encode_to_vec();
            let alias = request.alias.map(|alias| {
                let record = AliasRecord { alias: alias.into(), key_id: key_id.clone(), created_at: now };
                (ids.name(KeyName::Alias(alias)), record.encode_to_vec())
            });
            let mut rows = vec![
                NewRow { kind: Kind::KeyName, id: ids.name(KeyName::Id(&key_id)), plaintext: &name },
                NewRow {
                    kind: Kind::Version,
                    id: ids.version(Kind::Version, 1),
                    plaintext: &version_plaintext,
                },
                NewRow { kind: Kind::Material, id: ids.version(Kind::Material, 1), plaintext: &material },
            ];
            rows.extend(alias.iter().map(|(id, plaintext)| NewRow { kind: Kind::Alias, id: *id, plaintext }));
            let outcome = change.insert_key(ids.head(), head.clone(), &rows);
            wipe(&mut material);
            outcome
        });
        self.counted(live, outcome)?;
        Ok(info)
    }

    pub fn describe_key(&self, key_id: &str, tokens: &GrantTokens<'_>, flags: u32) -> Result<KeyInfo> {
        request::check_flags("request.flags", flags, flag::DRY_RUN)?;
        let name = self.shared.account.key_name(key_id)?;
        let live = self.live()?;
        let outcome = live.keyring.epoch(monotonic_ms()).and_then(|_| live.keyring.by_name(name));
        let key = self.counted(live, outcome)?;
        request::check_grant_tokens(tokens)?;
        if flags & flag::DRY_RUN != 0 {
            return Err(Error::DryRunOk);
        }
        Ok(KeyInfo::from(&key.record))
    }

    pub fn list_keys(&self, marker: &str, limit: usize) -> Result<ListPage<KeyInfo>> {
        let after = Marker::Keys.parse(marker)?;
        let live = self.live()?;
        let limit = limit.clamp(1, MAX_PAGE);
        let records = live.keyring.store().page::<KeyRecord>(Kind::Key, None, after.as_ref(), limit + 1);
        Ok(Marker::Keys.page(self.counted(live, records)?, limit, |record| KeyInfo::from(&record)))
    }

    pub fn create_alias(&self, alias: &str, key_id: &str, flags: u32) -> Result<()> {
        request::check_flags("request.flags", flags, flag::DRY_RUN)?;
        names::check_alias(alias)?;
        let name = self.shared.account.key_name(key_id)?;
        if matches!(name, KeyName::Alias(_)) {
            return Err(Error::argument("request.key_id: is an alias; expected a key's id or its ARN"));
        }
        self.require_writable()?;
        let live = self.live()?;
        let outcome = live.keyring.change(|change| {
            let family = live.keyring.family_in(change, name)?;
            refuse_existing(live, change, KeyName::Alias(alias))?;
            let head = family.head.clone();
            if head.state() == KeyState::PendingDeletion {
                let message = format!("key {:?} is pending deletion", head.key_id);
                return Err(Error::InvalidState { what: Detail::PendingDeletion, message });
            }
            if flags & flag::DRY_RUN != 0 {
                return Err(Error::DryRunOk);
            }
            let record =
                AliasRecord { alias: alias.into(), key_id: head.key_id.clone(), created_at: unix_seconds() };
            let id = live.keyring.store().row_id(Kind::Alias, &[alias.as_bytes()]);
            let row = NewRow { kind: Kind::Alias, id, plaintext: &record.encode_to_vec() };
            change.update_key(&family, head, &[row], &[])
        });
        self.counted(live, outcome)
    }

    pub fn list_aliases(
        &self,
        key_id: Option<&str>,
        marker: &str,
        limit: usize,
    ) -> Result<ListPage<AliasInfo>> {
        let after = Marker::Aliases.parse(marker)?;
        let name = key_id.map(|key_id| self.shared.account.key_name(key_id)).transpose()?;
        let live = self.live()?;
        let outcome = live.keyring.epoch(monotonic_ms()).and_then(|_| {
            let key = name.map(|name| live.keyring.by_name(name)).transpose()?;
            let owner = key.as_ref().map(|key| &key.owner);
            let limit = limit.clamp(1, MAX_PAGE);
            let records =
                live.keyring.store().page::<AliasRecord>(Kind::Alias, owner, after.as_ref(), limit + 1)?;
            Ok(Marker::Aliases.page(records, limit, |record| AliasInfo {
                alias: record.alias,
                key_id: record.key_id,
                created_at: record.created_at,
            }))
        });
        self.counted(live, outcome)
    }
}

fn refuse_existing(live: &super::Live, change: &Change<'_>, name: KeyName<'_>) -> Result<()> {
    let (kind, what) = match name {
        KeyName::Id(_) => (Kind::KeyName, Detail::Key),
        KeyName::Alias(_) => (Kind::Alias, Detail::Alias),
    };
    let id = live.keyring.store().row_id(kind, &[name.as_str().as_bytes()]);
    if change.exists(kind, &id)? {
        return Err(Error::AlreadyExists { what, name: name.as_str().into() });
    }
    Ok(())
}

/// The row ids of one key.
struct RowIds<'a> {
    live: &'a super::Live,
    key_uuid: &'a Uuid,
}

impl RowIds<'_> {
    fn head(&self) -> RowId {
        self.live.keyring.store().row_id(Kind::Key, &[self.key_uuid])
    }

    fn name(&self, name: KeyName<'_>) -> RowId {
        let kind = match name {
            KeyName::Id(_) => Kind::KeyName,
            KeyName::Alias(_) => Kind::Alias,
        };
        self.live.keyring.store().row_id(kind, &[name.as_str().as_bytes()])
    }

    fn version(&self, kind: Kind, number: u32) -> RowId {
        self.live.keyring.store().row_id(kind, &[self.key_uuid, &number.to_be_bytes()])
    }
}

/// Where a list goes on: the row id of its last item, in hex, after a letter that says which list it is of.
#[derive(Clone, Copy)]
enum Marker {
    Keys,
    Aliases,
}

impl Marker {
    fn prefix(self) -> &'static str {
        match self {
            Marker::Keys => "k",
            Marker::Aliases => "a",
        }
    }

    /// None for the first page.
    fn parse(self, marker: &str) -> Result<Option<RowId>> {
        if marker.is_empty() {
            return Ok(None);
        }
        let wrong = || Error::argument("page.marker: is not one that this list returned");
        let hex = marker.strip_prefix(self.prefix()).ok_or_else(wrong)?;
        let mut id = [0; 32];
        if hex.len() != 2 * id.len() || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        for (byte, at) in id.iter_mut().zip((0..hex.len()).step_by(2)) {
            let digits = hex.get(at..at + 2).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Some(id))
    }

    fn page<R, T>(self, mut records: Vec<(RowId, R)>, limit: usize, item: impl Fn(R) -> T) -> ListPage<T> {
        let more = records.len() > limit;
        records.truncate(limit);
        let listed = |(id, record): (RowId, R)| {
            let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
            Listed { item: item(record), marker: format!("{}{hex}", self.prefix()) }
        };
        ListPage { items: records.into_iter().map(listed).collect(), more }
    }
}
