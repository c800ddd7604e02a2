//! Why another server did not answer as it should.

use std::error::Error as _;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::body::BodyError;
use super::connect::ConnectError;

/// Longest time that another server can ask us to wait.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3_600);

/// Longest error code and message of another server that is kept, in bytes.
const MAX_ERROR_BYTES: usize = 512;

/// Why a request to another server has no answer.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The request would go to this server itself.
    #[error("this server does not call itself")]
    Ourselves,
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There was no answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// The connection ended before the answer did.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The answer is larger than the caller takes.
    #[error("the answer is too large")]
    TooLarge,
    /// The answer is not what the specification says.
    #[error("a malformed answer: {0}")]
    Malformed(String),
    /// The other server refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The request cannot be made: not canonical JSON, or no valid path.
    #[error("a malformed request: {0}")]
    Request(String),
}

/// An error that another server answered with.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{status} {errcode}: {message}")]
pub struct Refusal {
    /// The status of HTTP.
    pub status: StatusCode,
    /// `M_...`; empty where the body is no standard error, such as a proxy's.
    pub errcode: String,
    /// What it says to people, cut to some hundred bytes. Written by a stranger.
    pub message: String,
    /// The version of the room, where that is the matter (`M_INCOMPATIBLE_ROOM_VERSION`).
    pub room_version: Option<String>,
    /// After how long it wants to be asked again.
    pub retry_after: Option<Duration>,
}

/// What a failure says about the other server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is there and said no to this one request; others may succeed.
    Answers,
    /// It is there and wants to be left alone, for so long if it says so.
    Busy(Option<Duration>),
    /// It is not there, or broken.
    Down,
}

impl LinkError {
    /// What the failure says about the other server: whether to try it again, and when.
    pub fn standing(&self) -> Standing {
        match self {
            Self::Refused(refusal) => match refusal.status {
                StatusCode::TOO_MANY_REQUESTS => Standing::Busy(refusal.retry_after),
                StatusCode::SERVICE_UNAVAILABLE if refusal.retry_after.is_some() => {
                    Standing::Busy(refusal.retry_after)
                }
                status if status.is_server_error() => Standing::Down,
                // A proxy without a server behind it, or a server that is gone.
                _ if refusal.errcode.is_empty() => Standing::Down,
                _ => Standing::Answers,
            },
            Self::Ourselves | Self::TooLarge | Self::Malformed(_) | Self::Request(_) => {
                Standing::Answers
            }
            Self::Connect(_) | Self::TimedOut | Self::Broken(_) => Standing::Down,
        }
    }

    /// The error code that the other server answered with, if it did.
    pub fn errcode(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => Some(&refusal.errcode),
            _ => None,
        }
    }

    /// Whether the other server does not know the endpoint, so that an older one may do.
    pub fn is_unrecognized(&self) -> bool {
        match self {
            Self::Refused(Refusal {
                status, errcode, ..
            }) => {
                let no_endpoint = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
                errcode == "M_UNRECOGNIZED" || errcode.is_empty() && no_endpoint.contains(status)
            }
            _ => false,
        }
    }
}

impl From<BodyError> for LinkError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::Broken(error) => Self::Broken(error.to_string()),
        }
    }
}

impl From<hyper_util::client::legacy::Error> for LinkError {
    fn from(error: hyper_util::client::legacy::Error) -> Self {
        let mut cause = error.source();
        let mut deepest = error.to_string();
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<ConnectError>() {
                return Self::Connect(error.clone());
            }
            deepest = error.to_string();
            cause = error.source();
        }
        Self::Broken(deepest)
    }
}

#[derive(Default, Deserialize)]
struct StandardError {
    #[serde(default)]
    errcode: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    room_version: Option<String>,
    retry_after_ms: Option<u64>,
}

impl Refusal {
    /// Reads an answer that is no success.
    pub(crate) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let said: StandardError = serde_json::from_slice(body).unwrap_or_default();
        let header = headers.get(RETRY_AFTER).and_then(|it| it.to_str().ok());
        let seconds = header.and_then(|it| it.trim().parse::<u64>().ok());
        let retry_after = seconds
            .map(Duration::from_secs)
            .or(said.retry_after_ms.map(Duration::from_millis));
        Self {
            status,
            errcode: cut(said.errcode),
            message: cut(said.error),
            room_version: said.room_version.map(cut),
            retry_after: retry_after.map(|it| it.min(MAX_RETRY_AFTER)),
        }
    }
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_ERROR_BYTES {
        text.truncate(text.floor_char_boundary(MAX_ERROR_BYTES));
    }
    text
}
