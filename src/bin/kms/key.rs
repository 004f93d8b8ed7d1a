//! `kms key`: create, show and change keys.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kms::crypto::secret::MATERIAL_SIZE;
use kms::crypto::uuid::{self, Uuid};
use kms::engine::{
    AliasInfo, CreateKeyRequest, GrantTokens, ImportRequest, KeyInfo, KeyRequest, Kms, RotationRequest,
    ScheduleRequest, TagInfo,
};
use kms::error::{Error, Status};
use kms::store::record::{KeyState, Origin};
use zeroize::Zeroizing;

use crate::args::DryRun;
use crate::failure::{Failure, Result, unless_denied};
use crate::grant::Tokens;
use crate::output::{Column, Field, Output, Record, all};
use crate::policy::{self, Lockout};
use crate::session::{Access, Session};
use crate::{files, values};

#[derive(Subcommand)]
pub enum KeyCommand {
    Create(Create),
    List(List),
    Show(Show),
    /// Give a key a new version, which becomes the primary one
    ///
    /// Older versions go on decrypting.
    Rotate(ChangeKey),
    /// Let a disabled key work again
    Enable(ChangeKey),
    /// Stop a key: whatever uses it is refused
    Disable(ChangeKey),
    Delete(Delete),
    /// Cancel a key's deletion; the key is disabled then
    CancelDeletion(ChangeKey),
    Update(Update),
    Import(Import),
    /// Delete a key's imported material; the key waits for it to be imported again
    DeleteMaterial(ChangeKey),
}

/// A key by its id, its alias, or an ARN of either.
#[derive(Args)]
pub struct Key {
    /// The key's id, "alias/NAME", or an ARN of either
    #[arg(value_name = "KEY")]
    pub key_id: String,
}

/// Show all there is to know of a key
#[derive(Args)]
pub struct Show {
    #[command(flatten)]
    key: Key,
    #[command(flatten)]
    tokens: Tokens,
}

#[derive(Args)]
pub struct ChangeKey {
    #[command(flatten)]
    key: Key,
    #[command(flatten)]
    dry_run: DryRun,
}

/// Create a key, and print its id
#[derive(Args)]
pub struct Create {
    /// An id of your own instead of a random UUID
    #[arg(long)]
    id: Option<String>,
    /// A first alias, "alias/NAME"
    #[arg(long)]
    alias: Option<String>,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// A tag; may be given again
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = values::pair)]
    tags: Vec<(String, String)>,
    /// Rotate by itself after this time: 90d, 12h
    #[arg(long, value_name = "PERIOD", value_parser = values::period)]
    rotation_period: Option<u32>,
    /// Rotate by itself after so many data keys and payloads
    #[arg(long, value_name = "USES", value_parser = values::uses)]
    rotate_after_uses: Option<u64>,
    /// Take the key's material from `kms key import` instead of generating it
    #[arg(long)]
    external: bool,
    /// The UUID that the ciphertexts to be opened carry; for material that comes back from another store
    #[arg(long, value_name = "UUID", requires = "external", value_parser = values::uuid)]
    key_uuid: Option<Uuid>,
    /// A file that holds the key's policy; "-" for standard input
    #[arg(long, value_name = "FILE")]
    policy_file: Option<PathBuf>,
    #[command(flatten)]
    lockout: Lockout,
    #[command(flatten)]
    dry_run: DryRun,
}

/// List all keys
#[derive(Args)]
pub struct List {
    /// At most so many
    #[arg(long)]
    limit: Option<usize>,
}

/// Schedule a key's deletion
///
/// Until then it cannot be used, and the deletion can be cancelled. Afterwards the key, its material and its aliases
/// are gone, and nothing that was encrypted under it can be decrypted.
#[derive(Args)]
pub struct Delete {
    #[command(flatten)]
    key: Key,
    /// How long to wait: 7 to 30 days
    #[arg(long, default_value_t = 30)]
    days: u32,
    #[command(flatten)]
    dry_run: DryRun,
}

