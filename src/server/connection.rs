//! Listeners and connections.
//!
//! hyper's connection builders are used directly: they keep less memory for a waiting client than
//! the ready-made servers, and tell at once when a client has gone.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use super::drain::Drain;
use super::front::Front;

/// Most headers of one request.
pub const MAX_HEADERS: usize = 100;

/// Largest head of one request, in bytes. Filters and tokens travel in the path.
pub const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Most requests at once on one HTTP/2 connection.
pub const MAX_HTTP2_STREAMS: u32 = 128;

/// An HTTP/2 connection that says nothing for so long is asked whether it is still there.
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(60);

/// How long an HTTP/2 client may take to answer that.
const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Pause after a failed `accept`, which mostly means that file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Pause between two looks at a connection that has sent one or two bytes.
const SNIFF_PAUSE: Duration = Duration::from_millis(10);

/// How the connections of a server are kept.
#[derive(Debug, Clone)]
pub struct Connections {
    front: Arc<Front>,
    permits: Arc<Semaphore>,
    header_timeout: Duration,
    drain: Drain,
}

impl Connections {
    /// Connections to `front`: `max` at most, the others wait in the kernel; one that has not
    /// sent the head of a request within `header_timeout` is closed.
    pub fn new(front: Arc<Front>, max: usize, header_timeout: Duration, drain: Drain) -> Self {
        let permits = Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
        Self {
            front,
            permits,
            header_timeout,
            drain,
        }
    }

    /// Accepts connections until the server drains.
    pub async fn serve(self, listener: TcpListener, tls: Option<TlsAcceptor>) {
        loop {
            let next = async {
                let permit = self.permits.clone().acquire_owned().await;
                (permit, listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                () = self.drain.begun() => return,
                next = next => next,
            };
            match (permit, accepted) {
                (Ok(permit), Ok((stream, peer))) => {
                    let connection = self.clone().run(stream, peer, tls.clone(), permit);
                    self.drain.spawn(connection);
                }
                (_, Err(error)) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                // The semaphore is never closed.
                (Err(_), _) => return,
            }
        }
    }

    async fn run(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        tls: Option<TlsAcceptor>,
        _permit: OwnedSemaphorePermit,
    ) {
        // Answers are written whole: waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        let ended = match tls {
            Some(acceptor) => self.run_tls(stream, peer, acceptor).await,
            None => self.run_plain(stream, peer).await,
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, error = format!("{error:#}"), "connection ended");
        }
    }

    async fn run_plain(&self, stream: TcpStream, peer: SocketAddr) -> anyhow::Result<()> {
        let sniffed = tokio::time::timeout(self.header_timeout, speaks_http2(&stream));
        let http2 = tokio::select! {
            () = self.drain.begun() => return Ok(()),
            sniffed = sniffed => sniffed??,
        };
        if http2 {
            self.http2(stream, peer).await
        } else {
            self.http1(stream, peer).await
        }
    }

    async fn run_tls(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        acceptor: TlsAcceptor,
    ) -> anyhow::Result<()> {
        let stream = tokio::time::timeout(self.header_timeout, acceptor.accept(stream)).await??;
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            self.http2(stream, peer).await
        } else {
            self.http1(stream, peer).await
        }
    }

    async fn http1<I>(&self, io: I, peer: SocketAddr) -> anyhow::Result<()>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .half_close(false)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(io), service(self.front.clone(), peer));
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return Ok(ended?),
            () = self.drain.begun() => connection.as_mut().graceful_shutdown(),
        }
        Ok(connection.await?)
    }

    async fn http2<I>(&self, io: I, peer: SocketAddr) -> anyhow::Result<()>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_HTTP2_STREAMS)
            .max_header_list_size(MAX_HEAD_BYTES as u32)
            .keep_alive_interval(HTTP2_PING_INTERVAL)
            .keep_alive_timeout(HTTP2_PING_TIMEOUT)
            .serve_connection(TokioIo::new(io), service(self.front.clone(), peer));
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return Ok(ended?),
            () = self.drain.begun() => connection.as_mut().graceful_shutdown(),
        }
        Ok(connection.await?)
    }
}

/// Whether a new connection opens with HTTP/2's preface, `PRI * HTTP/2.0`. No HTTP/1 method begins
/// like it.
async fn speaks_http2(stream: &TcpStream) -> std::io::Result<bool> {
    const PREFACE: &[u8] = b"PRI";
    let mut seen = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut seen).await?;
        let matches = seen[..length] == PREFACE[..length];
        if length == 0 || !matches || length == PREFACE.len() {
            return Ok(length > 0 && matches);
        }
        tokio::time::sleep(SNIFF_PAUSE).await;
    }
}

/// `front` as hyper wants it, for one connection.
fn service(
    front: Arc<Front>,
    peer: SocketAddr,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = axum::response::Response,
    Error = Infallible,
    Future: Send + 'static,
> {
    service_fn(move |request: Request<Incoming>| {
        let front = front.clone();
        async move { Ok(front.answer(request.map(Body::new), peer.ip()).await) }
    })
}

#[cfg(test)]
#[path = "connection_test.rs"]
mod tests;
