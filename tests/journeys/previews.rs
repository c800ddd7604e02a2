//! Previews of links, by a server that may reach this machine, and by one that may not.

use std::net::{Ipv4Addr, SocketAddr};

use causeway_testkit::{ServerOptions, TestServer, path, v1};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A site with one page.
async fn site() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let body = "<title>Orchard</title><meta name=description content='All apples'>";
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {length}\r\n\
                 connection: close\r\n\r\n{body}"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

#[tokio::test]
async fn a_link_is_looked_at() {
    let options = ServerOptions::default().set("outbound.allowed_addresses", "[\"127.0.0.1\"]");
    let server = TestServer::start_with(options).await;
    let alice = server.user("alice").await;
    let url = format!("http://{}/", site().await);
    let expected = json!({ "og:title": "Orchard", "og:description": "All apples" });
    for place in [
        v1(&["media", "preview_url"]),
        path("/_matrix/media/v3", &["preview_url"]),
    ] {
        let found = alice.get(&place).query("url", &url).query("ts", 1).await;
        assert_eq!(found, expected);
        let nobody = alice.get(&place).query("url", &url).anonymous();
        nobody.fails(401, "M_MISSING_TOKEN").await;
    }
    let place = v1(&["media", "preview_url"]);
    let other = alice.get(&place).query("url", "ftp://example.org/");
    other.fails(400, "M_INVALID_PARAM").await;
    let none = alice.get(&place).malformed();
    assert_eq!(none.reply().await.status, 400);
    let closed = alice.get(&place).query("url", "http://127.0.0.1:1/");
    // A status that the specification does not name.
    closed.unspecified().fails(502, "M_UNKNOWN").await;
}

#[tokio::test]
async fn nothing_private_is_reached() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let place = v1(&["media", "preview_url"]);
    let port = site().await.port();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"] {
        let url = format!("http://{host}:{port}/");
        alice
            .get(&place)
            .query("url", url)
            .fails(403, "M_FORBIDDEN")
            .await;
    }
}

#[tokio::test]
async fn previews_are_limited_and_can_be_switched_off() {
    let options = ServerOptions::default()
        .set("limits.enabled", "true")
        .set("limits.preview_burst", "2")
        .set("limits.preview_per_minute", "1");
    let server = TestServer::start_with(options).await;
    let alice = server.user("alice").await;
    let place = v1(&["media", "preview_url"]);
    let call = || alice.get(&place).query("url", "http://127.0.0.1/");
    for _ in 0..2 {
        call().fails(403, "M_FORBIDDEN").await;
    }
    call().fails(429, "M_LIMIT_EXCEEDED").await;
    let options = ServerOptions::default().set("previews.enabled", "false");
    let server = TestServer::start_with(options).await;
    let alice = server.user("alice").await;
    let call = alice.get(&place).query("url", "http://example.org/");
    call.fails(404, "M_UNRECOGNIZED").await;
}
