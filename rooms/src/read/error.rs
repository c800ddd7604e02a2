//! Why a read fails.

use causeway_store::StoreError;

/// Why a read fails.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The user is not in the room, or may not look into it.
    #[error("the user may not look into the room")]
    Forbidden,
    /// This server does not know the room, or does not tell the user about it.
    #[error("the room is not known")]
    RoomNotFound,
    /// There is no such event, or the user may not see it.
    #[error("the event is not there")]
    EventNotFound,
    /// The room has no such state.
    #[error("the room has no such state")]
    StateNotFound,
    /// A token that this server did not give out.
    #[error("the parameter {0} is not a token of this server")]
    BadToken(&'static str),
    /// The token belongs to a request with other parameters.
    #[error("the parameters differ from those of the first request")]
    ChangedParameters,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
