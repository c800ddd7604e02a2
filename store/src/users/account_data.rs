//! Account data, read. It is written by the log.

use crate::{Store, StoreError, meter};

/// The content of one type of a user's account data, global (`room_id` none) or of a room.
/// An entry that was deleted is `{}`.
///
/// # Errors
/// The database's.
pub async fn find(
    store: &Store,
    user_id: &str,
    room_id: Option<&str>,
    event_type: &str,
) -> Result<Option<String>, StoreError> {
    Ok(meter::timed(
        sqlx::query_scalar!(
            "SELECT content FROM account_data
             WHERE user_id = $1 AND type = $3
               AND room_nid = CASE WHEN $2::text IS NULL THEN 0
                                   ELSE (SELECT room_nid FROM rooms WHERE room_id = $2) END",
            user_id,
            room_id,
            event_type,
        )
        .fetch_optional(store.pool()),
    )
    .await?)
}
