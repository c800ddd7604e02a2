//! The workshop: what tests need to speak to a real server.
//!
//! A test starts a [`TestServer`], the built `causeway` binary on a [`TestDatabase`] of its own,
//! and talks to it through [`TestClient`]s, which hold every request and every answer against the
//! specification's schemas ([`Specification`]). So each journey is a conformance test as well.
//!
//! Laws:
//! - nothing is skipped: a missing database, binary or schema ends the test with a message;
//! - nothing is shared: each test has its own database, process, port and directory;
//! - this crate is a development dependency and never part of the server.
//!
//! Start reading at [`server::TestServer`], then [`client::TestClient`].

pub mod account;
pub mod authority;
pub mod call;
pub mod client;
pub mod database;
pub mod follower;
pub mod mail_server;
pub mod observe;
mod port;
pub mod reader;
pub mod remote;
pub mod rooms;
pub mod server;
pub mod spec;

pub use authority::Authority;
pub use call::{Call, Reply, path, v1, v3};
pub use client::TestClient;
pub use database::TestDatabase;
pub use follower::Follower;
pub use mail_server::{MailServer, ReceivedLetter};
pub use observe::{Metrics, RequestLine};
pub use reader::Reader;
pub use remote::{Heard, RemoteKey, RemoteServer, Said};
pub use server::{ServerOptions, TestServer};
pub use spec::Specification;

/// Every room version this server makes rooms of.
pub const ROOM_VERSIONS: [&str; 12] = [
    "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12",
];

/// The versions that journeys use as the server's default.
pub const DEFAULT_ROOM_VERSIONS: [&str; 2] = ["11", "12"];

/// The repository's root directory.
#[must_use]
pub fn repository() -> &'static std::path::Path {
    std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
