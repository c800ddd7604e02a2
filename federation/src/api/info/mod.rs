//! What this server is.

mod version;

pub(crate) use version::version;
