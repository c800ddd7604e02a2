//! The running server: listeners, limits, request records, and the parts wired together.

pub mod entrance;
pub mod proxies;
pub mod rate_limit;
pub mod record;
pub mod routes;
pub mod state;