/// Change a key's description, tags, or rotation
///
/// What is given is changed, one after the other in this order; if one is refused, those before it are done.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub struct Update {
    #[command(flatten)]
    key: Key,
    /// A new description; "" takes it away
    #[arg(long, group = "change")]
    description: Option<String>,
    /// Set a tag; may be given again
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = values::pair, group = "change")]
    tags: Vec<(String, String)>,
    /// Take a tag away; may be given again
    #[arg(long = "untag", value_name = "KEY", group = "change")]
    untags: Vec<String>,
    /// Rotate by itself after this time: 90d, 12h, never
    #[arg(long, value_name = "PERIOD", value_parser = values::period, group = "change")]
    rotation_period: Option<u32>,
    /// Rotate by itself after so many data keys and payloads: a number, or never
    #[arg(long, value_name = "USES", value_parser = values::uses, group = "change")]
    rotate_after_uses: Option<u64>,
    #[command(flatten)]
    dry_run: DryRun,
}

/// Import the material of a key that was created with --external
///
/// 32 bytes, or their hex or base64. A key takes the same material again, and no other.
#[derive(Args)]
pub struct Import {
    #[command(flatten)]
    key: Key,
    /// The file that holds the material; standard input by default
    #[arg(long = "in", value_name = "FILE")]
    input: Option<PathBuf>,
    /// When the material is deleted: 2027-01-31T00:00:00Z, or Unix seconds
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    expires_at: Option<i64>,
    /// The number of the key's version, for ciphertexts of another store
    #[arg(long, value_name = "NUMBER")]
    version_number: Option<u32>,
    #[command(flatten)]
    dry_run: DryRun,
}

impl KeyCommand {
    pub fn run(self, session: &Session, out: &mut Output) -> Result<()> {
        match self {
            KeyCommand::Create(command) => command.run(session, out),
            KeyCommand::List(command) => command.run(session, out),
            KeyCommand::Show(command) => command.run(session, out),
            KeyCommand::Rotate(change) => change.run(session, out, |kms, request| {
                kms.rotate_key(request).map(|version| format!("rotated to version {}", version.number))
            }),
            KeyCommand::Enable(change) => {
                change.run(session, out, |kms, request| kms.enable_key(request).map(|()| "enabled".into()))
            }
            KeyCommand::Disable(change) => {
                change.run(session, out, |kms, request| kms.disable_key(request).map(|()| "disabled".into()))
            }
            KeyCommand::Delete(command) => command.run(session, out),
            KeyCommand::CancelDeletion(change) => change.run(session, out, |kms, request| {
                kms.cancel_key_deletion(request).map(|_| "deletion cancelled".into())
            }),
            KeyCommand::Update(command) => command.run(session, out),
            KeyCommand::Import(command) => command.run(session, out),
            KeyCommand::DeleteMaterial(change) => change.run(session, out, |kms, request| {
                kms.delete_imported_key_material(request).map(|()| "material deleted".into())
            }),
        }
    }
}

impl Key {
    pub fn request(&self, flags: u32) -> KeyRequest<'_> {
        KeyRequest::of(&self.key_id, flags)
    }
}

