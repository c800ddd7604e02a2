//! Logging in by an identity provider. Specification: client-server API, "SSO client
//! login/authentication".
//!
//! Somebody's browser comes with the address of their client (`redirect.rs`), goes to the provider,
//! and comes back (`callback.rs`): only to the browser that began (a cookie), once, and within some
//! minutes. Then it goes on to the client with a login token; people confirm that it is theirs, where
//! the operator does not know it (`client_url.rs`).

mod callback;
mod client_url;
mod desk;
mod redirect;
pub mod routes;

pub use desk::Desk;
