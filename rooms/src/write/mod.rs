//! From a wish to an event in the log.

mod append;
mod build;
mod error;
mod record;

pub use append::{Accepted, Append};
pub use error::{LoadError, WriteError};
