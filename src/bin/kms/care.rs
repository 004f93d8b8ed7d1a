//! Care for a store: making it, a new root key, backups, verification, statistics.

use std::path::PathBuf;

use clap::Args;
use kms::crypto::uuid;
use kms::engine::{Listed, VERIFY_STEP};
use kms::error::Error;
use kms::store::verify::Damage;

use crate::args::DryRun;
use crate::failure::{Failure, Result};
use crate::files::{self, Force};
use crate::output::{Column, Field, Output, Record};
use crate::progress::Progress;
use crate::prompt;
use crate::session::{Access, RootKey, Session};

/// Make a key store
///
/// Its root key is what --root-key-uri names, or a passphrase, which is asked for twice. Whoever loses the root key
/// loses every key in the store. `kms random 32 --out root.key` makes one for file:root.key.
#[derive(Args)]
pub struct Init {
    /// 12 digits, used in ARNs; zeros by default
    #[arg(long, value_name = "DIGITS")]
    account_id: Option<String>,
}

/// Give the store a new root key
///
/// Everything in the store is sealed anew, in one transaction. Other processes that have it open must open it again
/// with the new root key. A backup made before still needs the old one.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("new").required(true))]
pub struct Rekey {
    /// The new root key: "file:PATH" or "env:NAME"
    #[arg(long, value_name = "URI", group = "new")]
    new_root_key_uri: Option<String>,
    /// Ask for a passphrase that is the new root key, twice
    #[arg(long, group = "new")]
    new_passphrase: bool,
    #[command(flatten)]
    dry_run: DryRun,
}

/// Write a copy of the store, which may be in use
///
/// The copy opens with the same root key, which is not in it: keep that elsewhere.
#[derive(Args)]
pub struct Backup {
    /// The file to write
    #[arg(value_name = "FILE")]
    path: PathBuf,
    #[command(flatten)]
    force: Force,
}

impl Init {
    pub fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let kms = session.create(self.account_id.as_deref())?;
        let store_id = uuid::to_string(&kms.stats(0)?.store_id);
        let store = session.store()?;
        let text = format!("{store}: made, with the id {store_id}");
        out.brief(&text, &Record(vec![("store", Field::Text(store)), ("store_id", Field::Text(store_id))]))
    }
}

impl Rekey {
    pub fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let kms = session.open(Access::Change)?;
        let root = match &self.new_root_key_uri {
            Some(uri) => RootKey::Uri(uri.clone()),
            None => RootKey::Passphrase(prompt::new_passphrase("New passphrase")?),
        };
        let keys = kms.keys_len()?;
        let progress = Progress::of_keys("sealing anew", keys);
        kms.rekey_watched(&root.source()?, self.dry_run.flags(), &mut |done, total| {
            progress.set(done, total);
        })?;
        drop(progress);
        let text = format!("the store has a new root key; keys sealed anew: {keys}");
        out.brief(&text, &Record(vec![("keys", Field::Number(keys))]))
    }
}

impl Backup {
    pub fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let path = self.path.as_path();
        let failed = |error| Failure::file(path.display(), error);
        files::check_place(path, self.force.force)?;
        let kms = session.open(Access::Read)?;
        // Made beside its place, so that what is there is a whole backup or none.
        let mut builder = tempfile::Builder::new();
        let directory = builder.prefix(".kms-").tempdir_in(files::directory(path)).map_err(failed)?;
        let temporary = directory.path().join("backup");
        let name = temporary
            .to_str()
            .ok_or_else(|| Failure::usage(format!("{}: its path is not valid UTF-8", path.display())))?;
        let progress = Progress::unknown("backing up");
        kms.backup(name, 0)?;
        drop(progress);
        let size = temporary.metadata().map_err(failed)?.len();
        let temporary = tempfile::TempPath::try_from_path(&temporary).map_err(failed)?;
        files::put(temporary, path, self.force.force)?;
        let text = format!("{}: {size} bytes", path.display());
        let path = Field::Text(path.display().to_string());
        out.brief(&text, &Record(vec![("backup", path), ("bytes", Field::Number(size))]))
    }
}

/// `kms verify`
pub fn verify(session: &Session, out: &mut Output) -> Result<()> {
    const COLUMNS: [Column; 4] =
        [("row_kind", "KIND"), ("row_id", "ROW"), ("key_id", "KEY ID"), ("problem", "PROBLEM")];
    let kms = session.open_to_verify()?;
    // A store whose own row is damaged can't tell; the verification does.
    let keys = kms.keys_len().unwrap_or(0);
    let progress = Progress::of_keys("verifying", keys);
    let (mut damages, mut marker, mut done) = (Vec::new(), String::new(), 0);
    loop {
        // A step with very many damages takes several calls; the bar is ahead then.
        let page = kms.verify(&marker, usize::MAX, 0)?;
        done += VERIFY_STEP as u64;
        progress.set(done.min(keys), keys);
        if let Some(Listed { marker: last, .. }) = page.items.last() {
            marker.clone_from(last);
        }
        if !page.end.is_empty() {
            marker = page.end;
        }
        damages.extend(page.items.into_iter().map(|listed| damage(listed.item)));
        if !page.more {
            break;
        }
    }
    drop(progress);
    let found = damages.len();
    if out.is_json() {
        let fields = vec![("keys", Field::Number(keys)), ("damages", Field::Records(damages))];
        out.record(&Record(fields))?;
    } else if found == 0 {
        out.line(&format!("no damage; keys verified: {keys}"))?;
    } else {
        out.table(&COLUMNS, &damages)?;
    }
    if found == 0 {
        return Ok(());
    }
    out.finish()?;
    Err(Error::corrupt(format!("damages found: {found}")).into())
}

fn damage(damage: Damage) -> Record {
    let (kind, id) = match damage.row {
        Some((kind, id)) => {
            (format!("{kind:?}"), id.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        }
        None => ("the whole store".into(), String::new()),
    };
    Record(vec![
        ("row_kind", Field::Text(kind)),
        ("row_id", Field::Text(id)),
        ("key_id", Field::Text(damage.key_id)),
        ("problem", Field::Text(damage.problem)),
    ])
}

/// `kms stats`
pub fn stats(session: &Session, out: &mut Output) -> Result<()> {
    let kms = session.open(Access::Read)?;
    let stats = kms.stats(0)?;
    let protection = stats.memory.protection;
    let has = |bit: u32| Field::Flag(protection & bit != 0);
    out.record(&Record(vec![
        ("store", Field::Text(session.store()?)),
        ("store_id", Field::Text(uuid::to_string(&stats.store_id))),
        ("revision", Field::Number(stats.store_revision)),
        ("keys", Field::Number(kms.keys_len()?)),
        ("library_version", Field::text(env!("CARGO_PKG_VERSION"))),
        ("secret_bytes", Field::Number(stats.memory.secret_bytes)),
        ("secret_bytes_unlocked", Field::Number(stats.memory.unlocked_bytes)),
        ("memory_locked", has(kms::capi::constants::KMS_MEMORY_LOCKED)),
        ("memory_not_dumped", has(kms::capi::constants::KMS_MEMORY_NOT_DUMPED)),
        ("memory_guarded", has(kms::capi::constants::KMS_MEMORY_GUARDED)),
        ("memory_wiped_on_fork", has(kms::capi::constants::KMS_MEMORY_WIPED_ON_FORK)),
    ]))
}
