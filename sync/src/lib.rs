//! The windows: what clients see of their rooms, and how they wait for more.
//!
//! One engine stands behind `/sync`. A hub in memory follows the log once and keeps, for the users
//! who are online, what happened lately in their rooms; whoever is up to date is answered from
//! there without a query. Older tokens, and clients that start anew, are answered from one
//! snapshot of the database by a fixed number of queries.
//!
//! Laws:
//! - an answer is the whole truth between two positions of the log, filtered: answers that follow
//!   on each other have no gap and no repeat;
//! - memory answers only what it knows to be complete; otherwise the database does;
//! - a waiting client costs a few hundred bytes and is never polled for;
//! - typing and presence ride along and may be lost without harm.
//!
//! Start reading at [`Sync::sync`] (`engine.rs`), then `hub/` for what is in memory, `delta.rs`
//! for answers from there, `read/` for answers from the database, `write.rs` for their form.

mod answer;
mod beside;
mod bundle;
mod counting;
mod delta;
mod engine;
mod event;
mod fields;
mod filter;
mod fleeting;
mod follow;
mod hub;
mod keys;
mod limits;
mod parked;
mod presence;
mod read;
mod token;
mod unread;
mod watch;
mod write;

pub use self::beside::Beside;
pub use self::engine::{StateAt, Sync, SyncError, SyncRequest};
pub use self::filter::Filter;
pub use self::fleeting::Fleeting;
pub use self::presence::{Presence, State};
pub use self::read::devices::DeviceLists;
pub use self::token::{InvalidToken, Token};
pub use self::watch::{RoomNews, RoomWatch, Watcher};
