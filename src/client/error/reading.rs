//! Errors of reading rooms.

use causeway_rooms::read::ReadError;

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
            ReadError::BadToken(_) | ReadError::ChangedParameters | ReadError::LongTerm(_) => {
                Self::invalid_param(message)
            }
            ReadError::TookTooLong => Self::unknown(message),
            ReadError::Store(error) => error.into(),
        }
    }
}
