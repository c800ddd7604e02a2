//! Errors of reading rooms.

use causeway_rooms::read::{ReadError, SearchError};

use super::ApiError;

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        let message = error.to_string();
        match error {
            // A room that is not here and a room that one is not in look the same.
            ReadError::Forbidden => Self::forbidden("You are not in this room"),
            ReadError::RoomNotFound => {
                Self::not_found("No such room, or none that you may know of")
            }
            ReadError::EventNotFound => Self::not_found("No such event, or none that you may see"),
            ReadError::StateNotFound => Self::not_found("The room has no such state"),
            ReadError::BadToken(_) | ReadError::ChangedParameters => Self::invalid_param(message),
            ReadError::Store(error) => error.into(),
        }
    }
}

impl From<SearchError> for ApiError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::LongTerm(_) => Self::invalid_param(error.to_string()),
            SearchError::TookTooLong => Self::unknown(error.to_string()),
            SearchError::Read(error) => error.into(),
        }
    }
}
