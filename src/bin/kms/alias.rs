//! `kms alias`: names for keys.

use clap::{Args, Subcommand};
use kms::engine::AliasRequest;

use crate::args::DryRun;
use crate::failure::Result;
use crate::output::{Column, Field, Output, Record};
use crate::session::{Access, Session};

#[derive(Subcommand)]
pub enum AliasCommand {
    /// Give a key an alias
    Create(Point),
    /// Let an alias name another key
    Update(Point),
    Delete(Delete),
    List(List),
}

#[derive(Args)]
pub struct Point {
    /// "alias/NAME"
    alias: String,
    /// The key's id, or its ARN
    #[arg(value_name = "KEY")]
    key_id: String,
    #[command(flatten)]
    dry_run: DryRun,
}

/// Delete an alias; its key stays
#[derive(Args)]
pub struct Delete {
    /// "alias/NAME"
    alias: String,
    #[command(flatten)]
    dry_run: DryRun,
}

/// List aliases
#[derive(Args)]
pub struct List {
    /// Of this key only
    #[arg(value_name = "KEY")]
    key_id: Option<String>,
    /// At most so many
    #[arg(long)]
    limit: Option<usize>,
}

impl AliasCommand {
    pub fn run(self, session: &Session, out: &mut Output) -> Result<()> {
        match self {
            AliasCommand::Create(point) => {
                session.open(Access::Change)?.create_alias(&point.request())?;
                point.told(out)
            }
            AliasCommand::Update(point) => {
                session.open(Access::Change)?.update_alias(&point.request())?;
                point.told(out)
            }
            AliasCommand::Delete(Delete { alias, dry_run }) => {
                session.open(Access::Change)?.delete_alias(&alias, dry_run.flags())?;
                out.brief(&format!("{alias}: deleted"), &Record(vec![("alias", Field::Text(alias.clone()))]))
            }
            AliasCommand::List(list) => list.run(session, out),
        }
    }
}

impl Point {
    fn request(&self) -> AliasRequest<'_> {
        AliasRequest { alias: &self.alias, key_id: &self.key_id, flags: self.dry_run.flags() }
    }

    fn told(&self, out: &mut Output) -> Result<()> {
        let record = Record(vec![("alias", Field::text(&self.alias)), ("target", Field::text(&self.key_id))]);
        out.brief(&format!("{}: names {}", self.alias, self.key_id), &record)
    }
}

impl List {
    fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        const COLUMNS: [Column; 3] = [("alias", "ALIAS"), ("key_id", "KEY ID"), ("created_at", "CREATED")];
        let kms = session.open(Access::Read)?;
        out.list(
            &COLUMNS,
            self.limit,
            |marker, capacity| kms.list_aliases(self.key_id.as_deref(), marker, capacity, 0),
            |info| {
                Record(vec![
                    ("alias", Field::Text(info.alias)),
                    ("key_id", Field::Text(info.key_id)),
                    ("created_at", Field::Time(info.created_at)),
                ])
            },
        )
    }
}
