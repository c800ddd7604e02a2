//! The index: a reader of the log that keeps the words of messages, names and topics of rooms.
//!
//! Laws:
//! - nothing here is done while an event is written: what is new can be found a moment later;
//! - words and cursor commit together, and what is written follows from the tables as they stand
//!   then, so edits and redactions count in whatever order they came; only messages of this server's
//!   clients, which nothing can have come before, are taken as they were written, without being
//!   read again (`fresh.rs`);
//! - a batch costs a fixed number of queries.
//!
//! How words are found is in `store/src/search`, what of that somebody may see in
//! `rooms/src/read/search`. Start reading at [`Indexer::run`] (`reader.rs`), then `fresh.rs` and `text.rs`.

mod fresh;
mod reader;
mod text;

pub use self::reader::Indexer;
