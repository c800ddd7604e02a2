//! Ports for the servers of tests.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// Below the range that the system hands out for outgoing connections.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// A port of one server's, until this is dropped. The server may be stopped for a while: another test
/// that took its port meanwhile would speak with the wrong one.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    /// The port of that number for datagrams, which no server of ours uses: whoever has it has the
    /// other one, among all tests of the machine.
    _claim: UdpSocket,
}

impl Port {
    /// One that is nobody's, and on which nobody listens.
    ///
    /// # Panics
    /// When there is none.
    pub(crate) fn take() -> Self {
        let seed = RandomState::new().hash_one(std::process::id());
        let count = RANGE.end - RANGE.start;
        let first =
            u16::try_from(seed % u64::from(count)).expect("a number below the range's size");
        let mut numbers = (0..count).map(|n| RANGE.start + (first + n) % count);
        numbers
            .find_map(Self::claim)
            .expect("a port that nobody has")
    }

    fn claim(number: u16) -> Option<Self> {
        let claim = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        Some(Self {
            number,
            _claim: claim,
        })
    }

    /// Its number.
    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

#[cfg(test)]
#[path = "port_test.rs"]
mod port_test;
