//! The one page where errors of this server become errors of the client API.
//!
//! Every `From` of a domain error stands here (or in a file below `error/` once the page is
//! full), so that "which error becomes which `M_` code" has one place to look.
//! Specification: client-server API, "Standard error response".

mod actions;
pub mod delayed;
mod federation;
mod identity;
mod keys;
mod media;
mod reading;
mod rooms;
mod store;
mod sync;
mod users;

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use causeway_users::uia::Challenge;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

/// What a client is told when its request fails.
///
/// It is an [`IntoResponse`]; handlers return it as the error of their result and use `?`.
#[derive(Debug)]
pub enum ApiError {
    /// A standard error: status, `errcode`, `error` and further fields of the body.
    Standard(Box<StandardError>),
    /// `M_LIMIT_EXCEEDED` (429), with the time after which trying again makes sense, both in the
    /// `Retry-After` header and in `retry_after_ms`.
    LimitExceeded {
        /// How long the client is asked to wait.
        retry_after: Duration,
    },
    /// User-interactive authentication is needed, or its next stage is (401).
    Uiaa(Box<Challenge>),
    /// This server failed. The cause is logged once, when the answer is made, and never sent: the
    /// client sees `M_UNKNOWN` (500).
    Internal(anyhow::Error),
}

/// The parts of a standard error.
#[derive(Debug)]
pub struct StandardError {
    /// Status of the answer.
    pub status: StatusCode,
    /// The `errcode` field, `M_...`.
    pub errcode: Cow<'static, str>,
    /// The `error` field, for people.
    pub message: Cow<'static, str>,
    /// Further fields of the body, such as `soft_logout` or `room_version`.
    pub extra: Map<String, Value>,
}

impl ApiError {
    /// An error with any status, code and message.
    pub fn new(
        status: StatusCode,
        errcode: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Standard(Box::new(StandardError {
            status,
            errcode: errcode.into(),
            message: message.into(),
            extra: Map::new(),
        }))
    }

    /// `M_FORBIDDEN` (403).
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "M_FORBIDDEN", message)
    }

    /// `M_NOT_FOUND` (404).
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "M_NOT_FOUND", message)
    }

    /// `M_BAD_JSON` (400): the body is JSON, but not what this endpoint takes.
    pub fn bad_json(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "M_BAD_JSON", message)
    }

    /// `M_NOT_JSON` (400): the body is not JSON.
    pub fn not_json(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "M_NOT_JSON", message)
    }

    /// `M_INVALID_PARAM` (400).
    pub fn invalid_param(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "M_INVALID_PARAM", message)
    }

    /// `M_MISSING_PARAM` (400).
    pub fn missing_param(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "M_MISSING_PARAM", message)
    }

    /// `M_UNKNOWN` (400): a request that cannot be served, for a reason without a code.
    pub fn unknown(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "M_UNKNOWN", message)
    }

    /// `M_TOO_LARGE` (413).
    pub fn too_large(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "M_TOO_LARGE", message)
    }

    /// `M_UNRECOGNIZED` for a path that is not served (404).
    pub fn unrecognized_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "M_UNRECOGNIZED", "No such endpoint")
    }

    /// `M_UNRECOGNIZED` for a path that is served with other methods only (405).
    pub fn unrecognized_method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "M_UNRECOGNIZED",
            "This endpoint does not take this method",
        )
    }

    /// `M_MISSING_TOKEN` (401).
    pub fn missing_token() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "M_MISSING_TOKEN",
            "Missing access token",
        )
    }

    /// `M_UNKNOWN_TOKEN` (401). With `soft_logout` the client may keep its device and log in
    /// again; without, the session has ended.
    pub fn unknown_token(soft_logout: bool) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "M_UNKNOWN_TOKEN",
            if soft_logout {
                "Access token has expired"
            } else {
                "Unknown access token"
            },
        )
        .with("soft_logout", soft_logout)
    }

    /// `M_USER_LOCKED` (401): the account cannot be used; its sessions are kept.
    pub fn user_locked() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "M_USER_LOCKED",
            "This account has been locked",
        )
        .with("soft_logout", true)
    }

    /// `M_USER_SUSPENDED` (403): the account may read, but not do this.
    pub fn user_suspended() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "M_USER_SUSPENDED",
            "You cannot perform this action while suspended",
        )
    }

    /// `M_GUEST_ACCESS_FORBIDDEN` (403).
    pub fn guest_forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "M_GUEST_ACCESS_FORBIDDEN",
            "Guests cannot use this endpoint",
        )
    }

    /// This server's own failure; `cause` goes to the log only.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::Internal(cause.into())
    }

    /// Adds a field to the body of a standard error; other errors have fixed bodies and stay as
    /// they are.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        if let Self::Standard(error) = &mut self {
            error.extra.insert(field.to_owned(), value.into());
        }
        self
    }

    /// Status of the answer that this error becomes.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Standard(error) => error.status,
            Self::LimitExceeded { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Uiaa(_) => StatusCode::UNAUTHORIZED,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        match self {
            Self::Standard(error) => {
                let mut body = error.extra;
                body.insert("errcode".to_owned(), error.errcode.into());
                body.insert("error".to_owned(), error.message.into());
                json_response(status, &body)
            }
            Self::LimitExceeded { retry_after } => limit_exceeded(status, retry_after),
            Self::Uiaa(info) => json_response(status, &*info),
            Self::Internal(cause) => {
                tracing::error!(error = format!("{cause:#}"), "request failed");
                let body = serde_json::json!({
                    "errcode": "M_UNKNOWN",
                    "error": "Internal server error",
                });
                json_response(status, &body)
            }
        }
    }
}

fn limit_exceeded(status: StatusCode, retry_after: Duration) -> Response {
    let retry_after_ms = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
    let mut response = json_response(
        status,
        &serde_json::json!({
            "errcode": "M_LIMIT_EXCEEDED",
            "error": "Too many requests",
            "retry_after_ms": retry_after_ms,
        }),
    );
    // The header counts whole seconds: rounded up, so that who obeys it is not refused again.
    let seconds = retry_after_ms.div_ceil(1000);
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn json_response(status: StatusCode, body: &impl serde::Serialize) -> Response {
    let bytes = match serde_json::to_vec(body) {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!(%error, "an error body could not be written as JSON");
            br#"{"errcode":"M_UNKNOWN","error":"Internal server error"}"#.to_vec()
        }
    };
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, headers, Body::from(bytes)).into_response()
}
