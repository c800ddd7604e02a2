//! `causeway completions SHELL`.

use std::io::Write;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

/// For which shell.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut command = super::Arguments::command();
    // into memory first: clap_complete panics where a reader has seen enough
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "causeway", &mut script);
    std::io::stdout()
        .write_all(&script)
        .context("writing to standard output")
}
