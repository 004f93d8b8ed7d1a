//! `kms grant`: what one principal may do with one key, for a while; and grant tokens, as other commands take them.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueEnum};
use kms::access::{Constraint, GrantOperations};
use kms::engine::{CreateGrantRequest, GrantFilter, GrantInfo, GrantReference, GrantTokens};
use kms::error::Error;
use kms::store::record::ConstraintKind;

use crate::args::DryRun;
use crate::bound::Authenticated;
use crate::failure::{Failure, Result};
use crate::key::Key;
use crate::output::{Column, Field, Output, Record};
use crate::session::{Access, Session};
use crate::values;

/// As the C ABI has it.
const MAX_TOKENS: usize = kms::capi::constants::KMS_MAX_GRANT_TOKENS;

#[derive(Subcommand)]
pub enum GrantCommand {
    Create(Create),
    List(List),
    ListRetirable(ListRetirable),
    Retire(Retire),
    Revoke(Revoke),
}

/// Of commands that a grant may allow.
#[derive(Args)]
pub struct Tokens {
    /// The token of a grant that allows it, which other processes may not have seen yet; may be given again
    #[arg(long = "grant-token", value_name = "TOKEN")]
    grant_tokens: Vec<String>,
}

/// Create a grant, and print its id and token
///
/// The same name and content give the same grant again. With its token a grant works at once in every process.
#[derive(Args)]
pub struct Create {
    #[command(flatten)]
    key: Key,
    /// Who gets it
    #[arg(long, value_name = "PRINCIPAL")]
    grantee: String,
    /// What it allows; may be given again
    #[arg(long = "operation", value_name = "OPERATION", required = true, value_parser = operations(),
          ignore_case = true)]
    operations: Vec<String>,
    /// A pair of the encryption context that it is for; may be given again
    #[arg(long, value_name = "KEY=VALUE", value_parser = values::pair, requires = "constraint")]
    context: Vec<(String, String)>,
    /// Whether requests must have just these pairs, or these and any others
    #[arg(long)]
    constraint: Option<ContextConstraint>,
    /// Who may retire it
    #[arg(long, value_name = "PRINCIPAL")]
    retiring: Option<String>,
    /// A name, by which a repeated creation is known
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    tokens: Tokens,
    #[command(flatten)]
    dry_run: DryRun,
}

#[derive(Clone, Copy, ValueEnum)]
enum ContextConstraint {
    Equals,
    Subset,
}

/// List a key's grants
#[derive(Args)]
pub struct List {
    #[command(flatten)]
    key: Key,
    /// Those of this grantee only
    #[arg(long, value_name = "PRINCIPAL")]
    grantee: Option<String>,
    /// At most so many
    #[arg(long)]
    limit: Option<usize>,
}

/// List the grants, of all keys, that a principal is named to retire
#[derive(Args)]
pub struct ListRetirable {
    /// Who is named
    #[arg(value_name = "PRINCIPAL")]
    retiring: String,
    /// At most so many
    #[arg(long)]
    limit: Option<usize>,
}

/// End a grant that is not needed any more
///
/// For whom it names to retire it, for its grantee if it allows RetireGrant, and for whom the key's policy allows it.
#[derive(Args)]
pub struct Retire {
    /// The key's id, "alias/NAME", or an ARN of either
    #[arg(value_name = "KEY", required_unless_present = "token", requires = "grant_id")]
    key_id: Option<String>,
    /// The grant's id
    grant_id: Option<String>,
    /// The grant's token, instead of KEY and GRANT_ID
    #[arg(long, conflicts_with_all = ["key_id", "grant_id"])]
    token: Option<String>,
    #[command(flatten)]
    dry_run: DryRun,
}

/// Take a grant away
#[derive(Args)]
pub struct Revoke {
    #[command(flatten)]
    key: Key,
    /// The grant's id
    grant_id: String,
    #[command(flatten)]
    dry_run: DryRun,
}

fn operations() -> PossibleValuesParser {
    GrantOperations::ALL.map(|(_, name)| name).into()
}

impl Tokens {
    pub fn borrowed(&self) -> kms::Result<GrantTokens<'_>> {
        match self.grant_tokens.len() {
            0..=MAX_TOKENS => Ok(self.grant_tokens.iter().map(String::as_str).collect()),
            more => Err(Error::argument(format!(
                "--grant-token: {more} are given, at most {MAX_TOKENS} are allowed"
            ))),
        }
    }
}

