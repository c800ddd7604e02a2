//! Errors of the gallery, as the client API tells them.

use std::sync::Arc;
use std::time::Duration;

use causeway_media::{MediaError, PreviewError, Unfit};
use http::StatusCode;

use super::ApiError;

/// When a user with too many pending uploads may ask again.
const UPLOADS_END_AFTER: Duration = Duration::from_secs(60);

/// When the server, which has much to do with pictures or links, may be asked again.
const WORK_ENDS_AFTER: Duration = Duration::from_secs(2);

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
            MediaError::OverQuota(quota) => Self::new(
                StatusCode::FORBIDDEN,
                "M_USER_LIMIT_EXCEEDED",
                format!("You cannot store more than {} bytes", quota.bytes),
            )
            .with("info_uri", quota.info_url),
            MediaError::TooManyReserved => Self::LimitExceeded {
                retry_after: UPLOADS_END_AFTER,
            },
            MediaError::Unfit(Unfit::NotAPicture) => {
                Self::unknown("Cannot generate thumbnails for the requested content")
            }
            MediaError::Unfit(Unfit::TooLarge) => {
                Self::too_large("Content is too large to thumbnail")
            }
            MediaError::Busy => Self::LimitExceeded {
                retry_after: WORK_ENDS_AFTER,
            },
            MediaError::BrokenOff(_) => Self::unknown("The request body ended before its time"),
            MediaError::Disk(error) => Self::internal(error),
            MediaError::Store(error) => error.into(),
        }
    }
}

impl From<PreviewError> for ApiError {
    fn from(error: PreviewError) -> Self {
        match error {
            PreviewError::Off => Self::unrecognized_path(),
            PreviewError::BadUrl => Self::invalid_param("This is not an address of the web"),
            PreviewError::Refused => Self::forbidden("This address may not be reached"),
            PreviewError::Failed(why) => Self::new(
                StatusCode::BAD_GATEWAY,
                "M_UNKNOWN",
                format!("The page could not be fetched: {why}"),
            ),
            PreviewError::Busy => Self::LimitExceeded {
                retry_after: WORK_ENDS_AFTER,
            },
            PreviewError::Internal(error) => match Arc::try_unwrap(error) {
                Ok(error) => error.into(),
                Err(shared) => Self::internal(anyhow::anyhow!("{shared}")),
            },
        }
    }
}
