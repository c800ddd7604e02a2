//! Errors of identity servers.

use causeway_identity::IdentityError;
use http::StatusCode;

use super::ApiError;

/// What identity servers say that clients can do something about.
const PASSED_ON: [&str; 6] = [
    "M_TERMS_NOT_SIGNED",
    "M_UNAUTHORIZED",
    "M_THREEPID_IN_USE",
    "M_SESSION_NOT_VALIDATED",
    "M_SESSION_EXPIRED",
    "M_NO_VALID_SESSION",
];

impl From<IdentityError> for ApiError {
    fn from(error: IdentityError) -> Self {
        let message = error.to_string();
        match error {
            IdentityError::BadName => Self::invalid_param(message),
            IdentityError::Denied { errcode, .. } => {
                let known = PASSED_ON.into_iter().find(|known| *known == errcode);
                Self::new(StatusCode::FORBIDDEN, known.unwrap_or("M_UNKNOWN"), message)
            }
            IdentityError::Refused(_)
            | IdentityError::Unreachable(_)
            | IdentityError::Body(_)
            | IdentityError::Nonsense => Self::unknown(message),
        }
    }
}
