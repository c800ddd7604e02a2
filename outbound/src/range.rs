//! Ranges of addresses, as operators write them.

use std::net::IpAddr;

/// Addresses with a common beginning, as in `10.0.0.0/8`; a single address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpRange {
    address: IpAddr,
    prefix_bits: u8,
}

impl IpRange {
    /// Reads `address` or `address/bits`; nothing when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = bits.unwrap_or(most);
        (prefix_bits <= most).then_some(Self {
            address,
            prefix_bits,
        })
    }

    /// Whether `peer` is in the range; an IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, peer: IpAddr) -> bool {
        match (self.address, peer.to_canonical()) {
            (IpAddr::V4(range), IpAddr::V4(peer)) => {
                let drop = 32 - u32::from(self.prefix_bits);
                range.to_bits().checked_shr(drop) == peer.to_bits().checked_shr(drop)
            }
            (IpAddr::V6(range), IpAddr::V6(peer)) => {
                let drop = 128 - u32::from(self.prefix_bits);
                range.to_bits().checked_shr(drop) == peer.to_bits().checked_shr(drop)
            }
            _ => false,
        }
    }
}
