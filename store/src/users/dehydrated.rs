//! Dehydrated devices, read. They are written by the log.

use crate::{Position, Store, StoreError, meter};

/// The dehydrated device of a user: its id, and what a client needs to take it up, as JSON.
///
/// # Errors
/// The database's.
pub async fn find(store: &Store, user_id: &str) -> Result<Option<(String, String)>, StoreError> {
    let row = meter::timed(
        sqlx::query!(
            "SELECT device_id, device_data FROM dehydrated_devices WHERE user_id = $1",
            user_id,
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(row.map(|row| (row.device_id, row.device_data)))
}

/// Messages that wait for a device after a position, oldest first, at most `limit`.
///
/// # Errors
/// The database's.
pub async fn messages(
    store: &Store,
    user_id: &str,
    device_id: &str,
    after: Position,
    limit: i64,
) -> Result<Vec<(Position, String)>, StoreError> {
    let rows = meter::timed(
        sqlx::query!(
            "SELECT position, message FROM to_device
             WHERE user_id = $1 AND device_id = $2 AND position > $3 ORDER BY position LIMIT $4",
            user_id,
            device_id,
            after.0,
            limit,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let messages = rows.into_iter();
    Ok(messages
        .map(|row| (Position(row.position), row.message))
        .collect())
}
