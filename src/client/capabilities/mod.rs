//! What this server lets its users do.

mod get;

pub use get::get;
