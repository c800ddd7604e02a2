//! The letter box: signed links between this server and all others.
//!
//! Laws:
//! - Nothing that another server says is believed before its signature is checked, with a key
//!   that was valid at the time.
//! - Whatever comes in or is fetched has a largest size, a longest time and a number.
//! - Only addresses that the operator allows are reached, whatever names say.
//! - Rooms are written by `rooms` alone; when it lacks events, this crate fetches them.
//!
//! Start reading at [`links::Links`] (requests that go out), [`keys::KeyRing`] (whose keys are
//! valid), then `router.rs` (requests that come in).

mod api;
pub mod ask;
mod error;
mod federation;
mod history;
pub mod join;
pub mod keys;
pub mod links;
mod origin;
pub mod outbox;
mod parameters;
mod patience;
mod policy;
mod receive;
pub mod remote_media;
pub mod router;
mod workers;
mod x_matrix;

pub use federation::{Federation, FederationSettings, Neighbours, OpenError};
pub use receive::Ephemera;
pub use x_matrix::{XMatrix, canonical};
