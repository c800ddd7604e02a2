//! Large files pass through without staying in memory, broken-off ones leave nothing.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use causeway_testkit::{ServerOptions, TestClient, TestServer};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

const CHUNK: usize = 1 << 20;
const CHUNKS: usize = 50;

/// Memory that a file of 50 MiB may add to the server at most, in KiB.
const MAX_GROWTH_KIB: u64 = 20 * 1024;

/// The most memory that the server had so far, in KiB.
fn peak_kib(server: &TestServer) -> u64 {
    let id = server.process_id().expect("a running server");
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("its status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|kib| kib.parse().ok()).expect("a number")
}

fn chunk(number: usize) -> Vec<u8> {
    (0..CHUNK)
        .map(|at| ((at * 31) ^ (at >> 8) ^ number) as u8)
        .collect()
}

async fn begin(server: &TestServer, who: &TestClient, head: &str) -> BufReader<TcpStream> {
    let address = server.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.expect("a connection");
    let token = who.access_token();
    let head = format!("{head}host: {address}\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("writing");
    BufReader::new(stream)
}

/// Reads the head of an answer: its first line, and the length of its body.
async fn head(stream: &mut BufReader<TcpStream>) -> (String, usize) {
    let (mut first, mut length) = (String::new(), 0);
    stream.read_line(&mut first).await.expect("a status");
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.expect("a header");
        if line == "\r\n" {
            return (first, length);
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
}

#[tokio::test]
async fn fifty_mebibytes_pass_through_little_memory() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let before = peak_kib(&server);
    let request = format!(
        "POST /_matrix/media/v3/upload HTTP/1.1\r\ncontent-length: {}\r\n",
        CHUNK * CHUNKS
    );
    let mut stream = begin(&server, &alice, &request).await;
    let mut sent = Sha256::new();
    for number in 0..CHUNKS {
        let chunk = chunk(number);
        sent.update(&chunk);
        stream.write_all(&chunk).await.expect("writing");
    }
    let (status, length) = head(&mut stream).await;
    assert!(status.contains(" 200 "), "{status}");
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.expect("an answer");
    let answer: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    let uri = answer["content_uri"].as_str().expect("an address");
    let place = uri.trim_start_matches("mxc://");
    let request = format!("GET /_matrix/client/v1/media/download/{place} HTTP/1.1\r\n");
    let mut stream = begin(&server, &alice, &request).await;
    let (status, length) = head(&mut stream).await;
    assert!(
        status.contains(" 200 ") && length == CHUNK * CHUNKS,
        "{status}"
    );
    let (mut got, mut buffer) = (Sha256::new(), vec![0; CHUNK]);
    for _ in 0..CHUNKS {
        stream.read_exact(&mut buffer).await.expect("the file");
        got.update(&buffer);
    }
    assert_eq!(got.finalize(), sent.finalize());
    let grown = peak_kib(&server) - before;
    assert!(grown < MAX_GROWTH_KIB, "the server grew by {grown} KiB");
}

fn files(server: &TestServer, folder: &str) -> usize {
    let mut folders: Vec<PathBuf> = vec![server.data_dir().join("media").join(folder)];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                count += 1;
            }
        }
    }
    count
}

async fn until(what: &str, fits: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !fits() {
        assert!(Instant::now() < deadline, "never saw {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn who_goes_away_in_the_middle_leaves_nothing() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    for how in [
        "content-length: 10000000\r\n",
        "transfer-encoding: chunked\r\n",
    ] {
        let request = format!("POST /_matrix/media/v3/upload HTTP/1.1\r\n{how}");
        let mut stream = begin(&server, &alice, &request).await;
        let start: &[u8] = if how.starts_with("content") {
            &[7; 700_000]
        } else {
            b"5\r\nhello\r\n"
        };
        stream.write_all(start).await.expect("writing");
        until("the upload", || files(&server, "incoming") == 1).await;
        drop(stream);
        until("its end", || files(&server, "incoming") == 0).await;
    }
    assert_eq!(files(&server, "content"), 0);
}

#[tokio::test]
async fn a_quota_is_told_with_a_page_to_read() {
    let options = ServerOptions::default()
        .set("media.user_quota_bytes", "1000")
        .text("media.quota_info_url", "https://example.org/quota");
    let server = TestServer::start_with(options).await;
    let alice = server.user("alice").await;
    let place = "/_matrix/media/v3/upload";
    let upload = |bytes: usize| {
        let body = vec![b'x'; bytes];
        alice
            .call(http::Method::POST, place)
            .raw("text/plain", body)
    };
    upload(600).await;
    let refused = upload(401).fails(403, "M_USER_LIMIT_EXCEEDED").await;
    assert_eq!(refused["info_uri"], "https://example.org/quota");
    upload(400).await;
    // Without an announced length the end tells.
    let request = format!("POST {place} HTTP/1.1\r\ntransfer-encoding: chunked\r\n");
    let mut stream = begin(&server, &alice, &request).await;
    stream
        .write_all(b"1\r\nx\r\n0\r\n\r\n")
        .await
        .expect("writing");
    let (status, _) = head(&mut stream).await;
    assert!(status.contains(" 403 "), "{status}");
}
