//! Servers that speak with each other, over TLS on this machine.

mod addresses;
mod chat;
mod earlier;
mod history;
mod joins;
mod keys;
mod media;
mod outbox;
mod policy;
mod questions;
mod requests;
mod rooms;
mod strangers;
mod transactions;
mod verdicts;

use std::net::SocketAddr;
use std::sync::Arc;

use causeway_testkit::{Authority, RemoteServer, ServerOptions, TestServer};

/// A server under test and one made by hand, which trust the same authority.
struct Pair {
    ours: TestServer,
    theirs: RemoteServer,
    authority: Arc<Authority>,
}

impl Pair {
    async fn start() -> Self {
        Self::start_with(ServerOptions::default()).await
    }

    async fn start_with(options: ServerOptions) -> Self {
        let authority = Authority::new();
        Self {
            theirs: RemoteServer::start(&authority).await,
            ours: TestServer::start_with(options.federating(&authority)).await,
            authority,
        }
    }
}

/// A server as [`RemoteServer::call`] wants it.
fn to(name: &str, server: &TestServer) -> (String, SocketAddr) {
    (name.to_owned(), server.federation_address())
}

impl Pair {
    fn call(&self, method: &str, path: impl Into<String>) -> causeway_testkit::remote::RemoteCall {
        let (name, address) = to(&self.ours.name(), &self.ours);
        let method = method.parse().expect("a method");
        self.theirs.call((&name, address), method, path)
    }
}
