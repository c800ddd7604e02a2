//! Endpoints of the server API, one file each; their paths are on one page, `router.rs`.

pub(crate) mod directory;
pub(crate) mod info;
pub(crate) mod key;
pub(crate) mod media;
pub(crate) mod member;
pub(crate) mod pdus;
pub(crate) mod query;
pub(crate) mod room;
pub(crate) mod third_party;
pub(crate) mod transaction;
pub(crate) mod user;
