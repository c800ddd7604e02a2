//! Errors of speaking with other servers.

use causeway_federation::ask::AskError;
use http::StatusCode;

use super::ApiError;

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
