//! The `causeway` binary: one Matrix homeserver, and the commands to look after it.
//!
//! Start reading at [`cli`] for the commands, [`config`] for the settings, [`server`] for how a
//! server starts, and [`client`] for its API.

mod cli;
mod client;
mod config;
mod control;
mod server;

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A request is some hundred small allocations, which threads free for each other.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
