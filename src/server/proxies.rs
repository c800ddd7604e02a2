//! Which address a client really has.

use std::net::IpAddr;

use http::HeaderMap;

use crate::config::IpRange;

/// Most entries of `X-Forwarded-For` that are looked at, from the right.
const MAX_FORWARDED: usize = 16;

/// The client's address: `peer`, unless that is one of the `trusted` proxies; then the nearest
/// address in `X-Forwarded-For` that is not one.
pub fn client_ip(trusted: &[IpRange], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let trusts = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
    let mut client = peer.to_canonical();
    if !trusts(client) {
        return client;
    }
    let lines = headers.get_all("x-forwarded-for");
    let forwarded: Vec<&str> = lines
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for entry in forwarded.iter().rev().take(MAX_FORWARDED) {
        let Ok(address) = entry.trim().parse::<IpAddr>() else {
            break;
        };
        client = address.to_canonical();
        if !trusts(client) {
            break;
        }
    }
    client
}

#[cfg(test)]
#[path = "proxies_test.rs"]
mod tests;
