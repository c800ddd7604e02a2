//! The client API: one file per endpoint, `<chapter>/<verb>.rs`, and all routes in [`router`].
//!
//! Start reading at [`router`]; [`extract`] is what handlers take, [`error`] what they fail with,
//! [`answer`] what they give.

pub mod answer;
pub mod body;
pub mod capabilities;
pub mod error;
pub mod extract;
pub mod message;
pub mod receipt;
pub mod router;
pub mod versions;
pub mod well_known;
