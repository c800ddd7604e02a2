//! The cellar: the only crate that speaks SQL.
//!
//! Laws: every durable change that readers must hear of goes through [`log::Log`]; every query
//! is checked at build time, bounded, and metered ([`meter`]); positions are dense and in commit
//! order. Start reading at [`log`], then [`state`] for how rooms' states share what they have in
//! common, then `migrations/`.

pub mod checkup;
mod clock;
pub mod graph;
mod ids;
pub mod log;
pub mod media;
pub mod meter;
mod nids;
pub mod outbox;
mod pool;
pub mod push;
pub mod rooms;
pub mod search;
pub mod server_keys;
pub mod signing_keys;
pub mod state;
pub mod sync;
pub mod timeline;
pub mod users;

pub use clock::Clock;
pub use ids::{EventNid, KeyNid, Position, RoomNid, RoomPlace, StateRef};
pub use log::{AppendError, Change, Log};
pub use nids::Nids;
pub use pool::{DatabaseSettings, Store, StoreError};

pub mod managed;
