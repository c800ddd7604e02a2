//! The one page where errors of this server become errors of the server API.
//!
//! Specification: server-server API, "Standard error response" of the client-server API, which
//! holds here too.

use std::borrow::Cow;

use axum::Json;
use axum::response::{IntoResponse, Response};
use causeway_events::KeyError;
use causeway_rooms::actions::AliasError;
use causeway_rooms::read::ReadError;
use causeway_store::StoreError;
use causeway_users::keys::KeyError as UserKeyError;
use causeway_users::profile::ProfileError;
use http::StatusCode;
use serde_json::json;

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
        }))
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
        let (status, errcode, message) = match self {
            Self::Standard(error) => {
                let error = *error;
                (error.status, error.errcode, error.message)
            }
            Self::Internal(cause) => {
                tracing::error!(error = cause, "a server's request failed");
                let message = Cow::Borrowed("Internal server error");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                (status, "M_UNKNOWN", message)
            }
        };
        (
            status,
            Json(json!({ "errcode": errcode, "error": message })),
        )
            .into_response()
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
