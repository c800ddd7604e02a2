//! Errors of delayed events (MSC4140).

use std::time::Duration;

use causeway_rooms::actions::SendError;
use causeway_rooms::delayed::{DelayedError, MAX_DELAY_MS};
use http::StatusCode;
use serde_json::json;

use super::ApiError;

impl From<DelayedError> for ApiError {
    fn from(error: DelayedError) -> Self {
        let message = error.to_string();
        match error {
            DelayedError::NotFound => Self::not_found(message),
            DelayedError::Conflict => Self::new(StatusCode::CONFLICT, "M_UNKNOWN", message),
            // The further fields are those of an earlier form of the proposal.
            DelayedError::TooLong => Self::forbidden(message)
                .with("org.matrix.msc4140.errcode", "M_MAX_DELAY_EXCEEDED")
                .with("org.matrix.msc4140.max_delay", MAX_DELAY_MS),
            DelayedError::NoDelay => Self::invalid_param(message),
            DelayedError::NotAnObject => Self::bad_json(message),
            DelayedError::TooLarge => Self::too_large(message),
            DelayedError::TooMany { wait_ms } => Self::LimitExceeded {
                retry_after: Duration::from_millis(wait_ms),
            },
            DelayedError::Send(error) => error.into(),
            DelayedError::Store(error) => error.into(),
        }
    }
}

/// Why a delayed event was not sent, as its user may read it; `None` where this server failed, which
/// may pass.
pub fn told(error: SendError) -> Option<String> {
    match ApiError::from(error) {
        ApiError::Standard(error) if error.status.is_client_error() => {
            Some(json!({"errcode": error.errcode, "error": error.message}).to_string())
        }
        error => {
            tracing::warn!(?error, "a delayed event was not sent; it is tried again");
            None
        }
    }
}

/// What is told of an event whose user may not send anything when its time has come.
pub fn silenced() -> String {
    json!({"errcode": "M_FORBIDDEN", "error": "The account may not send events"}).to_string()
}
