//! What users do to rooms, one file per action. All of them are methods of [`Rooms`].

mod aliases;
mod draft;
mod relation;
mod send;
mod state;

pub use aliases::AliasMistake;
pub use send::{Redact, SendError, SendEvent};
pub use state::SetState;
