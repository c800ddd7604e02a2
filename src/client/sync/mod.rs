//! What is new.

mod get;

pub use get::get;
