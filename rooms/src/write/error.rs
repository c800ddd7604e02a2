//! Why a write did not happen.

use causeway_events::BuildError;
use causeway_events::auth::AuthError;
use causeway_store::{AppendError, StoreError};

use crate::policy::PolicyRefusal;

/// Why a room could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// This server does not know the room.
    #[error("this server does not know the room")]
    NoSuchRoom,
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why events were not written. None of them was, then.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// This server does not know the room.
    #[error("this server does not know the room")]
    NoSuchRoom,
    /// The event that is to be redacted is not in the room.
    #[error("the event is not in the room")]
    NoSuchEvent,
    /// The room's rules do not allow it.
    #[error(transparent)]
    Forbidden(#[from] AuthError),
    /// It cannot be an event.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The room's policy server has not signed it.
    #[error(transparent)]
    Policy(#[from] PolicyRefusal),
    /// The room changed under every attempt.
    #[error("the room is too busy")]
    Busy,
    /// The log did not take it.
    #[error(transparent)]
    Append(AppendError),
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LoadError> for WriteError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::NoSuchRoom => Self::NoSuchRoom,
            LoadError::Store(error) => Self::Store(error),
        }
    }
}
