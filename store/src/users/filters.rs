//! Filters that clients store to name them in later requests.

use crate::{Store, StoreError, meter};

/// Most filters a user may store.
pub const MAX_FILTERS: i32 = 10_000;

/// Stores a filter, once however often it is sent, and answers its number. None when the user
/// has [`MAX_FILTERS`] already.
///
/// # Errors
/// The database's.
pub async fn create(
    store: &Store,
    user_id: &str,
    definition: &str,
) -> Result<Option<i32>, StoreError> {
    if let Some(id) = find_same(store, user_id, definition).await? {
        return Ok(Some(id));
    }
    let made = meter::timed(
        sqlx::query_scalar!(
            "INSERT INTO filters (user_id, filter_id, definition)
             SELECT $1, next, $2 FROM (
               SELECT coalesce(max(filter_id), -1) + 1 AS next FROM filters WHERE user_id = $1
             ) AS n WHERE next < $3
             ON CONFLICT DO NOTHING RETURNING filter_id",
            user_id,
            definition,
            MAX_FILTERS,
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    match made {
        Some(id) => Ok(Some(id)),
        // The same filter came in twice at once, or there are too many.
        None => find_same(store, user_id, definition).await,
    }
}

async fn find_same(
    store: &Store,
    user_id: &str,
    definition: &str,
) -> Result<Option<i32>, StoreError> {
    Ok(meter::timed(
        sqlx::query_scalar!(
            "SELECT filter_id FROM filters
             WHERE user_id = $1 AND md5(definition) = md5($2) AND definition = $2",
            user_id,
            definition,
        )
        .fetch_optional(store.pool()),
    )
    .await?)
}

/// The filter of that number.
///
/// # Errors
/// The database's.
pub async fn find(
    store: &Store,
    user_id: &str,
    filter_id: i32,
) -> Result<Option<String>, StoreError> {
    Ok(meter::timed(
        sqlx::query_scalar!(
            "SELECT definition FROM filters WHERE user_id = $1 AND filter_id = $2",
            user_id,
            filter_id,
        )
        .fetch_optional(store.pool()),
    )
    .await?)
}
