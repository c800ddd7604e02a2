//! Dropping states that nothing refers to any more, in bounded steps.

use crate::ids::RoomNid;
use crate::meter::timed;
use crate::{Store, StoreError};

/// Lines looked at in one step.
const LINES_PER_STEP: i64 = 64;

/// Drops lines that no event, no head and no other line refers to. Looks at a bounded number of
/// lines after `(room, line)`; gives the place to go on from, or `None` at the end of the table.
///
/// # Errors
/// If the database does not answer.
pub async fn collect(
    store: &Store,
    after: (RoomNid, i32),
) -> Result<Option<(RoomNid, i32)>, StoreError> {
    let lines = timed(
        sqlx::query!(
            "SELECT room_nid, line FROM state_lines WHERE (room_nid, line) > ($1, $2)
             ORDER BY room_nid, line LIMIT $3",
            after.0.0,
            after.1,
            LINES_PER_STEP,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let Some(last) = lines.last() else {
        return Ok(None);
    };
    let next = (RoomNid(last.room_nid), last.line);
    let rooms: Vec<i64> = lines.iter().map(|row| row.room_nid).collect();
    let numbers: Vec<i32> = lines.iter().map(|row| row.line).collect();
    // Lines from the head's counter on are about to be referred to: a join writes them ahead.
    timed(
        sqlx::query!(
            r#"
WITH dead AS (
    DELETE FROM state_lines l USING UNNEST($1::bigint[], $2::int[]) AS w(room_nid, line)
    WHERE l.room_nid = w.room_nid AND l.line = w.line
      AND NOT EXISTS (SELECT 1 FROM room_heads h WHERE h.room_nid = l.room_nid AND (h.line = l.line OR h.next_line <= l.line))
      AND NOT EXISTS (SELECT 1 FROM state_lines c WHERE c.room_nid = l.room_nid AND c.parent_line = l.line)
      AND NOT EXISTS (SELECT 1 FROM events e WHERE e.room_nid = l.room_nid AND e.line = l.line)
      AND NOT EXISTS (SELECT 1 FROM events e WHERE e.room_nid = l.room_nid AND e.current_line = l.line)
    RETURNING l.room_nid, l.line
), changes AS (
    DELETE FROM state_changes s USING dead d WHERE s.room_nid = d.room_nid AND s.line = d.line
)
DELETE FROM state_checkpoints p USING dead d WHERE p.room_nid = d.room_nid AND p.line = d.line
            "#,
            &rooms,
            &numbers,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(Some(next))
}
