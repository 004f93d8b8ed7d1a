//! `kms`, the command-line tool: the library's operations for operators. A module for each family of commands
//! (`key`, `alias`, `version`, `policy`, `grant`, `audit`, `data`, `care`, `pages`); `session` opens the store, `output` is the one way out,
//! `failure` the one way to fail.
//!
//! To add a family: a module with its subcommands and their `run`, and a line in `args::Command`.

mod alias;
mod args;
mod audit;
mod bound;
mod care;
mod data;
mod failure;
mod files;
mod grant;
mod key;
mod output;
mod pages;
mod policy;
mod progress;
mod prompt;
mod session;
mod values;
mod version;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use kms::error::{Error, Status};

use args::{Arguments, Command};
use failure::{Failure, Result};
use output::Output;
use session::Session;

fn main() -> ExitCode {
    session::leave_no_core_dump();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(refusal) => return refuse(&refusal),
    };
    let json = arguments.global.json;
    let outcome = std::panic::catch_unwind(|| run(arguments));
    match outcome.unwrap_or(Err(Failure::Kms(Error::Internal("a panic")))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => tell(&failure, json),
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let mut out = Output::new(arguments.global.json);
    let session = Session::new(arguments.global);
    let outcome = match arguments.command {
        Command::Init(command) => command.run(&session, &mut out),
        Command::Key(command) => command.run(&session, &mut out),
        Command::Alias(command) => command.run(&session, &mut out),
        Command::Version(command) => command.run(&session, &mut out),
        Command::Policy(command) => command.run(&session, &mut out),
        Command::Grant(command) => command.run(&session, &mut out),
        Command::Audit(command) => command.run(&session, &mut out),
        Command::DataKey(command) => command.run(&session, &mut out),
        Command::Encrypt(command) => command.run(&session, &mut out),
        Command::Decrypt(command) => command.run(&session, &mut out),
        Command::ReEncrypt(command) => command.run(&session, &mut out),
        Command::Random(command) => command.run(&mut out),
        Command::Rekey(command) => command.run(&session, &mut out),
        Command::Backup(command) => command.run(&session, &mut out),
        Command::Verify => care::verify(&session, &mut out),
        Command::Stats => care::stats(&session, &mut out),
        Command::Completions(command) => command.run(&mut out),
        Command::Man(command) => command.run(),
    };
    let recorded = session.put_on_record();
    match outcome {
        Err(Failure::Kms(error)) if error.status() == Status::DryRunOk => out.dry_run()?,
        outcome => outcome?,
    }
    recorded?;
    out.finish()
}

/// Standard error may be closed; there is nobody left to tell that.
fn tell(failure: &Failure, json: bool) -> ExitCode {
    if let Some(report) = failure.report(json) {
        let _ = writeln!(std::io::stderr(), "{report}");
    }
    ExitCode::from(failure.exit_code())
}

/// Help and version, which clap reports as refusals too, or a command line that is none.
fn refuse(refusal: &clap::Error) -> ExitCode {
    if !refusal.use_stderr() {
        let mut stdout = std::io::stdout().lock();
        return match write!(stdout, "{}", refusal.render()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                tell(&Failure::file("standard output", error), false)
            }
            Err(_) => tell(&Failure::ReaderGone, false),
            Ok(()) => ExitCode::SUCCESS,
        };
    }
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // The arguments could not be told apart, so this is as good as it gets.
    let json = arguments.iter().take_while(|word| *word != "--").any(|word| word == "--json");
    if typed_a_passphrase(refusal, &arguments) {
        let message = "a passphrase is never taken from the command line; --passphrase asks for it";
        return tell(&Failure::usage(message), json);
    }
    if json {
        let text = refusal.render().to_string();
        let message = text.lines().next().unwrap_or_default();
        return tell(&Failure::usage(message.strip_prefix("error: ").unwrap_or(message)), true);
    }
    let _ = write!(std::io::stderr(), "{}", refusal.render());
    ExitCode::from(failure::USAGE)
}

/// Whether what clap could not place, and would quote, may be a passphrase.
fn typed_a_passphrase(refusal: &clap::Error, arguments: &[OsString]) -> bool {
    let quotes = matches!(
        refusal.kind(),
        ErrorKind::InvalidSubcommand | ErrorKind::UnknownArgument | ErrorKind::TooManyValues
    );
    let asks = |word: &OsString| {
        let word = word.to_string_lossy();
        word.starts_with("--passphrase") || word.starts_with("--new-passphrase")
    };
    quotes && arguments.iter().any(asks)
}
