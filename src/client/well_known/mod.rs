//! The documents below `/.well-known/matrix/`: how a server name leads to a server.

mod client;
mod policy_server;
mod server;
mod support;

pub use client::client;
pub use policy_server::policy_server;
pub use server::server;
pub use support::support;
