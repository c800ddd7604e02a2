//! Filters that a client stores to name them in later requests.

mod create;
mod get;

pub use create::create;
pub use get::get;
