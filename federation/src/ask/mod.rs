//! Questions to other servers, on behalf of clients. What comes back is a stranger's: it is cut to
//! what was asked for.

mod aliases;
mod keys;
mod profiles;
mod public_rooms;

use std::borrow::Cow;

use http::StatusCode;

pub use self::aliases::RemoteAlias;
pub use self::keys::{RemoteClaims, RemoteKeys};
use crate::links::{LinkError, Refusal};

/// Why another server did not tell.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It does not know what was asked for.
    #[error("the other server does not know it")]
    NotFound,
    /// It does not want to.
    #[error("the other server refuses: {0}")]
    Forbidden(Cow<'static, str>),
    /// It cannot be reached, or speaks nonsense.
    #[error("the other server cannot be asked: {0}")]
    Link(LinkError),
}

impl From<LinkError> for AskError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Refused(Refusal {
                status, message, ..
            }) if status == StatusCode::FORBIDDEN => Self::Forbidden(message.into()),
            LinkError::Refused(Refusal {
                status, errcode, ..
            }) if status == StatusCode::NOT_FOUND && errcode == "M_NOT_FOUND" => Self::NotFound,
            error => Self::Link(error),
        }
    }
}