impl GrantCommand {
    pub fn run(self, session: &Session, out: &mut Output) -> Result<()> {
        match self {
            GrantCommand::Create(command) => command.run(session, out),
            GrantCommand::List(command) => command.run(session, out),
            GrantCommand::ListRetirable(command) => command.run(session, out),
            GrantCommand::Retire(command) => command.run(session, out),
            GrantCommand::Revoke(command) => command.run(session, out),
        }
    }
}

impl Create {
    fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let context = Authenticated::Context(self.context.clone());
        let constraint = match self.constraint {
            None => ConstraintKind::Any,
            Some(ContextConstraint::Equals) => ConstraintKind::Equals,
            Some(ContextConstraint::Subset) => ConstraintKind::Subset,
        };
        let kms = session.open(Access::Change)?;
        let created = kms.create_grant(&CreateGrantRequest {
            key_id: &self.key.key_id,
            grantee: &self.grantee,
            retiring: self.retiring.as_deref(),
            operations: self.bits(),
            constraint: constraint as u32,
            context: context.aad()?,
            name: self.name.as_deref(),
            grant_tokens: self.tokens.borrowed()?,
            flags: self.dry_run.flags(),
        })?;
        let Record(mut fields) = record(created.info);
        fields.insert(1, ("token", Field::Text(created.token)));
        out.record(&Record(fields))
    }

    fn bits(&self) -> u32 {
        let is_wanted = |name: &str| self.operations.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
        let wanted = GrantOperations::ALL.iter().filter(|(_, name)| is_wanted(name));
        wanted.fold(0, |bits, (operation, _)| bits | operation.bits())
    }
}

const COLUMNS: [Column; 9] = [
    ("grant_id", "GRANT ID"),
    ("key_id", "KEY ID"),
    ("grantee", "GRANTEE"),
    ("operations", "OPERATIONS"),
    ("constraint", "CONSTRAINT"),
    ("context", "CONTEXT"),
    ("retiring", "RETIRING"),
    ("name", "NAME"),
    ("created_at", "CREATED"),
];

impl List {
    fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let kms = session.open(Access::Read)?;
        let filter = GrantFilter { grant_id: None, grantee: self.grantee.as_deref() };
        let request = self.key.request(0);
        out.list(
            &COLUMNS,
            self.limit,
            |marker, capacity| kms.list_grants(&request, &filter, marker, capacity),
            record,
        )
    }
}

impl ListRetirable {
    fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let kms = session.open(Access::Read)?;
        out.list(
            &COLUMNS,
            self.limit,
            |marker, capacity| kms.list_retirable_grants(&self.retiring, marker, capacity, 0),
            record,
        )
    }
}

impl Retire {
    fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let kms = session.open(Access::Change)?;
        let flags = self.dry_run.flags();
        match (&self.token, &self.key_id, &self.grant_id) {
            (Some(token), ..) => {
                kms.retire_grant(&GrantReference::Token(token), flags)?;
                out.brief("the grant is retired", &Record(vec![("token", Field::text(token))]))
            }
            (None, Some(key_id), Some(grant_id)) => {
                kms.retire_grant(&GrantReference::Id { key_id, grant_id }, flags)?;
                ended(key_id, grant_id, "retired", out)
            }
            // clap asks for them.
            (None, ..) => Err(Failure::usage("give KEY and GRANT_ID, or --token")),
        }
    }
}

impl Revoke {
    fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let kms = session.open(Access::Change)?;
        kms.revoke_grant(&self.key.key_id, &self.grant_id, self.dry_run.flags())?;
        ended(&self.key.key_id, &self.grant_id, "revoked", out)
    }
}

fn ended(key_id: &str, grant_id: &str, how: &str, out: &mut Output) -> Result<()> {
    let record = Record(vec![("grant_id", Field::text(grant_id)), ("key_id", Field::text(key_id))]);
    out.brief(&format!("{grant_id}: {how}"), &record)
}

fn record(GrantInfo { key_id, grant }: GrantInfo) -> Record {
    let constraint = match grant.constraint {
        Constraint::Any => "any",
        Constraint::Equals(_) => "equals",
        Constraint::Subset(_) => "subset",
    };
    Record(vec![
        ("grant_id", Field::Text(grant.grant_id)),
        ("key_id", Field::Text(key_id)),
        ("grantee", Field::Text(grant.grantee)),
        ("operations", Field::Texts(grant.operations.names().map(String::from).collect())),
        ("constraint", Field::text(constraint)),
        ("context", Field::Pairs(grant.constraint.pairs().to_vec())),
        ("retiring", Field::Text(grant.retiring)),
        ("name", Field::Text(grant.name)),
        ("created_at", Field::Time(grant.created_at)),
    ])
}
