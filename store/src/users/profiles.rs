//! Profiles, read. They are written by the log.

use serde_json::Value;

use super::MAX_OWN_ROWS;
use crate::{Store, StoreError, meter};

/// All fields of a profile, by name.
///
/// # Errors
/// The database's.
pub async fn load_all(store: &Store, user_id: &str) -> Result<Vec<(String, Value)>, StoreError> {
    let rows = meter::timed(
        sqlx::query!(
            "SELECT field, value FROM profiles WHERE user_id = $1 ORDER BY field LIMIT $2",
            user_id,
            MAX_OWN_ROWS,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows.into_iter().map(|row| (row.field, row.value)).collect())
}

/// One field of a profile.
///
/// # Errors
/// The database's.
pub async fn find_field(
    store: &Store,
    user_id: &str,
    field: &str,
) -> Result<Option<Value>, StoreError> {
    Ok(meter::timed(
        sqlx::query_scalar!(
            "SELECT value FROM profiles WHERE user_id = $1 AND field = $2",
            user_id,
            field,
        )
        .fetch_optional(store.pool()),
    )
    .await?)
}
