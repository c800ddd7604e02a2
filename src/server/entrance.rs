//! What every request passes before its handler: size and rate limits, trusted proxies.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::HeaderMap;
use ruma::UserId;

use super::proxies;
use super::rate_limit::{Action, RateLimits, Subject};
use super::record::RequestRecord;
use crate::client::error::ApiError;
use crate::config::{IpRange, Limits};

/// The limits of one server; a cheap clone.
#[derive(Debug, Clone)]
pub struct Entrance(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    max_body_bytes: usize,
    rate_limits: RateLimits,
    trusted_proxies: Vec<IpRange>,
    opened_at: Instant,
}

impl Entrance {
    /// Limits with full buckets.
    pub fn new(max_body_bytes: usize, limits: Limits, trusted_proxies: Vec<IpRange>) -> Self {
        Self(Arc::new(Inner {
            max_body_bytes,
            rate_limits: RateLimits::new(limits),
            trusted_proxies,
            opened_at: Instant::now(),
        }))
    }

    /// Largest JSON body, in bytes.
    pub fn max_body_bytes(&self) -> usize {
        self.0.max_body_bytes
    }

    /// The address of the client behind a connection from `peer`.
    pub fn client_ip(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        proxies::client_ip(&self.0.trusted_proxies, peer, headers)
    }

    /// Counts the request of `record`, if its endpoint is limited: for who speaks, or, where
    /// nobody is logged in, for the address.
    ///
    /// # Errors
    /// `M_LIMIT_EXCEEDED`.
    pub fn check_request(&self, record: &RequestRecord) -> Result<(), ApiError> {
        let Some(action) = record.limit() else {
            return Ok(());
        };
        let subject = match record.user() {
            Some(user) => Subject::User(user.clone()),
            None => Subject::address(record.client_ip()),
        };
        self.take(action, subject)
    }

    /// Counts an attempt of `action` on the account of `user`, whoever makes it.
    ///
    /// # Errors
    /// `M_LIMIT_EXCEEDED`.
    pub fn check_account(&self, action: Action, user: &UserId) -> Result<(), ApiError> {
        self.take(action, Subject::User(user.to_owned()))
    }

    /// Counts an attempt of `action` with an e-mail address, whoever makes it and whether or not it is
    /// anybody's.
    ///
    /// # Errors
    /// `M_LIMIT_EXCEEDED`.
    pub fn check_mailbox(&self, action: Action, address: &str) -> Result<(), ApiError> {
        self.take(action, Subject::mailbox(address))
    }

    fn take(&self, action: Action, subject: Subject) -> Result<(), ApiError> {
        let now_us = u64::try_from(self.0.opened_at.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.0
            .rate_limits
            .take(action, subject, now_us)
            .map_err(|retry_after| ApiError::LimitExceeded { retry_after })
    }
}
