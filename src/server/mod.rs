//! The running server: listeners, limits, request records, and the parts wired together.

pub mod connection;
pub mod drain;
pub mod entrance;
pub mod front;
pub mod health;
pub mod metrics;
pub mod proxies;
pub mod rate_limit;
pub mod record;
pub mod request_log;
pub mod routes;
pub mod state;
pub mod tls;
