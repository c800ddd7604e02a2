//! The cellar's errors.

use causeway_store::{AppendError, StoreError};

use super::ApiError;

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if error.is_bad_text() {
            return Self::invalid_param("A text has characters that cannot be kept");
        }
        Self::internal(error)
    }
}

impl From<AppendError> for ApiError {
    fn from(error: AppendError) -> Self {
        Self::internal(error)
    }
}
