//! Keys: this server's own, and those of others that it vouches for.

mod query;
mod query_one;
mod server;

pub(crate) use query::query;
pub(crate) use query_one::{query_one, query_one_key};
pub(crate) use server::server;
