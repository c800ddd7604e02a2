//! Errors of keys and their backups, as the client API tells them.

use causeway_users::backup::BackupError;
use causeway_users::dehydrated::DehydratedError;
use causeway_users::keys::KeyError;
use http::StatusCode;

use super::ApiError;

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::BadJson(why) => Self::bad_json(why),
            KeyError::InvalidParam(why) => Self::invalid_param(why),
            KeyError::InvalidSignature(why) => {
                Self::new(StatusCode::BAD_REQUEST, "M_INVALID_SIGNATURE", why)
            }
            KeyError::NoMasterKey => Self::missing_param("No master key is available"),
            KeyError::KeyIsDevice => Self::forbidden(error.to_string()),
            KeyError::Taken(_) => Self::unknown(error.to_string()),
            KeyError::TooLarge(why) => Self::too_large(why),
            KeyError::NoDevice => Self::unknown_token(false),
            KeyError::Raced => Self::forbidden(error.to_string()),
            KeyError::Store(error) => error.into(),
            KeyError::Append(error) => error.into(),
        }
    }
}

impl From<BackupError> for ApiError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::NoVersion | BackupError::NoKey => Self::not_found(error.to_string()),
            BackupError::WrongVersion { ref current } => Self::new(
                StatusCode::FORBIDDEN,
                "M_WRONG_ROOM_KEYS_VERSION",
                error.to_string(),
            )
            .with("current_version", current.as_str()),
            BackupError::Mismatch(why) => Self::invalid_param(why),
            BackupError::TooLarge(why) => Self::too_large(why),
            BackupError::Store(error) => error.into(),
        }
    }
}

impl From<DehydratedError> for ApiError {
    fn from(error: DehydratedError) -> Self {
        match error {
            DehydratedError::NotFound => Self::not_found(error.to_string()),
            DehydratedError::OtherDevice => Self::forbidden(error.to_string()),
            DehydratedError::Taken => Self::invalid_param(error.to_string()),
            DehydratedError::Invalid(why) => Self::invalid_param(why),
            DehydratedError::Keys(error) => error.into(),
            DehydratedError::Store(error) => error.into(),
            DehydratedError::Append(error) => error.into(),
        }
    }
}
