//! Token buckets per action, and per user or address.
//!
//! A bucket is one integer, the time at which it will be full again; filling it is arithmetic, not
//! a task. The table is bounded: what is not used is forgotten, and a forgotten bucket is a full
//! one.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quick_cache::sync::Cache;
use ruma::OwnedUserId;

use crate::config::{Limits, RateLimit};

/// Most buckets that are kept; one takes about 150 bytes.
pub const MAX_BUCKETS: usize = 200_000;

/// How much of an e-mail address is looked at.
const MAX_MAILBOX_CHARS: usize = 256;

const US_PER_MINUTE: u64 = 60_000_000;

/// What is limited. Each has its own setting below `[limits]`, and its own buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Logging in.
    Login,
    /// Making an account.
    Register,
    /// Sending an event: message, state, redaction.
    Send,
    /// Creating a room.
    CreateRoom,
    /// Joining a room, or knocking on it.
    Join,
    /// Inviting somebody.
    Invite,
    /// Uploading a file.
    Upload,
    /// Searching users or published rooms.
    Search,
    /// Having a letter sent to an e-mail address.
    Mail,
    /// Confirming an e-mail address, changing a password.
    Confirm,
    /// Having a link looked at.
    Preview,
}

impl Action {
    fn rate(self, limits: &Limits) -> RateLimit {
        match self {
            Self::Login => limits.login,
            Self::Register => limits.registration,
            Self::Send => limits.send,
            Self::CreateRoom => limits.create_room,
            Self::Join => limits.join,
            Self::Invite => limits.invite,
            Self::Upload => limits.upload,
            Self::Search => limits.search,
            Self::Preview => limits.preview,
            Self::Mail => limits.mail,
            Self::Confirm => limits.confirm,
        }
    }
}

/// Whose bucket it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A user: who speaks, or the account that somebody tries to log in to.
    User(OwnedUserId),
    /// An IPv4 address, or the /64 network of an IPv6 address.
    Address(IpAddr),
    /// An e-mail address, as [`Subject::mailbox`] writes it.
    Mailbox(String),
}

impl Subject {
    /// An e-mail address in small letters. What is too long to be one counts by its beginning, so that
    /// buckets stay small.
    pub fn mailbox(address: &str) -> Self {
        let start = address.trim().chars().take(MAX_MAILBOX_CHARS);
        Self::Mailbox(start.flat_map(char::to_lowercase).collect())
    }

    /// The subscriber behind an address.
    pub fn address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
            v4 => v4,
        })
    }
}

/// The buckets of one server.
#[derive(Debug)]
pub struct RateLimits {
    limits: Limits,
    buckets: Cache<(Action, Subject), Arc<Bucket>>,
}

impl RateLimits {
    /// Full buckets for everybody.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            buckets: Cache::new(MAX_BUCKETS),
        }
    }

    /// Takes one from the bucket of `subject`; `now_us` is any clock in microseconds that never
    /// goes back.
    ///
    /// # Errors
    /// How long to wait, where the bucket is empty.
    pub fn take(&self, action: Action, subject: Subject, now_us: u64) -> Result<(), Duration> {
        if !self.limits.enabled {
            return Ok(());
        }
        let key = (action, subject);
        let bucket = match self.buckets.get(&key) {
            Some(bucket) => bucket,
            None => {
                let bucket = Arc::new(Bucket::default());
                self.buckets.insert(key, bucket.clone());
                bucket
            }
        };
        bucket.take(action.rate(&self.limits), now_us)
    }
}

/// One bucket: when it will be full again, in microseconds.
#[derive(Debug, Default)]
struct Bucket(AtomicU64);

impl Bucket {
    fn take(&self, rate: RateLimit, now_us: u64) -> Result<(), Duration> {
        let interval = (US_PER_MINUTE / u64::from(rate.per_minute.max(1))).max(1);
        let most_ahead = interval * u64::from(rate.burst.max(1));
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
                let next = full_at.max(now_us).saturating_add(interval);
                (next - now_us <= most_ahead).then_some(next)
            });
        match taken {
            Ok(_) => Ok(()),
            Err(full_at) => {
                let next = full_at.max(now_us).saturating_add(interval);
                Err(Duration::from_micros(next - now_us - most_ahead))
            }
        }
    }
}

#[cfg(test)]
#[path = "rate_limit_test.rs"]
mod tests;
