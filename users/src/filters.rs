//! Filters, stored once and named by number. Specification: client-server API, "Filtering".

use causeway_store::StoreError;
use causeway_store::users::filters as store;
use ruma::UserId;

use crate::Users;

/// Largest filter, in bytes.
pub const MAX_FILTER_BYTES: usize = 65_536;

/// Why a filter was not stored or found.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// There is no such filter.
    #[error("no such filter")]
    NotFound,
    /// It is too large, or the user has too many.
    #[error("the filter is too large, or there are too many")]
    TooMuch,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Users {
    /// Stores a filter, a JSON object, and answers its id. The same filter has the same id.
    ///
    /// # Errors
    /// [`FilterError::TooMuch`], or the database's.
    pub async fn create_filter(
        &self,
        user_id: &UserId,
        definition: &str,
    ) -> Result<String, FilterError> {
        if definition.len() > MAX_FILTER_BYTES {
            return Err(FilterError::TooMuch);
        }
        let id = store::create(self.store(), user_id.as_str(), definition).await?;
        Ok(id.ok_or(FilterError::TooMuch)?.to_string())
    }

    /// The filter of that id, as JSON.
    ///
    /// # Errors
    /// [`FilterError::NotFound`], or the database's.
    pub async fn filter(&self, user_id: &UserId, id: &str) -> Result<String, FilterError> {
        let id = id.parse().map_err(|_| FilterError::NotFound)?;
        store::find(self.store(), user_id.as_str(), id)
            .await?
            .ok_or(FilterError::NotFound)
    }
}
