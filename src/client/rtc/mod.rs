//! Calls of several people (MatrixRTC, MSC4143).

pub mod routes;
mod transports;

pub use transports::transports;
