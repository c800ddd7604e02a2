//! Errors of the gallery, as the client API tells them.

use causeway_media::MediaError;
use http::StatusCode;

use super::ApiError;

impl From<MediaError> for ApiError {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::NotFound => Self::not_found("Media not found"),
            MediaError::NotYetUploaded => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "M_NOT_YET_UPLOADED",
                "The media has not been uploaded yet",
            ),
            MediaError::TooLarge => Self::too_large("The upload is too large"),
            MediaError::AlreadyUploaded => Self::new(
                StatusCode::CONFLICT,
                "M_CANNOT_OVERWRITE_MEDIA",
                "This media id has content already",
            ),
            MediaError::Forbidden => Self::forbidden("This media id belongs to somebody else"),
            MediaError::TooManyReserved => Self::forbidden("Too many uploads are pending"),
            MediaError::BrokenOff(_) => Self::unknown("The request body ended before its time"),
            MediaError::Disk(error) => Self::internal(error),
            MediaError::Store(error) => error.into(),
        }
    }
}
