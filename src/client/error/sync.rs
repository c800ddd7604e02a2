//! Errors of sync, as the client API tells them.

use causeway_sync::SyncError;

use super::ApiError;

impl From<SyncError> for ApiError {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Token(error) => Self::invalid_param(error.to_string()),
            SyncError::SessionEnded => Self::unknown_token(false),
            SyncError::UnknownFilter => Self::invalid_param("There is no such filter"),
            SyncError::NotInRoom => Self::forbidden("You are not in a room with them"),
            SyncError::Store(error) => error.into(),
        }
    }
}
