//! The kitchen's errors.

use causeway_events::BuildError;
use causeway_rooms::policy::PolicyRefusal;
use causeway_rooms::receipts::ReceiptError;
use causeway_rooms::{LoadError, WriteError};
use http::StatusCode;

use super::ApiError;

impl From<LoadError> for ApiError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::NoSuchRoom => no_such_room(),
            LoadError::Store(error) => error.into(),
        }
    }
}

impl From<ReceiptError> for ApiError {
    fn from(error: ReceiptError) -> Self {
        let message = error.to_string();
        match error {
            ReceiptError::NotJoined => Self::forbidden(message),
            ReceiptError::NoSuchEvent => Self::not_found(message),
            ReceiptError::OtherThread | ReceiptError::BadThread => Self::invalid_param(message),
            ReceiptError::Load(error) => error.into(),
            ReceiptError::Append(error) => error.into(),
        }
    }
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::NoSuchRoom => no_such_room(),
            WriteError::NoSuchEvent => Self::not_found("This event is not in the room"),
            WriteError::Forbidden(error) => Self::forbidden(error.reason),
            WriteError::Build(error) => error.into(),
            WriteError::Policy(PolicyRefusal::Refused(message)) => {
                Self::new(StatusCode::BAD_REQUEST, "M_FORBIDDEN", message)
            }
            WriteError::Policy(error) => {
                Self::new(StatusCode::BAD_GATEWAY, "M_UNKNOWN", error.to_string())
            }
            WriteError::Busy => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "M_UNKNOWN",
                "The room is too busy",
            ),
            WriteError::Append(error) => error.into(),
            WriteError::Store(error) => error.into(),
        }
    }
}

impl From<BuildError> for ApiError {
    fn from(error: BuildError) -> Self {
        let message = error.to_string();
        match error {
            BuildError::Content(_) | BuildError::RoomId | BuildError::Number(_) => {
                Self::bad_json(message)
            }
            BuildError::TooLarge(_) | BuildError::FieldTooLong(_) | BuildError::TooMany(_) => {
                Self::too_large(message)
            }
        }
    }
}

/// A room that is not here and a room that one is not in look the same: else anybody could find
/// out which rooms there are.
fn no_such_room() -> ApiError {
    ApiError::forbidden("You are not in this room")
}
