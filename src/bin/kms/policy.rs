//! `kms policy`: who may do what with a key, and why.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use kms::access::{
    ACTIONS, Account, Action, Circumstances, Effect, Granted, MAX_POLICY, Policy, Principal, Question, Rules,
    Scope, Truth,
};
use kms::crypto::hex;
use kms::engine::{GrantFilter, GrantInfo, GrantTokens, Kms, PolicyRequest, flag};
use kms::error::Error;
use kms::platform::unix_seconds;

use crate::args::DryRun;
use crate::failure::Result;
use crate::key::Key;
use crate::output::{Field, Output, Record, all, printable_json};
use crate::session::{Access, Session};
use crate::{files, values};

#[derive(Subcommand)]
pub enum PolicyCommand {
    Get(Get),
    Put(Put),
    Check(Check),
}

/// Print a key's policy; of a key that has none of its own, the default one
#[derive(Args)]
pub struct Get {
    #[command(flatten)]
    key: Key,
}

/// Give a key a policy
///
/// The JSON that AWS and QKMS users write. What could not be evaluated is refused, with its place.
#[derive(Args)]
pub struct Put {
    #[command(flatten)]
    key: Key,
    /// The file that holds the policy; "-" for standard input
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    lockout: Lockout,
    #[command(flatten)]
    dry_run: DryRun,
}

/// Of commands that put a policy.
#[derive(Args)]
pub struct Lockout {
    /// Also put a policy after which nobody can put another one; nobody can undo that
    #[arg(long)]
    bypass_lockout_check: bool,
}

/// Say whether a principal may do something with a key, and what decides it
///
/// Of the key's policy and grants, or of a policy that is not put yet (--file). Nothing is done. The exit code is that
/// of KMS_ACCESS_DENIED if it is denied.
#[derive(Args)]
pub struct Check {
    #[command(flatten)]
    key: Key,
    /// Who; --principal is who asks
    #[arg(long = "for", value_name = "PRINCIPAL")]
    who: String,
    /// What: "kms:Decrypt", or just "Decrypt"
    #[arg(long, value_parser = action)]
    action: Action,
    /// A pair of the request's encryption context; may be given again
    #[arg(long, value_name = "KEY=VALUE", value_parser = values::pair)]
    context: Vec<(String, String)>,
    /// A policy to check in place of the key's own; "-" for standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl PolicyCommand {
    pub fn run(self, session: &Session, out: &mut Output) -> Result<()> {
        match self {
            PolicyCommand::Get(command) => command.run(session, out),
            PolicyCommand::Put(command) => command.run(session, out),
            PolicyCommand::Check(command) => command.run(session, out),
        }
    }
}

impl Get {
    fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let kms = session.open(Access::Read)?;
        let policy = kms.get_key_policy(&self.key.request(0))?;
        let text = printable_json(&policy);
        let key = Field::text(&self.key.key_id);
        out.brief(&text, &Record(vec![("key_id", key), ("policy", Field::Text(policy))]))
    }
}

impl Put {
    fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let kms = session.open(Access::Change)?;
        let policy = read(&self.file)?;
        let key_id = self.key.key_id.as_str();
        kms.put_key_policy(&PolicyRequest {
            key_id,
            policy: &policy,
            grant_tokens: GrantTokens::new(),
            flags: self.dry_run.flags() | self.lockout.flags(),
        })?;
        out.brief(&format!("{key_id}: has the policy"), &Record(vec![("key_id", Field::text(key_id))]))
    }
}

impl Lockout {
    pub fn flags(&self) -> u32 {
        if self.bypass_lockout_check { flag::BYPASS_POLICY_LOCKOUT_CHECK } else { 0 }
    }
}

