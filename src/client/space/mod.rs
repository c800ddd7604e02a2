//! Spaces and summaries of rooms.

mod hierarchy;
mod summary;

pub use hierarchy::hierarchy;
pub use summary::summary;
