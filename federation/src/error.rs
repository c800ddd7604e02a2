//! The one page where errors of this server become errors of the server API.
//!
//! Specification: server-server API, "Standard error response" of the client-server API, which
//! holds here too.

use std::borrow::Cow;

use axum::Json;
use axum::response::{IntoResponse, Response};
use causeway_events::{FormatError, KeyError};
use causeway_media::{MediaError, Unfit};
use causeway_rooms::actions::{AliasError, MembershipError};
use causeway_rooms::read::ReadError;
use causeway_rooms::receive::ReceiveError;
use causeway_rooms::serve::ServeError;
use causeway_rooms::{LoadError, WriteError};
use causeway_store::StoreError;
use causeway_users::keys::KeyError as UserKeyError;
use causeway_users::profile::ProfileError;
use http::StatusCode;
use ruma::RoomVersionId;
use serde_json::json;

use crate::join::JoinError;
use crate::keys::BadEvent;

/// What another server is told when its request fails.
#[derive(Debug)]
pub enum ApiError {
    /// A standard error.
    Standard(Box<StandardError>),
    /// This server failed. The cause is logged once, when the answer is made, and never sent.
    Internal(String),
}

/// The parts of a standard error.
#[derive(Debug)]
pub struct StandardError {
    /// Status of the answer.
    pub status: StatusCode,
    /// `M_...`.
    pub errcode: &'static str,
    /// For people.
    pub message: Cow<'static, str>,
    /// The room's version, where that is the matter.
    pub room_version: Option<RoomVersionId>,
}

impl ApiError {
    /// An error with any status, code and message.
    pub fn new(
        status: StatusCode,
        errcode: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Standard(Box::new(StandardError {
            status,
            errcode,
            message: message.into(),
            room_version: None,
        }))
    }

    /// `M_INCOMPATIBLE_ROOM_VERSION` (400).
    pub fn incompatible_version(version: &RoomVersionId) -> Self {
        Self::Standard(Box::new(StandardError {
            status: StatusCode::BAD_REQUEST,
            errcode: "M_INCOMPATIBLE_ROOM_VERSION",
            message: "The room has a version that is not spoken on both sides".into(),
            room_version: Some(version.clone()),
        }))
    }

    /// `M_LIMIT_EXCEEDED` (429).
    pub fn busy() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "M_LIMIT_EXCEEDED",
            "Too many requests of your server at a time",
        )
    }

    /// The speaker is not proved: `M_UNAUTHORIZED` (401).
    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "M_UNAUTHORIZED", message)
    }

    /// `M_FORBIDDEN` (403).
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "M_FORBIDDEN", message)
    }

    /// `M_NOT_FOUND` (404).
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "M_NOT_FOUND", message)
    }

    /// `M_NOT_JSON` (400).
    pub fn not_json(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "M_NOT_JSON", message)
    }

    /// `M_BAD_JSON` (400).
    pub fn bad_json(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "M_BAD_JSON", message)
    }

    /// `M_INVALID_PARAM` (400).
    pub fn invalid_param(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "M_INVALID_PARAM", message)
    }

    /// `M_TOO_LARGE` (413).
    pub fn too_large(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "M_TOO_LARGE", message)
    }

    /// This server's own failure.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Internal(cause.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, body) = match self {
            Self::Standard(error) => {
                let mut body = json!({ "errcode": error.errcode, "error": error.message });
                if let Some(version) = error.room_version {
                    body["room_version"] = json!(version);
                }
                (error.status, body)
            }
            Self::Internal(cause) => {
                tracing::error!(error = cause, "a server's request failed");
                let body = json!({ "errcode": "M_UNKNOWN", "error": "Internal server error" });
                (StatusCode::INTERNAL_SERVER_ERROR, body)
            }
        };
        (status, Json(body)).into_response()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if error.is_bad_text() {
            return Self::invalid_param("A text holds a character that cannot be kept");
        }
        Self::internal(error)
    }
}

impl From<ProfileError> for ApiError {
    fn from(error: ProfileError) -> Self {
        match error {
            ProfileError::NotFound => Self::not_found("There is no such profile"),
            ProfileError::Store(error) => error.into(),
            error => Self::internal(error),
        }
    }
}

impl From<MembershipError> for ApiError {
    fn from(error: MembershipError) -> Self {
        let message = error.to_string();
        let forbidden = |errcode| Self::new(StatusCode::FORBIDDEN, errcode, message.clone());
        match error {
            MembershipError::InviteBlocked => forbidden("M_INVITE_BLOCKED"),
            MembershipError::InviteFiltered => forbidden("ORG.MATRIX.MSC4155.M_INVITE_BLOCKED"),
            MembershipError::NoSuchRoom => Self::not_found(message),
            MembershipError::NotInRoom
            | MembershipError::BadState(_)
            | MembershipError::GuestsForbidden
            | MembershipError::UnableToAuthorise => Self::forbidden(message),
            MembershipError::Write(error) => error.into(),
            error => Self::internal(error),
        }
    }
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        let message = error.to_string();
        match error {
            WriteError::NoSuchRoom | WriteError::NoSuchEvent => Self::not_found(message),
            WriteError::Forbidden(_) | WriteError::Policy(_) => Self::forbidden(message),
            WriteError::Build(_) => Self::bad_json(message),
            WriteError::Store(error) => error.into(),
            error @ (WriteError::Busy | WriteError::Append(_)) => Self::internal(error),
        }
    }
}

