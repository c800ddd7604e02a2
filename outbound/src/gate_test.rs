use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::body::{BodyError, read_at_most, read_beginning};
use crate::range::IpRange;

/// A server on the loopback interface that gives every request the same answer and counts them.
struct Target {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

async fn target(answer: String) -> Target {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let count = requests.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    Target { address, requests }
}

fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

fn moved(to: &str) -> String {
    format!(
        "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
}

/// A gate for which `inside.example` and `mixed.example` are names of this machine.
fn gate(allowed: &[&str]) -> Outbound {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = OutboundSettings {
        policy: AddressPolicy {
            allowed: allowed
                .iter()
                .map(|it| IpRange::parse(it).unwrap())
                .collect(),
            denied: Vec::new(),
        },
        user_agent: "test".to_owned(),
        connect_timeout: Duration::from_secs(2),
        timeout: Duration::from_secs(5),
        max_redirects: 3,
        authorities: Vec::new(),
    };
    let lookup = |name: &str| {
        let addresses: &[&str] = match name {
            "inside.example" => &["127.0.0.1"],
            "mixed.example" => &["10.9.9.9", "169.254.169.254", "127.0.0.1"],
            _ => &[],
        };
        Ok(addresses.iter().map(|it| it.parse().unwrap()).collect())
    };
    Outbound::with_lookup(settings, Arc::new(lookup)).unwrap()
}

async fn get(gate: &Outbound, url: &str) -> Result<String, Option<Refused>> {
    let request = gate
        .request(Method::GET, Url::parse(url).unwrap())
        .map_err(Some)?;
    let response = request.send().await.map_err(|error| refusal(&error))?;
    let body = read_at_most(response, 100).await.map_err(|_| None)?;
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn addresses_in_urls_are_checked_in_every_spelling() {
    let target = target(ok("secret")).await;
    let port = target.address.port();
    for host in [
        "127.0.0.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
    ] {
        let refused = get(&gate(&[]), &format!("http://{host}:{port}/")).await;
        assert_eq!(refused, Err(Some(Refused::Address)), "{host}");
    }
    assert_eq!(target.requests.load(Ordering::SeqCst), 0);
    let url = format!("http://127.0.0.1:{port}/");
    assert_eq!(get(&gate(&["127.0.0.0/8"]), &url).await.unwrap(), "secret");
}

#[tokio::test]
async fn names_are_checked_by_what_they_resolve_to() {
    let target = target(ok("secret")).await;
    let port = target.address.port();
    for name in ["inside.example", "mixed.example", "nowhere.example"] {
        let refused = get(&gate(&[]), &format!("http://{name}:{port}/")).await;
        assert_eq!(refused, Err(Some(Refused::Address)), "{name}");
    }
    assert_eq!(target.requests.load(Ordering::SeqCst), 0);
    let url = format!("http://mixed.example:{port}/");
    let answer = get(&gate(&["127.0.0.0/8"]), &url).await;
    assert_eq!(answer.unwrap(), "secret", "the one allowed address is used");
}

#[tokio::test]
async fn redirects_pass_the_same_check() {
    let inner = target(ok("secret")).await;
    // The outer one stands on an allowed address, the inner one does not.
    let port = inner.address.port();
    for to in [
        format!("http://127.0.0.2:{port}/"),
        format!("http://[::ffff:127.0.0.2]:{port}/"),
        format!("http://elsewhere.example:{port}/"),
    ] {
        let outer = target(moved(&to)).await;
        let url = format!("http://127.0.0.1:{}/", outer.address.port());
        let refused = get(&gate(&["127.0.0.1"]), &url).await;
        assert_eq!(refused, Err(Some(Refused::Address)), "{to}");
        assert_eq!(outer.requests.load(Ordering::SeqCst), 1);
    }
    assert_eq!(inner.requests.load(Ordering::SeqCst), 0);
    let outer = target(moved("file:///etc/passwd")).await;
    let url = format!("http://127.0.0.1:{}/", outer.address.port());
    let answer = get(&gate(&["127.0.0.1"]), &url).await;
    assert_eq!(
        answer.unwrap(),
        "",
        "the redirect itself, not where it leads"
    );
}

#[tokio::test]
async fn redirects_come_to_an_end() {
    let circle = target(moved("/again")).await;
    let url = format!("http://127.0.0.1:{}/", circle.address.port());
    let refused = get(&gate(&["127.0.0.1"]), &url).await;
    assert_eq!(refused, Err(Some(Refused::Redirects)));
    assert_eq!(circle.requests.load(Ordering::SeqCst), 4);
}

#[test]
fn other_schemes_are_not_requested() {
    for url in ["file:///etc/passwd", "ftp://example.org/", "data:,x"] {
        let refused = gate(&[]).request(Method::GET, Url::parse(url).unwrap());
        assert_eq!(refused.err(), Some(Refused::Scheme), "{url}");
    }
}

#[tokio::test]
async fn bodies_have_a_largest_size() {
    let announced = target(ok(&"x".repeat(101))).await;
    let endless = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_owned() + &"x".repeat(101);
    for target in [announced, target(endless).await] {
        let url = format!("http://{}/", target.address);
        let request = gate(&["127.0.0.1"]).request(Method::GET, Url::parse(&url).unwrap());
        let response = request.unwrap().send().await.unwrap();
        let read = read_at_most(response, 100).await;
        assert!(matches!(read, Err(BodyError::TooLarge)));
        let request = gate(&["127.0.0.1"]).request(Method::GET, Url::parse(&url).unwrap());
        let response = request.unwrap().send().await.unwrap();
        assert_eq!(read_beginning(response, 100).await.unwrap().len(), 100);
    }
}