impl ChangeKey {
    /// Does something to the key; people are told what became of it, programs all there is to know of it.
    fn run(
        &self,
        session: &Session,
        out: &mut Output,
        change: impl FnOnce(&Kms, &KeyRequest<'_>) -> kms::Result<String>,
    ) -> Result<()> {
        let kms = session.open(Access::Change)?;
        let done = change(&kms, &self.key.request(self.dry_run.flags()))?;
        told(&kms, &self.key, &done, out)
    }
}

fn told(kms: &Kms, key: &Key, done: &str, out: &mut Output) -> Result<()> {
    match unless_denied(kms.describe_key(&key.request(0)))? {
        Some(info) => out.brief(&format!("{}: {done}", info.key_id), &described(kms, &info)?),
        None => {
            let record = Record(vec![("key_id", Field::text(&key.key_id))]);
            out.brief(&format!("{}: {done}", key.key_id), &record)
        }
    }
}

impl Create {
    fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let policy = self.policy_file.as_deref().map(policy::read).transpose()?;
        let kms = session.open(Access::Change)?;
        let info = kms.create_key(&CreateKeyRequest {
            key_id: self.id.as_deref(),
            description: self.description.as_deref(),
            alias: self.alias.as_deref(),
            rotation_period_s: self.rotation_period.unwrap_or(0),
            rotate_after_uses: self.rotate_after_uses.unwrap_or(0),
            origin: if self.external { Origin::External } else { Origin::Kms } as u32,
            key_uuid: self.key_uuid.as_ref().map_or(&[], |uuid| uuid.as_slice()),
            tags: borrowed(&self.tags),
            policy: policy.as_deref(),
            flags: self.dry_run.flags() | self.lockout.flags(),
        })?;
        out.brief(&info.key_id, &described(&kms, &info)?)
    }
}

impl List {
    fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        const COLUMNS: [Column; 6] = [
            ("key_id", "KEY ID"),
            ("state", "STATE"),
            ("primary_version_number", "VERSION"),
            ("origin", "ORIGIN"),
            ("created_at", "CREATED"),
            ("description", "DESCRIPTION"),
        ];
        let kms = session.open(Access::Read)?;
        out.list(
            &COLUMNS,
            self.limit,
            |marker, capacity| kms.list_keys(marker, capacity, 0),
            |info| Record(fields(&info)),
        )
    }
}

impl Show {
    fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let kms = session.open(Access::Read)?;
        let request = KeyRequest { grant_tokens: self.tokens.borrowed()?, ..self.key.request(0) };
        let info = kms.describe_key(&request)?;
        out.record(&described(&kms, &info)?)
    }
}

impl Delete {
    fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let kms = session.open(Access::Change)?;
        let info = kms.schedule_key_deletion(&ScheduleRequest {
            key_id: &self.key.key_id,
            version_id: None,
            grant_tokens: GrantTokens::new(),
            waiting_days: waiting_days(self.days)?,
            flags: self.dry_run.flags(),
        })?;
        let record = described(&kms, &info)?;
        out.brief(&format!("{}: will be deleted at {}", info.key_id, &*record.shown("deletion_at")), &record)
    }
}

/// The engine takes 0 for its default; who types 0 days means none.
pub fn waiting_days(days: u32) -> Result<u32> {
    if days == 0 { Err(Error::argument("days: is 0; there is a waiting period").into()) } else { Ok(days) }
}

impl Update {
    fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let kms = session.open(Access::Change)?;
        let (key_id, flags) = (self.key.key_id.as_str(), self.dry_run.flags());
        if let Some(description) = &self.description {
            unless_dry(kms.update_key_description(key_id, description, flags))?;
        }
        if !self.tags.is_empty() {
            unless_dry(kms.tag_key(key_id, &borrowed(&self.tags), flags))?;
        }
        if !self.untags.is_empty() {
            let keys: Vec<&str> = self.untags.iter().map(String::as_str).collect();
            unless_dry(kms.untag_key(key_id, &keys, flags))?;
        }
        if self.rotation_period.is_some() || self.rotate_after_uses.is_some() {
            // What is not given stays as it is.
            let info = kms.describe_key(&self.key.request(0))?;
            unless_dry(kms.set_key_rotation(&RotationRequest {
                key_id,
                grant_tokens: GrantTokens::new(),
                rotation_period_s: self.rotation_period.unwrap_or(info.rotation_period_s),
                rotate_after_uses: self.rotate_after_uses,
                flags,
            }))?;
        }
        if self.dry_run.dry_run { out.dry_run() } else { told(&kms, &self.key, "updated", out) }
    }
}

