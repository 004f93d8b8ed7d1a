//! `kms version`: the versions of a key.

use clap::{Args, Subcommand};
use kms::engine::{GrantTokens, KeyRequest, Kms, ScheduleRequest, VersionInfo};
use kms::store::record::VersionState;

use crate::args::DryRun;
use crate::failure::{Result, unless_denied};
use crate::key::{Key, waiting_days};
use crate::output::{Column, Field, Output, Record};
use crate::session::{Access, Session};

#[derive(Subcommand)]
pub enum VersionCommand {
    List(List),
    Show(Show),
    /// Let a version be the one that new data keys and ciphertexts are made with
    SetPrimary(Change),
    Destroy(Destroy),
    /// Cancel the destruction of a version
    CancelDestruction(Change),
}

/// List a key's versions
#[derive(Args)]
pub struct List {
    #[command(flatten)]
    key: Key,
    /// At most so many
    #[arg(long)]
    limit: Option<usize>,
}

/// Show all there is to know of a version
#[derive(Args)]
pub struct Show {
    #[command(flatten)]
    key: Key,
    /// The version's id; the primary one by default
    #[arg(value_name = "VERSION")]
    version_id: Option<String>,
}

#[derive(Args)]
pub struct Change {
    #[command(flatten)]
    key: Key,
    /// The version's id
    #[arg(value_name = "VERSION")]
    version_id: String,
    #[command(flatten)]
    dry_run: DryRun,
}

/// Schedule the destruction of a version's material
///
/// Afterwards nothing that was encrypted under it can be decrypted. The primary version cannot be destroyed.
#[derive(Args)]
pub struct Destroy {
    #[command(flatten)]
    change: Change,
    /// How long to wait: 1 to 30 days
    #[arg(long, default_value_t = 30)]
    days: u32,
}

impl VersionCommand {
    pub fn run(self, session: &Session, out: &mut Output) -> Result<()> {
        match self {
            VersionCommand::List(command) => command.run(session, out),
            VersionCommand::Show(command) => {
                let kms = session.open(Access::Read)?;
                let version_id = command.version_id.as_deref();
                let request = KeyRequest { version_id, ..command.key.request(0) };
                out.record(&record(kms.describe_key_version(&request)?))
            }
            VersionCommand::SetPrimary(change) => {
                let kms = session.open(Access::Change)?;
                kms.set_primary_version(&change.request(change.dry_run.flags()))?;
                change.told(&kms, "primary", out)
            }
            VersionCommand::Destroy(command) => command.run(session, out),
            VersionCommand::CancelDestruction(change) => {
                let kms = session.open(Access::Change)?;
                kms.cancel_version_destruction(&change.request(change.dry_run.flags()))?;
                change.told(&kms, "enabled", out)
            }
        }
    }
}

impl Change {
    fn request(&self, flags: u32) -> KeyRequest<'_> {
        KeyRequest { version_id: Some(&self.version_id), ..self.key.request(flags) }
    }

    /// What became of the version; all there is to know of it, for whom it is.
    fn told(&self, kms: &Kms, state: &str, out: &mut Output) -> Result<()> {
        let Some(info) = unless_denied(kms.describe_key_version(&self.request(0)))? else {
            let (key, version) = (&self.key.key_id, &self.version_id);
            let record = Record(vec![("key_id", Field::text(key)), ("version_id", Field::text(version))]);
            return out.brief(&format!("{key}: version {version} is {state}"), &record);
        };
        out.brief(&format!("{}: version {} is {state}", info.key_id, info.number), &record(info))
    }
}

impl List {
    fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        const COLUMNS: [Column; 8] = [
            ("version_number", "VERSION"),
            ("version_id", "VERSION ID"),
            ("state", "STATE"),
            ("is_primary", "PRIMARY"),
            ("created_at", "CREATED"),
            ("uses_sealed", "SEALED"),
            ("uses_opened", "OPENED"),
            ("last_used_at", "LAST USED"),
        ];
        let kms = session.open(Access::Read)?;
        out.list(
            &COLUMNS,
            self.limit,
            |marker, capacity| kms.list_key_versions(&self.key.request(0), marker, capacity),
            record,
        )
    }
}

impl Destroy {
    fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let kms = session.open(Access::Change)?;
        let info = kms.schedule_version_destruction(&ScheduleRequest {
            key_id: &self.change.key.key_id,
            version_id: Some(&self.change.version_id),
            grant_tokens: GrantTokens::new(),
            waiting_days: waiting_days(self.days)?,
            flags: self.change.dry_run.flags(),
        })?;
        let what = format!("{}: version {}", info.key_id, info.number);
        let record = record(info);
        out.brief(&format!("{what} will be destroyed at {}", &*record.shown("destruction_at")), &record)
    }
}

fn record(info: VersionInfo) -> Record {
    let state = match info.state {
        VersionState::Enabled => "enabled",
        VersionState::PendingDestruction => "pending destruction",
        VersionState::Destroyed => "destroyed",
        VersionState::Unspecified => "unknown",
    };
    Record(vec![
        ("key_id", Field::Text(info.key_id)),
        ("version_id", Field::Text(info.version_id)),
        ("version_number", Field::Number(info.number.into())),
        ("state", Field::text(state)),
        ("is_primary", Field::Flag(info.is_primary)),
        ("created_at", Field::Time(info.created_at)),
        ("destruction_at", Field::Time(info.destruction_at)),
        ("uses_sealed", Field::Number(info.usage.sealed)),
        ("uses_opened", Field::Number(info.usage.opened)),
        ("last_used_at", Field::Time(info.usage.last_used_at)),
    ])
}
