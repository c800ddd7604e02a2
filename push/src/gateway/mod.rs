//! Push gateways. Specification: push gateway API.
//!
//! What is to be told stands in the database ([`causeway_store::push`]) until a gateway has taken it,
//! so it outlives a restart. Each pusher is told one thing after another; different pushers do not
//! wait for each other, and a gateway that does not answer holds few of the places.
//!
//! A notification goes out once. Only if this process is killed between the gateway's answer and the
//! note of it, it goes out again, with the same `event_id`, by which gateways know it.

mod deliver;
mod notice;
mod round;

use std::sync::Arc;

use causeway_outbound::Outbound;
use causeway_store::{Clock, Store};
use tokio::sync::Notify;

pub(crate) use self::round::run;

/// What deliveries need.
#[derive(Debug, Clone)]
pub(crate) struct Courier {
    pub store: Store,
    pub clock: Clock,
    pub outbound: Outbound,
    /// Rung when something was queued.
    pub bell: Arc<Notify>,
}
