//! The command line: one file per command.
//!
//! A command prints what was asked for on standard output, and everything else (progress, log,
//! errors) on standard error. It ends with 0, with 1 when it failed, and with 2 when the command
//! line or the settings are wrong.

mod check_config;
mod completions;
mod doctor;
mod federation;
mod generate_config;
mod user;

use std::{io::Write, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    config::{self, Mistakes, Settings},
    server,
};

/// Exit code for a command line or settings that are wrong.
const USAGE: u8 = 2;

/// Environment variable that names the settings file where `--config` does not.
const CONFIG_VARIABLE: &str = "CAUSEWAY_CONFIG";

/// A Matrix homeserver.
#[derive(Debug, Parser)]
#[command(name = "causeway", version)]
struct Arguments {
    /// The settings file (TOML); also CAUSEWAY_CONFIG. Without one the defaults hold
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (also without any command)
    Serve,
    /// Make, list and close accounts, with or without a running server
    #[command(subcommand)]
    User(user::Command),
    /// Look at the links to other servers
    #[command(subcommand)]
    Federation(federation::Command),
    /// Read the settings and say what is wrong with them
    CheckConfig,
    /// Look at database, Redis, clock, certificates and public address, and say what is wrong
    Doctor,
    /// Print a settings file with every key, its meaning and its default
    GenerateConfig(generate_config::Arguments),
    /// Print completions for a shell
    Completions(completions::Arguments),
}

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let file = arguments
        .config
        .or_else(|| std::env::var_os(CONFIG_VARIABLE).map(PathBuf::from));
    let settings = || config::load(file.as_deref(), std::env::vars());
    let result = match arguments.command.unwrap_or(Command::Serve) {
        Command::GenerateConfig(arguments) => generate_config::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::CheckConfig => with(settings(), |settings| {
            check_config::run(&settings, file.as_deref())
        }),
        Command::Doctor => with(settings(), |settings| wait_for(doctor::run(settings))),
        Command::User(command) => with(settings(), |settings| {
            wait_for(user::run(settings, command))
        }),
        Command::Federation(command) => with(settings(), |settings| {
            wait_for(federation::run(settings, command))
        }),
        Command::Serve => with(settings(), |settings| wait_for(server::run(settings))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) if error.is::<Mistakes>() => {
            eprintln!("causeway: {error}");
            ExitCode::from(USAGE)
        }
        Err(error) => {
            eprintln!("causeway: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn with(
    settings: Result<Settings, Mistakes>,
    command: impl FnOnce(Settings) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    command(settings?)
}

/// Prints a line of what was asked for. A reader that has seen enough (`head`) is no failure:
/// [`main`] ends quietly then.
fn print(line: impl std::fmt::Display) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<std::io::Error>();
    error.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Runs a command on a runtime of its own.
fn wait_for(command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    // another part may have installed the same provider; that is as good
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(command)
}

#[cfg(test)]
mod mod_test;
