//! What other servers ask of our rooms.
//!
//! Two laws: a server is told only what one of its users may see (`sight.rs`), and every answer
//! is bounded. That the server is who it says, and may speak to us at all, is `federation`'s to
//! find out; whether the room lets it in ([`Acl`]) is asked there, too.
//!
//! Start reading at `template.rs` and `admit.rs` for joins, `history.rs` for events.

mod acl;
mod admit;
mod chain;
mod history;
mod servers;
mod sight;
mod template;

use causeway_store::StoreError;
use ruma::{OwnedEventId, RoomVersionId};

pub use self::acl::Acl;
pub use self::admit::{Admitted, Asked};
pub use self::history::StateIds;
pub use self::template::Template;
use crate::receive::ReceiveError;
use crate::write::{LoadError, WriteError};

/// Events that one answer holds, at most.
pub const MAX_SERVED_EVENTS: usize = 100;

/// Why another server is not given what it asked for.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Nobody of this server is in the room, or there is none (`M_NOT_FOUND`).
    #[error("this server is not in the room")]
    NoSuchRoom,
    /// The event is not here (`M_NOT_FOUND`).
    #[error("the event is not here")]
    NoSuchEvent,
    /// The asking server is not in the room (`M_FORBIDDEN`).
    #[error("your server is not in the room")]
    NotInRoom,
    /// The server does not speak the room's version (`M_INCOMPATIBLE_ROOM_VERSION`).
    #[error("the room has version {0}")]
    IncompatibleVersion(RoomVersionId),
    /// The room's rules forbid it (`M_FORBIDDEN`).
    #[error("{0}")]
    Forbidden(String),
    /// This server cannot tell whether the user may join (`M_UNABLE_TO_AUTHORISE_JOIN`).
    #[error("this server cannot see whether the user may join")]
    UnableToAuthorise,
    /// The user may join, but none of our users can let them in (`M_UNABLE_TO_GRANT_JOIN`).
    #[error("nobody on this server can let the user in")]
    UnableToGrant,
    /// The event is not what was asked for (`M_INVALID_PARAM`).
    #[error("{0}")]
    BadEvent(&'static str),
    /// The event hangs on these, which are not here.
    #[error("{} events are missing", .0.len())]
    Missing(Vec<OwnedEventId>),
    /// The event could not be taken in.
    #[error(transparent)]
    Receive(ReceiveError),
    /// The event could not be built.
    #[error(transparent)]
    Write(WriteError),
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LoadError> for ServeError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::NoSuchRoom => Self::NoSuchRoom,
            LoadError::Store(error) => Self::Store(error),
        }
    }
}

impl From<ReceiveError> for ServeError {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::NoSuchRoom => Self::NoSuchRoom,
            ReceiveError::Store(error) => Self::Store(error),
            error => Self::Receive(error),
        }
    }
}

impl From<WriteError> for ServeError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::NoSuchRoom => Self::NoSuchRoom,
            WriteError::Forbidden(error) => Self::Forbidden(error.reason),
            WriteError::Store(error) => Self::Store(error),
            error => Self::Write(error),
        }
    }
}
