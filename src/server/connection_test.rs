use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use http::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::Connections;
use crate::client::body;
use crate::client::error::ApiError;
use crate::config::{Limits, RateLimit};
use crate::server::drain::Drain;
use crate::server::entrance::Entrance;
use crate::server::front::Front;

const HEADER_TIMEOUT: Duration = Duration::from_millis(300);

/// A server with `/quick`, and `/park` which waits for `release`; `parked` counts who waits.
struct Server {
    address: std::net::SocketAddr,
    drain: Drain,
    release: Arc<Notify>,
    parked: Arc<AtomicUsize>,
}

async fn read_body(headers: HeaderMap, body: Body) -> Result<&'static str, ApiError> {
    body::read(&headers, body, 10).await.map(|_| "read")
}

struct Waits(Arc<AtomicUsize>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn server(max_connections: usize) -> Server {
    let release = Arc::new(Notify::new());
    let parked = Arc::new(AtomicUsize::new(0));
    let (park_release, park_parked) = (release.clone(), parked.clone());
    let park = move || async move {
        park_parked.fetch_add(1, Ordering::SeqCst);
        let _waits = Waits(park_parked);
        park_release.notified().await;
        "released"
    };
    let router = Router::new()
        .route("/quick", get(|| async { "quick" }))
        .route("/park", get(park))
        .route("/body", post(read_body));
    let rate = RateLimit {
        per_minute: 1,
        burst: 1,
    };
    let limits = Limits {
        enabled: false,
        ..Limits::all(rate)
    };
    let front = Arc::new(Front::new(router, Entrance::new(1024, limits, Vec::new())));
    let drain = Drain::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Connections::new(front, max_connections, HEADER_TIMEOUT, drain.clone());
    drain.spawn(connections.serve(listener, None));
    Server {
        address,
        drain,
        release,
        parked,
    }
}

impl Server {
    async fn open(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    async fn until_parked(&self, count: usize) {
        let reached = async {
            while self.parked.load(Ordering::SeqCst) != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), reached)
            .await
            .unwrap();
    }
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 4096];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut bytes));
    let length = read.await.unwrap().unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_request() {
    let server = server(10).await;
    let stream = server.open("/park").await;
    server.until_parked(1).await;
    drop(stream);
    server.until_parked(0).await;
}

#[tokio::test]
async fn silence_ends_a_connection() {
    let server = server(10).await;
    for beginning in ["", "P", "GET /quick HTTP/1.1\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(3), stream.read_to_end(&mut rest));
        // Whether it ends with an error or orderly is of no matter, but it ends, unanswered.
        let _ = closed
            .await
            .unwrap_or_else(|_| panic!("open after {beginning:?}"));
        assert!(!String::from_utf8_lossy(&rest).contains("quick"));
    }
}

#[tokio::test]
async fn connections_above_the_limit_wait() {
    let server = server(1).await;
    let first = server.open("/park").await;
    server.until_parked(1).await;
    let mut second = server.open("/quick").await;
    let early = tokio::time::timeout(Duration::from_millis(100), second.readable()).await;
    assert!(early.is_err());
    drop(first);
    assert!(answer(&mut second).await.ends_with("quick"));
}

#[tokio::test]
async fn draining_lets_running_requests_finish() {
    let server = server(10).await;
    let mut waiting = server.open("/park").await;
    server.until_parked(1).await;
    let drain = server.drain.clone();
    let finish = tokio::spawn(async move { drain.finish(Duration::from_secs(10)).await });
    server.drain.begun().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(TcpStream::connect(server.address).await.is_err());
    server.release.notify_waiters();
    let answered = answer(&mut waiting).await;
    assert!(answered.ends_with("released"), "{answered}");
    assert_eq!(finish.await.unwrap(), 0);
}

#[tokio::test]
async fn draining_has_an_end() {
    let server = server(10).await;
    let _waiting = server.open("/park").await;
    server.until_parked(1).await;
    assert_eq!(server.drain.finish(Duration::from_millis(100)).await, 1);
    assert_eq!(server.parked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn http2_is_spoken_without_tls() {
    let server = server(10).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("http://x/quick")
        .body(Body::empty())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(
        (response.status(), response.version()),
        (http::StatusCode::OK, http::Version::HTTP_2)
    );
}

#[tokio::test]
async fn who_sends_too_much_gets_an_answer_and_keeps_the_connection() {
    let server = server(10).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let large = "x".repeat(1_000_000);
    let announced = format!(
        "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{large}",
        large.len()
    );
    let unannounced = format!(
        "POST /body HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
        large.len()
    );
    for request in [announced, unannounced] {
        stream.write_all(request.as_bytes()).await.unwrap();
        let answered = answer(&mut stream).await;
        assert!(answered.starts_with("HTTP/1.1 413"), "{answered}");
    }
    let small = "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
    stream.write_all(small.as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.ends_with("read"));
}
