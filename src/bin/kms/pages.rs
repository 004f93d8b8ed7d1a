//! What the tool says of itself: shell completions and manual pages, made from the command line's own description.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Arguments;
use crate::failure::{Failure, Result};
use crate::output::Output;

/// Print the completions for a shell
///
/// For bash: source <(kms completions bash)
#[derive(Args)]
pub struct Completions {
    shell: Shell,
}

/// Write the manual pages into a directory
#[derive(Args)]
pub struct Man {
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
}

impl Completions {
    pub fn run(&self, out: &mut Output) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "kms", &mut script);
        out.line(String::from_utf8_lossy(&script).trim_end())
    }
}

impl Man {
    /// A page for each command: kms.1, kms-key.1, kms-key-create.1.
    pub fn run(&self) -> Result<()> {
        let mut command = Arguments::command().disable_help_subcommand(true);
        command.build();
        self.write(&command).map_err(|error| Failure::file(self.directory.display(), error))
    }

    fn write(&self, command: &clap::Command) -> std::io::Result<()> {
        let page = clap_mangen::Man::new(command.clone());
        page.source(concat!("libkms ", env!("CARGO_PKG_VERSION"))).generate_to(&self.directory)?;
        command.get_subcommands().try_for_each(|command| self.write(command))
    }
}
