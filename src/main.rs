//! The `causeway` binary.
#[allow(dead_code)]
mod client;
#[allow(dead_code)]
mod config;
#[allow(dead_code)]
mod server;

fn main() {}
