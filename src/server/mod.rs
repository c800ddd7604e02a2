//! The running server: listeners, limits, request records, and the parts wired together.
//!
//! Start reading at [`run`]; [`front`] is what each request passes, [`parts`] what a server is made
//! of, [`router`] what it answers to.

mod bell;
mod captcha;
pub mod connection;
pub mod database;
pub mod drain;
pub mod entrance;
pub mod ephemera;
pub mod front;
mod gate;
pub mod health;
mod letters;
pub mod logging;
pub mod metrics;
pub mod parts;
mod post;
pub mod proxies;
pub mod rate_limit;
pub mod record;
pub mod request_log;
pub mod router;
pub mod routes;
pub mod run;
mod sso;
pub mod state;
pub mod tls;

pub use run::run;
