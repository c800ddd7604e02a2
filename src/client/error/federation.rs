//! Errors of speaking with other servers.

use std::time::Duration;

use causeway_federation::ask::AskError;
use causeway_federation::join::JoinError;
use causeway_federation::links::Refusal;
use causeway_federation::remote_media::FetchError;
use causeway_rooms::receive::ReceiveError;
use http::StatusCode;

use serde_json::Map;

use super::{ApiError, StandardError};

impl From<AskError> for ApiError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::NotFound => Self::not_found("The other server does not know it"),
            AskError::Forbidden(why) => Self::forbidden(why),
            error @ AskError::Link(_) => {
                Self::new(StatusCode::BAD_GATEWAY, "M_UNKNOWN", error.to_string())
            }
        }
    }
}

/// What servers of users say who do not take an invite: by its name in the specification, and in MSC4155.
const INVITE_BLOCKED: [&str; 2] = ["M_INVITE_BLOCKED", "ORG.MATRIX.MSC4155.M_INVITE_BLOCKED"];

/// When files may be asked for again while many are being fetched.
const FETCHES_END_AFTER: Duration = Duration::from_secs(2);

impl From<FetchError> for ApiError {
    fn from(error: FetchError) -> Self {
        let message = error.to_string();
        match error {
            FetchError::NotFound => Self::not_found(message),
            FetchError::NotYet => {
                Self::new(StatusCode::GATEWAY_TIMEOUT, "M_NOT_YET_UPLOADED", message)
            }
            FetchError::TooLarge => Self::too_large(message),
            FetchError::Busy => Self::LimitExceeded {
                retry_after: FETCHES_END_AFTER,
            },
            FetchError::Unreachable => Self::new(StatusCode::BAD_GATEWAY, "M_UNKNOWN", message),
            FetchError::Internal => Self::internal(error),
        }
    }
}

impl From<JoinError> for ApiError {
    fn from(error: JoinError) -> Self {
        let message = error.to_string();
        let bad_gateway = || Self::new(StatusCode::BAD_GATEWAY, "M_UNKNOWN", message.clone());
        match error {
            JoinError::NoServer => Self::not_found("This server does not know the room"),
            // What clients understand is passed on; anything else is between servers.
            JoinError::Refused(refusal) if refusal.status.is_client_error() => {
                match refusal.status {
                    StatusCode::FORBIDDEN if INVITE_BLOCKED.contains(&&*refusal.errcode) => {
                        Self::new(StatusCode::FORBIDDEN, refusal.errcode, message)
                    }
                    StatusCode::FORBIDDEN => Self::forbidden(message),
                    StatusCode::NOT_FOUND => Self::not_found(message),
                    StatusCode::BAD_REQUEST if is_about_the_room(&refusal.errcode) => {
                        refused(refusal)
                    }
                    _ => bad_gateway(),
                }
            }
            JoinError::Refused(_) | JoinError::Unreachable(_) | JoinError::Wrong(_) => {
                bad_gateway()
            }
            JoinError::NoEvent(_) => Self::bad_json(message),
            JoinError::Receive(ReceiveError::NotAMembership) => {
                Self::forbidden("You are neither invited to the room nor knocking on it")
            }
            JoinError::Membership(error) => (*error).into(),
            JoinError::Receive(error) => Self::internal(error),
            JoinError::Write(error) => error.into(),
            JoinError::Store(error) => error.into(),
        }
    }
}

/// Codes by which a client learns of its own standing with this server. Other servers do not get to
/// say them: `M_UNKNOWN_TOKEN` would log the user out.
const OF_THE_SESSION: [&str; 8] = [
    "M_UNKNOWN_TOKEN",
    "M_MISSING_TOKEN",
    "M_UNAUTHORIZED",
    "M_USER_DEACTIVATED",
    "M_USER_LOCKED",
    "M_USER_SUSPENDED",
    "M_CONSENT_NOT_GIVEN",
    "M_UNRECOGNIZED",
];

fn is_about_the_room(errcode: &str) -> bool {
    errcode.starts_with("M_") && !OF_THE_SESSION.contains(&errcode)
}

/// What another server answered with, with its fields.
fn refused(refusal: Refusal) -> ApiError {
    let mut extra = Map::new();
    if let Some(version) = refusal.room_version {
        extra.insert("room_version".to_owned(), version.into());
    }
    ApiError::Standard(Box::new(StandardError {
        status: StatusCode::BAD_REQUEST,
        errcode: refusal.errcode.into(),
        message: refusal.message.into(),
        extra,
    }))
}
