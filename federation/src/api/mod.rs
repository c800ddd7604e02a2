//! Endpoints of the server API, one file each; their paths are on one page, `router.rs`.

pub(crate) mod directory;
pub(crate) mod info;
pub(crate) mod key;
pub(crate) mod query;
pub(crate) mod user;
