//! Receipts, read one user at a time. They are written by the log.

use ruma::UserId;

use crate::ids::RoomNid;
use crate::meter::timed;
use crate::{Store, StoreError};

/// A receipt that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingReceipt {
    /// `m.read` or `m.read.private`.
    pub receipt_type: String,
    /// Up to which event.
    pub event_id: String,
    /// The event's place in the room, where it was known.
    pub event_anchor: Option<i64>,
}

/// A user's receipts in one thread of a room (empty: without a thread), at most one per type.
///
/// # Errors
/// If the database does not answer.
pub async fn find_receipts(
    store: &Store,
    room: RoomNid,
    user: &UserId,
    thread_id: &str,
) -> Result<Vec<StandingReceipt>, StoreError> {
    let rows = timed(
        sqlx::query_as!(
            StandingReceipt,
            r#"SELECT type AS "receipt_type", event_id, event_anchor FROM receipts
               WHERE room_nid = $1 AND user_id = $2 AND type IN ('m.read', 'm.read.private')
                 AND thread_id = $3"#,
            room.0,
            user.as_str(),
            thread_id,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows)
}
