//! Signed requests to other servers.
//!
//! ```text
//! let answer = links.get(&server, "/_matrix/federation/v1/version").send().await?;
//! let version: Version = answer.json()?;
//!
//! let path = format!("/_matrix/federation/v1/send/{}", segment(&txn_id));
//! let answer = links.put(&server, path).json(&transaction)?.within(TIMEOUT).send().await;
//! match answer {
//!     Ok(answer) => ..,                      // 200: `answer.json::<T>()`
//!     Err(error) => match error.standing() { // what the failure says about the server
//!         Standing::Answers => ..,           // it refused this request
//!         Standing::Busy(wait) => ..,        // 429, with its Retry-After
//!         Standing::Down => ..,              // no connection, no answer, 5xx
//!     },
//! }
//! ```
//!
//! Start reading at [`Links::request`], then `request.rs`; how a name becomes a connection is in
//! `well_known.rs` and `connect.rs`.

mod body;
mod connect;
mod error;
mod names;
mod request;
mod trust;
mod well_known;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use causeway_events::ServerKey;
use causeway_outbound::AddressPolicy;
use causeway_store::Clock;
use http::{HeaderValue, Method};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ruma::{OwnedServerName, ServerName};
use tokio::sync::Semaphore;

pub use self::connect::{ConnectError, Ports};
use self::connect::{Connector, Purpose};
pub use self::error::{LinkError, Refusal, Standing};
pub use self::names::{NameError, Names, Service, SystemNames};
pub use self::request::{Answer, RemoteRequest, StreamedAnswer, segment};
pub use self::trust::TrustError;
use self::well_known::WellKnown;

/// Requests to other servers that are under way at a time; more wait.
pub const MAX_REQUESTS: usize = 2_048;

/// Connections to one server that are kept open without a request on them.
const MAX_IDLE: usize = 4;

/// How long a connection is kept without a request on it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Largest head of an answer, in bytes.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// What links must be told.
pub struct LinkSettings {
    /// The key that requests are signed with; it says which server this is.
    pub key: ServerKey,
    /// Which addresses may be reached.
    pub policy: AddressPolicy,
    /// Files (PEM) with authorities that are believed besides those of the machine.
    pub trusted_authorities: Vec<PathBuf>,
    /// The `User-Agent` of all requests.
    pub user_agent: HeaderValue,
    /// Where servers are that name no port.
    pub ports: Ports,
    /// How names become addresses.
    pub names: Arc<dyn Names>,
    /// The time.
    pub clock: Clock,
}

/// Makes signed requests to other servers. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Links(Arc<Inner>);

pub(crate) struct Inner {
    key: ServerKey,
    http: Client<Connector, Full<Bytes>>,
    well_known: Arc<WellKnown>,
    connector: Connector,
    user_agent: HeaderValue,
    permits: Semaphore,
}

impl Links {
    /// Opens links; nothing is connected yet.
    ///
    /// # Errors
    /// If an authority cannot be used.
    pub fn new(settings: LinkSettings) -> Result<Self, TrustError> {
        let LinkSettings {
            key,
            policy,
            trusted_authorities,
            user_agent,
            ports,
            names,
            clock,
        } = settings;
        let tls = trust::client_config(&trusted_authorities)?;
        let connector = |purpose| {
            let (names, policy) = (names.clone(), policy.clone());
            Connector::new(purpose, names, policy, ports, tls.clone())
        };
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE)
            .http1_max_buf_size(MAX_HEAD_BYTES)
            .http2_max_header_list_size(MAX_HEAD_BYTES as u32)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(10));
        let federation = connector(Purpose::Federation);
        let web = builder.build(connector(Purpose::Web));
        Ok(Self(Arc::new(Inner {
            key,
            http: builder.build(federation.clone()),
            well_known: WellKnown::new(web, ports.web, user_agent.clone(), clock),
            connector: federation,
            user_agent,
            permits: Semaphore::new(MAX_REQUESTS),
        })))
    }

    /// This server's name.
    pub fn server_name(&self) -> &ServerName {
        self.0.key.server_name()
    }

    /// Begins a request. `path` is the path with its query, encoded ([`segment`]).
    pub fn request(
        &self,
        method: Method,
        server: &ServerName,
        path: impl Into<String>,
    ) -> RemoteRequest {
        RemoteRequest::new(self.clone(), method, server.to_owned(), path.into())
    }

    /// Begins a GET request.
    pub fn get(&self, server: &ServerName, path: impl Into<String>) -> RemoteRequest {
        self.request(Method::GET, server, path)
    }

    /// Begins a PUT request.
    pub fn put(&self, server: &ServerName, path: impl Into<String>) -> RemoteRequest {
        self.request(Method::PUT, server, path)
    }

    /// Begins a POST request.
    pub fn post(&self, server: &ServerName, path: impl Into<String>) -> RemoteRequest {
        self.request(Method::POST, server, path)
    }

    /// Where requests to a server go: the name that it delegated to, or its own, and the
    /// addresses behind it, in the order in which they are tried.
    ///
    /// # Errors
    /// [`ConnectError`], if there is no address, or none that may be reached.
    pub async fn find(
        &self,
        server: &ServerName,
    ) -> Result<(OwnedServerName, Vec<std::net::SocketAddr>), ConnectError> {
        let delegate = self.0.well_known.delegate(server).await;
        let addresses = self.0.connector.addresses(&delegate).await?;
        Ok((delegate, addresses))
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }
}

#[cfg(test)]
#[path = "links_test.rs"]
mod links_test;