/// The next change of several is checked, too.
fn unless_dry(outcome: kms::Result<()>) -> kms::Result<()> {
    outcome.or_else(|error| if error.status() == Status::DryRunOk { Ok(()) } else { Err(error) })
}

impl Import {
    fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let kms = session.open(Access::Change)?;
        if self.input.is_none() && std::io::IsTerminal::is_terminal(&std::io::stdin()) {
            return Err(Failure::usage(
                "key material is not typed on a terminal; give --in FILE, or pipe it in",
            ));
        }
        let content = files::read(self.input.as_deref(), 256, "the material")?;
        let mut material = Zeroizing::new([0; MATERIAL_SIZE]);
        kms::root::decode_key(&content, true, &mut material)
            .ok_or_else(|| Error::argument("the material: expected 32 bytes, or their hex or base64"))?;
        kms.import_key_material(&ImportRequest {
            key_id: &self.key.key_id,
            material: material.as_slice(),
            grant_tokens: GrantTokens::new(),
            expires_at: self.expires_at.unwrap_or(0),
            version_number: self.version_number.unwrap_or(0),
            flags: self.dry_run.flags(),
        })?;
        told(&kms, &self.key, "material imported", out)
    }
}

fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// A key with its uses, and with its aliases and tags if the caller may list them.
fn described(kms: &Kms, info: &KeyInfo) -> Result<Record> {
    let aliases =
        unless_denied(all(|marker, capacity| kms.list_aliases(Some(&info.key_id), marker, capacity, 0)))?;
    let aliases = aliases.map(|list: Vec<AliasInfo>| {
        let mut names: Vec<String> = list.into_iter().map(|alias| alias.alias).collect();
        names.sort();
        ("aliases", Field::Texts(names))
    });
    let request = KeyRequest::of(&info.key_id, 0);
    let tags = unless_denied(all(|marker, capacity| kms.list_key_tags(&request, marker, capacity)))?;
    let tags = tags.map(|list: Vec<TagInfo>| {
        ("tags", Field::Pairs(list.into_iter().map(|tag| (tag.key, tag.value)).collect()))
    });
    let mut all = fields(info);
    all.extend(aliases.into_iter().chain(tags));
    all.extend([
        ("uses_sealed", Field::Number(info.uses_sealed)),
        ("uses_opened", Field::Number(info.uses_opened)),
        ("last_used_at", Field::Time(info.last_used_at)),
    ]);
    Ok(Record(all))
}

/// What a list of keys knows of one.
fn fields(info: &KeyInfo) -> Vec<(&'static str, Field)> {
    let state = match info.state {
        KeyState::Enabled => "enabled",
        KeyState::Disabled => "disabled",
        KeyState::PendingDeletion => "pending deletion",
        KeyState::PendingImport => "pending import",
        KeyState::Unspecified => "unknown",
    };
    let origin = match info.origin {
        Origin::Kms => "kms",
        Origin::External => "external",
    };
    vec![
        ("key_id", Field::text(&info.key_id)),
        ("state", Field::text(state)),
        ("description", Field::text(&info.description)),
        ("origin", Field::text(origin)),
        ("primary_version_id", Field::text(&info.primary_version_id)),
        ("primary_version_number", Field::Number(info.primary_version_number.into())),
        ("versions", Field::Number(info.versions_len.into())),
        ("created_at", Field::Time(info.created_at)),
        ("rotation_period_s", Field::Period(info.rotation_period_s.into())),
        ("rotate_after_uses", Field::Limit(info.rotate_after_uses)),
        ("next_rotation_at", Field::Time(info.next_rotation_at)),
        ("deletion_at", Field::Time(info.deletion_at)),
        ("material_expires_at", Field::Time(info.material_expires_at)),
        ("key_uuid", Field::text(uuid::to_string(&info.key_uuid))),
    ]
}
