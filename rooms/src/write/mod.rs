//! From a wish to an event in the log.

mod append;
pub(crate) mod build;
mod error;
pub(crate) mod record;

pub use append::{Accepted, Append};
pub use error::{LoadError, WriteError};
