use std::net::IpAddr;

use http::HeaderMap;

use super::client_ip;
use crate::config::IpRange;

fn seen(peer: &str, forwarded: &[&str]) -> IpAddr {
    let trusted = [
        IpRange::parse("10.0.0.0/8").unwrap(),
        IpRange::parse("::1").unwrap(),
    ];
    let mut headers = HeaderMap::new();
    for line in forwarded {
        headers.append("x-forwarded-for", line.parse().unwrap());
    }
    client_ip(&trusted, peer.parse().unwrap(), &headers)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_stranger_cannot_choose_an_address() {
    assert_eq!(seen("192.0.2.9", &["198.51.100.1"]), ip("192.0.2.9"));
}

#[test]
fn a_trusted_proxy_is_believed_up_to_the_first_stranger() {
    assert_eq!(seen("10.1.1.1", &["198.51.100.1"]), ip("198.51.100.1"));
    assert_eq!(
        seen("10.1.1.1", &["203.0.113.5, 198.51.100.1, 10.9.9.9"]),
        ip("198.51.100.1")
    );
    assert_eq!(
        seen("::1", &["203.0.113.5", "198.51.100.1"]),
        ip("198.51.100.1")
    );
    assert_eq!(
        seen("::ffff:10.1.1.1", &["198.51.100.1"]),
        ip("198.51.100.1")
    );
}

#[test]
fn without_a_readable_entry_the_proxy_itself_counts() {
    assert_eq!(seen("10.1.1.1", &[]), ip("10.1.1.1"));
    assert_eq!(seen("10.1.1.1", &["198.51.100.1, unknown"]), ip("10.1.1.1"));
}