impl Check {
    fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let draft = self.file.as_deref().map(read).transpose()?;
        let kms = session.open(Access::Read)?;
        let key_id = kms.describe_key(&self.key.request(0))?.key_id;
        let account = Account::new(kms.account_id(), kms.region());
        let principal = Principal::named(&account, &self.who)?;
        let (policy, granted) = rules(&kms, &key_id, &account, principal.name(), draft)?;
        let context: Vec<(&str, &str)> =
            self.context.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let circumstances = Circumstances {
            context: &context,
            // Of an ARN, too.
            request_alias: self.key.key_id.rsplit(':').next().filter(|name| name.starts_with("alias/")),
            now: Some(unix_seconds()),
            ..Circumstances::NONE
        };
        let question = Question { principal: &principal, action: self.action, circumstances };
        let (is_allowed, reason) = decide(&policy, &granted, &question)?;
        let (name, action) = (principal.name(), self.action.name());
        let record = Record(vec![
            ("key_id", Field::text(&key_id)),
            ("principal", Field::text(name)),
            ("action", Field::text(action)),
            ("allowed", Field::Flag(is_allowed)),
            ("reason", Field::text(&reason)),
        ]);
        out.brief(&format!("{}: {reason}", if is_allowed { "allowed" } else { "denied" }), &record)?;
        if is_allowed {
            return Ok(());
        }
        out.finish()?;
        let on = format!("key {key_id:?}");
        Err(Error::AccessDenied { principal: name.into(), action, on }.into())
    }
}

/// What holds for a principal and a key, or would with another policy.
fn rules(
    kms: &Kms,
    key_id: &str,
    account: &Account,
    who: &str,
    draft: Option<String>,
) -> Result<(Policy, Option<Arc<Granted>>)> {
    let request = kms::engine::KeyRequest::of(key_id, 0);
    let policy = draft.map_or_else(|| kms.get_key_policy(&request), Ok)?;
    let filter = GrantFilter { grantee: Some(who), ..GrantFilter::default() };
    let grants = all(|marker, capacity| kms.list_grants(&request, &filter, marker, capacity))?;
    let mut granted = Granted::default();
    for GrantInfo { grant, .. } in grants {
        let id = hex::decode(&grant.grant_id).ok_or(Error::Internal("a grant without an id"))?;
        granted.add(id, grant.operations, grant.constraint);
    }
    Ok((Policy::compile(&policy, account, key_id)?, Some(Arc::new(granted))))
}

/// Whether it is allowed, and by what, for people.
fn decide(policy: &Policy, grants: &Option<Arc<Granted>>, question: &Question<'_>) -> Result<(bool, String)> {
    let verdict = Rules { policy: Some(policy), grants }.judge(question)?;
    let is_allowed = verdict.allowed == Truth::True;
    let by_policy = policy.deciding(question);
    let reason = match (by_policy, verdict.grant) {
        (Some((Effect::Deny, number)), _) => format!("statement {number} of the policy denies it"),
        (Some((Effect::Allow, number)), _) => format!("statement {number} of the policy allows it"),
        (None, Some(grant)) => format!("grant {} allows it", hex::encode(&grant)),
        (None, None) => "neither the policy nor a grant allows it".into(),
    };
    Ok((is_allowed, reason))
}

/// A policy from a file, without the white space after it.
pub fn read(path: &Path) -> Result<String> {
    let content = files::read(Some(path), MAX_POLICY + 1024, "the policy")?;
    let text =
        std::str::from_utf8(&content).map_err(|_| Error::argument("the policy: is not valid UTF-8"))?;
    Ok(text.trim_ascii_end().to_string())
}

/// An action on keys, by its name.
fn action(text: &str) -> Result<Action, String> {
    let name = if text.contains(':') { text.to_string() } else { format!("kms:{text}") };
    let found = ACTIONS.iter().find(|info| info.name.eq_ignore_ascii_case(&name));
    match found {
        Some(info) if info.scope == Scope::Key => Ok(info.action),
        Some(_) => Err("is for the root only; policies have no say".into()),
        None => Err("is no action; docs/access.md has a list of them".into()),
    }
}
