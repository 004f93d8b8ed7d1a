//! The command line as a whole: the options that every command has, and the list of commands. The commands' own
//! options are with the commands.

use clap::{Args, Parser, Subcommand};

use crate::{alias, audit, care, data, failure, grant, key, pages, policy, version};

#[derive(Parser)]
#[command(
    name = "kms",
    version,
    about = "Looks after the key stores of libkms",
    long_about = "Looks after the key stores of libkms: keys and their versions, aliases, rotation, deletion, import; \
                  data keys and payloads; who may do what with them, and an audit log; new root keys, backups, \
                  verification.\n\n\
                  Every command but `random`, `completions` and `man` works on a store (--store) and needs the store's \
                  root key (--root-key-uri or --passphrase). No key and no passphrase is ever taken from the command \
                  line, where others could see it.",
    after_help = "`kms help` and `kms COMMAND --help` say more, exit codes among it.",
    after_long_help = exit_codes(),
    propagate_version = true,
    max_term_width = 100
)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The key store, "sqlite:PATH" [env: KMS_STORE]
    #[arg(long, global = true, value_name = "URI")]
    pub store: Option<String>,
    /// Its root key: "file:PATH" or "env:NAME" [env: KMS_ROOT_KEY_URI]
    ///
    /// The file holds 32 bytes, or their hex or base64, and only its owner may have access to it; the variable holds
    /// hex or base64.
    #[arg(long, global = true, value_name = "URI")]
    pub root_key_uri: Option<String>,
    /// Ask for the passphrase that is the store's root key, on the terminal
    #[arg(long, global = true, conflicts_with = "root_key_uri")]
    pub passphrase: bool,
    /// Act as this principal instead of as the account's root
    ///
    /// A guard against mistakes, and a way to try what a tenant may do; not a wall: the root key is all that counts.
    #[arg(long, global = true, value_name = "NAME")]
    pub principal: Option<String>,
    #[command(flatten)]
    pub audit: audit::Recording,
    /// Refuse to change the store
    #[arg(long, global = true)]
    pub read_only: bool,
    /// How long to wait for other processes that use the store
    #[arg(long, global = true, value_name = "MILLISECONDS", default_value_t = 5000)]
    pub timeout: u32,
    /// Answers and errors as JSON, for programs
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Subcommand)]
pub enum Command {
    Init(care::Init),
    /// Create, show and change keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Names for keys: "alias/orders"
    #[command(subcommand)]
    Alias(alias::AliasCommand),
    /// Versions of a key
    #[command(subcommand)]
    Version(version::VersionCommand),
    /// Key policies: who may do what with a key
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Grants: one principal, one key, some operations
    #[command(subcommand)]
    Grant(grant::GrantCommand),
    /// Audit logs
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    DataKey(data::DataKey),
    Encrypt(data::Encrypt),
    Decrypt(data::Decrypt),
    ReEncrypt(data::ReEncrypt),
    Random(data::Random),
    Rekey(care::Rekey),
    Backup(care::Backup),
    /// Check every seal, sum and reference of the store
    ///
    /// Lists what is damaged, with its row. The exit code is that of KMS_CORRUPT_STORE if anything is.
    Verify,
    /// What the store is, and how its secrets are protected in memory
    Stats,
    Completions(pages::Completions),
    Man(pages::Man),
}

/// Of commands that change something.
#[derive(Args)]
pub struct DryRun {
    /// Check everything, do nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl DryRun {
    pub fn flags(&self) -> u32 {
        if self.dry_run { kms::engine::flag::DRY_RUN } else { 0 }
    }
}

fn exit_codes() -> String {
    format!(
        "Exit codes:\n{}\nA status of the library is its number and 64. With --json, standard error gets \
         {{\"error\": {{\"status\", \"exit_code\", \"message\", \"native_code\", \"retryable\"}}}}.",
        failure::table()
    )
}
