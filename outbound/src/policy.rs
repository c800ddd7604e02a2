//! Which addresses a request may reach.

use std::net::IpAddr;

use crate::address::{carried, is_public};
use crate::range::IpRange;

/// The addresses that requests may reach. The default: those of the public Internet.
#[derive(Debug, Clone, Default)]
pub struct AddressPolicy {
    /// Ranges that may be reached although they are special.
    pub allowed: Vec<IpRange>,
    /// Ranges that are never reached, whatever else is said.
    pub denied: Vec<IpRange>,
}

impl AddressPolicy {
    /// Whether a connection to `address` may be made.
    pub fn allows(&self, address: IpAddr) -> bool {
        let carried = match address {
            IpAddr::V6(v6) => carried(v6).map(IpAddr::V4),
            IpAddr::V4(_) => None,
        };
        let is_in = |ranges: &[IpRange]| {
            ranges.iter().any(|range| {
                range.contains(address) || carried.is_some_and(|inner| range.contains(inner))
            })
        };
        !is_in(&self.denied) && (is_public(address) || is_in(&self.allowed))
    }
}

#[cfg(test)]
#[path = "policy_test.rs"]
mod policy_test;
