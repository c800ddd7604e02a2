//! What belongs to the reader: receipts, account data, messages to a device.

use super::Snapshot;
use crate::ids::{Position, RoomNid};
use crate::meter::timed;
use crate::{Store, StoreError};

/// Receipts of one room in one answer, at most (the newest).
const MAX_RECEIPTS: i64 = 10_000;

/// Entries of account data in one answer, at most.
const MAX_ACCOUNT_DATA: i64 = 100_000;

/// A receipt.
#[derive(Debug, Clone)]
pub struct ReceiptRow {
    /// The room.
    pub room: RoomNid,
    /// Who read.
    pub user: String,
    /// `m.read` or `m.read.private`.
    pub receipt_type: String,
    /// Empty without a thread.
    pub thread_id: String,
    /// Up to which event.
    pub event_id: String,
    /// When, in milliseconds since 1970.
    pub ts_ms: i64,
}

/// The receipts of rooms after a position each, public ones and the reader's own. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn receipts(
    snapshot: &mut Snapshot,
    rooms: &[(RoomNid, Position)],
    reader: &str,
) -> Result<Vec<ReceiptRow>, StoreError> {
    if rooms.is_empty() {
        return Ok(Vec::new());
    }
    let nids: Vec<i64> = rooms.iter().map(|(room, _)| room.0).collect();
    let after: Vec<i64> = rooms.iter().map(|(_, after)| after.0).collect();
    let rows = timed(
        sqlx::query!(
            r#"
SELECT w.room_nid AS "room_nid!", r.user_id, r.type, r.thread_id, r.event_id, r.ts
FROM UNNEST($1::bigint[], $2::bigint[]) AS w(room_nid, after)
CROSS JOIN LATERAL (
    SELECT * FROM receipts r
    WHERE r.room_nid = w.room_nid AND r.position > w.after AND (r.type = 'm.read' OR r.user_id = $3)
    ORDER BY r.position DESC LIMIT $4
) r
            "#,
            &nids,
            &after,
            reader,
            MAX_RECEIPTS,
        )
        .fetch_all(snapshot.connection()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ReceiptRow {
            room: RoomNid(row.room_nid),
            user: row.user_id,
            receipt_type: row.r#type,
            thread_id: row.thread_id,
            event_id: row.event_id,
            ts_ms: row.ts,
        })
        .collect())
}

/// An entry of account data.
#[derive(Debug, Clone)]
pub struct AccountDataRow {
    /// The room; 0 for global account data.
    pub room: RoomNid,
    /// The type.
    pub event_type: String,
    /// The content, as JSON.
    pub content: String,
}

/// The user's account data after a position, and all of some rooms. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn account_data(
    snapshot: &mut Snapshot,
    user: &str,
    after: Position,
    whole_rooms: &[RoomNid],
) -> Result<Vec<AccountDataRow>, StoreError> {
    let whole: Vec<i64> = whole_rooms.iter().map(|room| room.0).collect();
    let rows = timed(
        sqlx::query!(
            "SELECT room_nid, type, content FROM account_data
             WHERE user_id = $1 AND (position > $2 OR room_nid = ANY($3))
             ORDER BY position LIMIT $4",
            user,
            after.0,
            &whole,
            MAX_ACCOUNT_DATA,
        )
        .fetch_all(snapshot.connection()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| AccountDataRow {
            room: RoomNid(row.room_nid),
            event_type: row.r#type,
            content: row.content,
        })
        .collect())
}

/// A message that waits for a device.
#[derive(Debug, Clone)]
pub struct WaitingMessage {
    /// Its position.
    pub position: Position,
    /// `{"type", "sender", "content"}`.
    pub message: String,
}

/// Messages for a device after a position, oldest first, up to `limit`. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn to_device(
    snapshot: &mut Snapshot,
    user: &str,
    device: &str,
    after: Position,
    limit: i64,
) -> Result<Vec<WaitingMessage>, StoreError> {
    let rows = timed(
        sqlx::query!(
            "SELECT position, message FROM to_device
             WHERE user_id = $1 AND device_id = $2 AND position > $3 ORDER BY position LIMIT $4",
            user,
            device,
            after.0,
            limit,
        )
        .fetch_all(snapshot.connection()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| WaitingMessage {
            position: Position(row.position),
            message: row.message,
        })
        .collect())
}

/// Deletes the messages that a device has, as its token proves. Gives whether more wait.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_to_device(
    store: &Store,
    user: &str,
    device: &str,
    up_to: Position,
) -> Result<bool, StoreError> {
    let waits = timed(
        sqlx::query_scalar!(
            r#"WITH gone AS (DELETE FROM to_device WHERE user_id = $1 AND device_id = $2 AND position <= $3)
               SELECT EXISTS (SELECT 1 FROM to_device
                              WHERE user_id = $1 AND device_id = $2 AND position > $3) AS "waits!""#,
            user,
            device,
            up_to.0,
        )
        .fetch_one(store.pool()),
    )
    .await?;
    Ok(waits)
}
