//! Account data, read. It is written by the log.

use crate::{RoomNid, Store, StoreError, meter};

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

/// The number of a room, which the log wants with account data of a room.
///
/// # Errors
/// The database's.
pub async fn find_room(store: &Store, room_id: &str) -> Result<Option<RoomNid>, StoreError> {
    let nid = meter::timed(
        sqlx::query_scalar!("SELECT room_nid FROM rooms WHERE room_id = $1", room_id)
            .fetch_optional(store.pool()),
    )
    .await?;
    Ok(nid.map(RoomNid))
}
