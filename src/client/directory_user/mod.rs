//! The user directory.

mod search;

pub use search::search;
