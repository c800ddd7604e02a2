//! The bell: what events mean to those who are in their rooms.
//!
//! A reader of the log works out for each event whom it notifies ([push rules](rules)), keeps the
//! counts of what is unread, and queues what goes to push gateways. Nothing here is done while an
//! event is written.
//!
//! Laws:
//! - effect and cursor commit together: an event is counted once, whatever fails;
//! - a batch costs a fixed number of queries, and an event in a room of 10,000 members no row for
//!   each of them: what it means to users with default rules is written once;
//! - what is remembered is bounded in bytes, and follows from the tables.
//!
//! Start reading at [`Push::run`] (`reader.rs`), then `work.rs` (a batch and its effect),
//! `rules.rs`, and `migrations/0020_push.sql` for how counts are kept.

mod gateway;
mod judge;
mod memory;
pub mod notifications;
mod queue;
mod reader;
pub mod rules;
mod work;

pub use self::reader::{Gateways, Push, PushSettings};
