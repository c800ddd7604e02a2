//! Who speaks for a server: its `.well-known` document.
//!
//! Specification: server-server API, "Resolving server names", step 3, and `GET
//! /.well-known/matrix/server`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use causeway_outbound::Url;
use causeway_store::Clock;
use http::header::{CACHE_CONTROL, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Uri};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use quick_cache::sync::Cache;
use ruma::{OwnedServerName, ServerName};
use serde::Deserialize;

use super::body::read_at_most;
use super::connect::Connector;

/// Largest document, in bytes.
const MAX_BYTES: usize = 51_200;

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 5;

/// Longest time for the document, redirects included.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long a document is believed that says nothing about it.
const DEFAULT_LIFETIME_MS: u64 = 24 * 3_600_000;

/// How long a document is believed at least and at most, whatever it says.
const LIFETIME_MS: std::ops::RangeInclusive<u64> = 300_000..=48 * 3_600_000;

/// How long nobody asks again where there is no document.
const ABSENT_LIFETIME_MS: u64 = 3_600_000;

/// Servers whose documents are remembered.
const REMEMBERED: usize = 20_000;

/// What is known of a server.
#[derive(Clone)]
struct Known {
    delegate: Option<OwnedServerName>,
    until_ms: u64,
}

/// Finds and remembers documents.
pub(crate) struct WellKnown {
    http: Client<Connector, Empty<Bytes>>,
    known: Cache<OwnedServerName, Known>,
    port: u16,
    user_agent: HeaderValue,
    clock: Clock,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "m.server")]
    server: OwnedServerName,
}

impl WellKnown {
    /// `port` is where web servers are.
    pub(crate) fn new(
        http: Client<Connector, Empty<Bytes>>,
        port: u16,
        user_agent: HeaderValue,
        clock: Clock,
    ) -> Arc<Self> {
        Arc::new(Self {
            http,
            known: Cache::new(REMEMBERED),
            port,
            user_agent,
            clock,
        })
    }

    /// The name that requests to `server` go to: its own where it is an address, has a port or
    /// delegates to nobody.
    pub(crate) async fn delegate(self: &Arc<Self>, server: &ServerName) -> OwnedServerName {
        if server.is_ip_literal() || server.port().is_some() {
            return server.to_owned();
        }
        let now = self.clock.now_ms();
        let before = self.known.get(server);
        if let Some(known) = before.as_ref().filter(|known| known.until_ms > now) {
            return known.delegate.clone().unwrap_or_else(|| server.to_owned());
        }
        let known = match tokio::time::timeout(TIMEOUT, self.fetch(server)).await {
            Ok(Some((delegate, lifetime_ms))) => Known {
                delegate: Some(delegate),
                until_ms: now + lifetime_ms,
            },
            // A document that was there goes on to hold while it cannot be read.
            Ok(None) | Err(_) => Known {
                delegate: before.and_then(|known| known.delegate),
                until_ms: now + ABSENT_LIFETIME_MS,
            },
        };
        let delegate = known.delegate.clone();
        self.known.insert(server.to_owned(), known);
        delegate.unwrap_or_else(|| server.to_owned())
    }

    /// Whoever this server delegated to may have moved: asks again at the next request.
    pub(crate) fn forget(&self, server: &ServerName) {
        self.known.remove(server);
    }

    async fn fetch(&self, server: &ServerName) -> Option<(OwnedServerName, u64)> {
        let start = match self.port {
            443 => format!("https://{server}/.well-known/matrix/server"),
            port => format!("https://{server}:{port}/.well-known/matrix/server"),
        };
        let mut url = Url::parse(&start).ok()?;
        for _ in 0..=MAX_REDIRECTS {
            let uri: Uri = url.as_str().parse().ok()?;
            let request = Request::get(uri).header(USER_AGENT, self.user_agent.clone());
            let answer = self.http.request(request.body(Empty::new()).ok()?).await;
            let answer = answer.ok()?;
            if answer.status().is_redirection() {
                let to = answer.headers().get(LOCATION)?.to_str().ok()?;
                url = url.join(to).ok()?;
                if url.scheme() != "https" {
                    return None;
                }
                continue;
            }
            return read(answer).await;
        }
        None
    }
}

async fn read(answer: http::Response<Incoming>) -> Option<(OwnedServerName, u64)> {
    if answer.status() != http::StatusCode::OK {
        return None;
    }
    let lifetime_ms = lifetime_ms(answer.headers());
    let body = read_at_most(answer.into_body(), MAX_BYTES).await.ok()?;
    let document: Document = serde_json::from_slice(&body).ok()?;
    Some((document.server, lifetime_ms))
}

/// How long a document may be kept, by its `Cache-Control`.
fn lifetime_ms(headers: &HeaderMap) -> u64 {
    let directives = headers.get(CACHE_CONTROL).and_then(|it| it.to_str().ok());
    let directives = directives.unwrap_or_default().to_ascii_lowercase();
    let mut lifetime_ms = DEFAULT_LIFETIME_MS;
    for directive in directives.split(',').map(str::trim) {
        if matches!(directive, "no-store" | "no-cache") {
            lifetime_ms = 0;
        } else if let Some(seconds) = directive.strip_prefix("max-age=") {
            let seconds = seconds.trim_matches('"').parse::<u64>();
            lifetime_ms = seconds.map_or(lifetime_ms, |it| it.saturating_mul(1_000));
        }
    }
    lifetime_ms.clamp(*LIFETIME_MS.start(), *LIFETIME_MS.end())
}

#[cfg(test)]
#[path = "well_known_test.rs"]
mod well_known_test;
