//! What events relate to, as far as the write path asks for it.

use crate::ids::RoomNid;
use crate::meter::timed;
use crate::{Store, StoreError};

/// Annotations of one user on one event that are looked at, at most.
const ANNOTATIONS_OF_ONE_USER: i64 = 200;

/// A user's standing annotations of one type on an event, as JSON of the annotating events.
///
/// # Errors
/// If the database does not answer.
pub async fn list_annotations(
    store: &Store,
    room: RoomNid,
    parent: &str,
    event_type: &str,
    sender: &str,
) -> Result<Vec<String>, StoreError> {
    let rows = timed(
        sqlx::query_scalar!(
            "SELECT e.json FROM relations r
             JOIN events e ON e.room_nid = r.room_nid AND e.event_nid = r.child_nid
             WHERE r.room_nid = $1 AND r.parent_id = $2 AND r.rel_type = 'm.annotation'
               AND r.type = $3 AND r.sender = $4
             LIMIT $5",
            room.0,
            parent,
            event_type,
            sender,
            ANNOTATIONS_OF_ONE_USER,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows)
}
