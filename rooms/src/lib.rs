//! The kitchen: the write path, and reading of rooms.
//!
//! This is the only crate that appends room events. Laws:
//!
//! - A room that is warm (its [`Head`] is in memory) is written without reading the database.
//! - Correctness comes from the compare-and-set of the head's version in the log's transaction;
//!   the head in memory, and the lock around it, only make that succeed at the first try.
//! - A sender that goes away leaves either all of its events or none.
//!
//! Start reading at [`Rooms::append`] in `write/append.rs`, then `head.rs`, then `actions/`.

pub mod actions;
pub mod delayed;
mod head;
mod heads;
pub mod policy;
pub mod read;
pub mod receipts;
pub mod receive;
mod rooms;
pub mod serve;
mod write;

pub use head::{Head, StateEntry};
pub use rooms::{RoomSettings, Rooms};
pub use write::{Accepted, Append, LoadError, WriteError};