impl From<JoinError> for ApiError {
    fn from(error: JoinError) -> Self {
        let message = error.to_string();
        match error {
            JoinError::Membership(error) => (*error).into(),
            JoinError::NoServer => Self::not_found("This server does not know the room"),
            JoinError::NoEvent(_) => Self::bad_json(message),
            JoinError::Refused(_) | JoinError::Unreachable(_) | JoinError::Wrong(_) => {
                Self::new(StatusCode::BAD_GATEWAY, "M_UNKNOWN", message)
            }
            JoinError::Receive(error) => error.into(),
            JoinError::Write(error) => error.into(),
            JoinError::Store(error) => error.into(),
        }
    }
}

impl From<AliasError> for ApiError {
    fn from(error: AliasError) -> Self {
        match error {
            AliasError::NotFound | AliasError::NoSuchRoom => {
                Self::not_found("There is no room with this alias")
            }
            AliasError::Store(error) => error.into(),
            error => Self::internal(error),
        }
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::BadToken(_) | ReadError::ChangedParameters => {
                Self::invalid_param(error.to_string())
            }
            ReadError::Forbidden => Self::forbidden("Your server may not look into the room"),
            ReadError::RoomNotFound => Self::not_found("The room is not known"),
            ReadError::EventNotFound | ReadError::StateNotFound => {
                Self::not_found("There is no such event")
            }
            ReadError::Store(error) => error.into(),
        }
    }
}

impl From<MediaError> for ApiError {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::NotFound => Self::not_found("Media not found"),
            MediaError::NotYetUploaded => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "M_NOT_YET_UPLOADED",
                "The media has not been uploaded yet",
            ),
            MediaError::Unfit(Unfit::NotAPicture) => Self::new(
                StatusCode::BAD_REQUEST,
                "M_UNKNOWN",
                "Cannot generate thumbnails for the requested content",
            ),
            MediaError::Unfit(Unfit::TooLarge) => {
                Self::too_large("Content is too large to thumbnail")
            }
            MediaError::Busy => Self::busy(),
            MediaError::Store(error) => error.into(),
            error => Self::internal(error),
        }
    }
}

impl From<UserKeyError> for ApiError {
    fn from(error: UserKeyError) -> Self {
        match error {
            UserKeyError::TooLarge(what) => Self::too_large(what),
            UserKeyError::BadJson(what) => Self::bad_json(what),
            UserKeyError::Store(error) => error.into(),
            error => Self::internal(error),
        }
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        Self::internal(error)
    }
}

impl From<LoadError> for ApiError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::NoSuchRoom => Self::not_found("This server does not know the room"),
            LoadError::Store(error) => error.into(),
        }
    }
}

impl From<BadEvent> for ApiError {
    fn from(error: BadEvent) -> Self {
        match error {
            // Nobody has proved it.
            BadEvent::Format(error @ FormatError::NoProof(_)) => Self::forbidden(error.to_string()),
            BadEvent::Format(error) => Self::bad_json(error.to_string()),
            BadEvent::Signature { error, .. } => Self::forbidden(error.to_string()),
            BadEvent::Unchecked => Self::internal(error),
        }
    }
}

impl From<ServeError> for ApiError {
    fn from(error: ServeError) -> Self {
        let message = error.to_string();
        let bad_request = |errcode| Self::new(StatusCode::BAD_REQUEST, errcode, message.clone());
        match error {
            ServeError::NoSuchRoom | ServeError::NoSuchEvent => Self::not_found(message),
            ServeError::NotInRoom | ServeError::Forbidden(_) => Self::forbidden(message),
            ServeError::IncompatibleVersion(version) => Self::incompatible_version(&version),
            ServeError::UnableToAuthorise => bad_request("M_UNABLE_TO_AUTHORISE_JOIN"),
            ServeError::UnableToGrant => bad_request("M_UNABLE_TO_GRANT_JOIN"),
            ServeError::BadEvent(_) | ServeError::Missing(_) => Self::invalid_param(message),
            ServeError::Receive(error) => error.into(),
            ServeError::Store(error) => error.into(),
            ServeError::Write(error) => Self::internal(error),
        }
    }
}

impl From<ReceiveError> for ApiError {
    fn from(error: ReceiveError) -> Self {
        let message = error.to_string();
        match error {
            ReceiveError::NoSuchRoom => Self::not_found(message),
            ReceiveError::TooMany => Self::too_large(message),
            ReceiveError::NotAMembership
            | ReceiveError::AlreadyIn
            | ReceiveError::NotWanted
            | ReceiveError::OtherVersion => Self::invalid_param(message),
            ReceiveError::Store(error) => error.into(),
            ReceiveError::Busy | ReceiveError::Append(_) => Self::internal(error),
        }
    }
}
