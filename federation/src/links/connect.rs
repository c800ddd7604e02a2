//! Connections: from a name that was delegated to (or a server's own) to a TLS stream.
//!
//! Specification: server-server API, "Resolving server names", steps 1, 2, 3.1 to 3.5, 4, 5
//! and 6. The pool of connections is keyed by the name that is asked here, which is also what
//! the certificate must be for and what stands in `Host`.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use causeway_outbound::AddressPolicy;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use ruma::ServerName;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::Service;

use super::names::Names;

/// Longest time until an address takes a connection.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an address is alone in the race before the next one is tried too.
const HEAD_START: Duration = Duration::from_millis(300);

/// Longest time for the handshake of TLS.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest time for one question to the domain name system.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// Addresses of one server that are tried.
const MAX_TRIED: usize = 8;

/// Why there is no connection.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name is no server's.
    #[error("not the name of a server")]
    Name,
    /// The domain name system knows no address.
    #[error("no address: {0}")]
    NoAddress(String),
    /// All addresses are ones that may not be reached (see `federation.allowed_addresses`).
    #[error("the server's address may not be reached")]
    Forbidden,
    /// No address takes connections.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// TLS failed: above all, the certificate is not for the name, or nobody vouches for it.
    #[error("TLS: {0}")]
    Tls(String),
}

/// Ports that the specification fixes; tests have others.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// Of servers that name none.
    pub federation: u16,
    /// Of `.well-known` documents.
    pub web: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            federation: 8448,
            web: 443,
        }
    }
}

/// How an authority becomes addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A server's API: its port, SRV records, or 8448.
    Federation,
    /// A web page: its port, or 443.
    Web,
}

/// Makes connections for one purpose. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Connector(Arc<Inner>);

struct Inner {
    purpose: Purpose,
    names: Arc<dyn Names>,
    policy: AddressPolicy,
    ports: Ports,
    tls: TlsConnector,
}

impl Connector {
    pub(crate) fn new(
        purpose: Purpose,
        names: Arc<dyn Names>,
        policy: AddressPolicy,
        ports: Ports,
        tls: Arc<ClientConfig>,
    ) -> Self {
        Self(Arc::new(Inner {
            purpose,
            names,
            policy,
            ports,
            tls: TlsConnector::from(tls),
        }))
    }

    async fn connect(&self, authority: &str) -> Result<Link, ConnectError> {
        let name = <&ServerName>::try_from(authority).map_err(|_| ConnectError::Name)?;
        let addresses = self.addresses(name).await?;
        let stream = race(addresses).await?;
        // Small requests and answers; nothing is gained by waiting for more.
        let _ = stream.set_nodelay(true);
        let host = bare(name.host()).to_owned();
        let certified = rustls::pki_types::ServerName::try_from(host);
        let certified = certified.map_err(|_| ConnectError::Name)?;
        let handshake = self.0.tls.connect(certified, stream);
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
            Ok(Ok(stream)) => Ok(Link(TokioIo::new(stream))),
            Ok(Err(error)) => Err(ConnectError::Tls(error.to_string())),
            Err(_) => Err(ConnectError::Tls("the handshake takes too long".to_owned())),
        }
    }

    /// Where a name leads: allowed addresses, in the order in which they are tried.
    pub(crate) async fn addresses(
        &self,
        name: &ServerName,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        let default_port = match self.0.purpose {
            Purpose::Federation => self.0.ports.federation,
            Purpose::Web => self.0.ports.web,
        };
        if let Ok(address) = bare(name.host()).parse::<IpAddr>() {
            let port = name.port().unwrap_or(default_port);
            return self.allowed(vec![SocketAddr::new(address, port)]);
        }
        if let (None, Purpose::Federation) = (name.port(), self.0.purpose) {
            for label in ["_matrix-fed._tcp", "_matrix._tcp"] {
                let service = format!("{label}.{}", name.host());
                if let Some(found) = self.by_service(&service).await {
                    return found;
                }
            }
        }
        let port = name.port().unwrap_or(default_port);
        let found = self.look_up(name.host()).await;
        let found = found.map_err(ConnectError::NoAddress)?;
        self.allowed(
            found
                .into_iter()
                .map(|ip| SocketAddr::new(ip, port))
                .collect(),
        )
    }

    /// Where an SRV record leads; nothing where there is none.
    async fn by_service(&self, service: &str) -> Option<Result<Vec<SocketAddr>, ConnectError>> {
        let services = tokio::time::timeout(LOOKUP_TIMEOUT, self.0.names.services(service));
        let services = services.await.ok()?.ok()?;
        if services.is_empty() {
            return None;
        }
        let mut addresses = Vec::new();
        let mut reason = "the SRV record leads nowhere".to_owned();
        for service in services {
            // RFC 2782: a single dot says that the service is not offered.
            if service.target.is_empty() {
                continue;
            }
            match self.look_up(&service.target).await {
                Ok(found) => {
                    let found = found.into_iter();
                    addresses.extend(found.map(|ip| SocketAddr::new(ip, service.port)));
                }
                Err(error) => reason = error,
            }
            if addresses.len() >= MAX_TRIED {
                break;
            }
        }
        if addresses.is_empty() {
            return Some(Err(ConnectError::NoAddress(reason)));
        }
        Some(self.allowed(addresses))
    }

    async fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        match tokio::time::timeout(LOOKUP_TIMEOUT, self.0.names.addresses(host)).await {
            Ok(found) => found.map_err(|error| error.to_string()),
            Err(_) => Err("the name servers take too long".to_owned()),
        }
    }

    fn allowed(&self, mut addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, ConnectError> {
        addresses.retain(|address| self.0.policy.allows(address.ip()));
        addresses.truncate(MAX_TRIED);
        match addresses.is_empty() {
            true => Err(ConnectError::Forbidden),
            false => Ok(addresses),
        }
    }
}

/// A host without the brackets of IPv6.
fn bare(host: &str) -> &str {
    let inner = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    inner.unwrap_or(host)
}

/// The first of these that takes a connection. Each has a head start before the next joins in.
async fn race(addresses: Vec<SocketAddr>) -> Result<TcpStream, ConnectError> {
    let mut waiting = addresses.into_iter();
    let mut running = FuturesUnordered::new();
    let mut reason = "no address".to_owned();
    loop {
        if let Some(address) = waiting.next() {
            running.push(tokio::time::timeout(
                ADDRESS_TIMEOUT,
                TcpStream::connect(address),
            ));
        }
        let others_wait = waiting.len() > 0;
        let ended = tokio::select! {
            ended = running.next() => ended,
            () = tokio::time::sleep(HEAD_START), if others_wait => continue,
        };
        match ended {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => reason = error.to_string(),
            Some(Err(_)) => reason = "the connection takes too long".to_owned(),
            None => return Err(ConnectError::Unreachable(reason)),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = Link;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<Link, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let authority = uri.authority().ok_or(ConnectError::Name)?;
            connector.connect(authority.as_str()).await
        })
    }
}

/// A secured connection.
pub(crate) struct Link(TokioIo<TlsStream<TcpStream>>);

impl Connection for Link {
    fn connected(&self) -> Connected {
        let connected = Connected::new();
        match self.0.inner().get_ref().1.alpn_protocol() {
            Some(b"h2") => connected.negotiated_h2(),
            _ => connected,
        }
    }
}

impl Read for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[path = "connect_test.rs"]
mod connect_test;
