//! Forgetting what happened long ago.

use super::READER;
use crate::meter::timed;
use crate::{Store, StoreError};

/// Days that what notified is kept. What is unread longer counts no more.
const KEPT_DAYS: i32 = 30;

/// Rows of one table that one step forgets, at most.
const ROWS_PER_STEP: i64 = 5_000;

/// Takes down where the log is today, and forgets some of what is older than `KEPT_DAYS`. `day`
/// counts from 1970. Gives how many rows were forgotten.
///
/// # Errors
/// If the database does not answer.
pub async fn trim(store: &Store, day: i32) -> Result<u64, StoreError> {
    timed(
        sqlx::query!(
            "INSERT INTO push_days (day, position) SELECT $1, position FROM log_readers WHERE name = $2
             ON CONFLICT (day) DO NOTHING",
            day,
            READER,
        )
        .execute(store.pool()),
    )
    .await?;
    let horizon = timed(
        sqlx::query_scalar!(
            r#"SELECT max(position) AS "position" FROM push_days WHERE day <= $1"#,
            day.saturating_sub(KEPT_DAYS),
        )
        .fetch_one(store.pool()),
    )
    .await?;
    let Some(horizon) = horizon else {
        return Ok(0);
    };
    // The last row of a thread stays: the next one's totals go on from it.
    let shared = timed(
        sqlx::query!(
            "DELETE FROM push_shared s USING (
                 SELECT o.room_nid, o.thread_id, o.position FROM push_shared o
                 JOIN push_threads t ON t.room_nid = o.room_nid AND t.thread_id = o.thread_id
                 WHERE o.position < $1 AND o.position < t.position LIMIT $2) o
             WHERE s.room_nid = o.room_nid AND s.thread_id = o.thread_id AND s.position = o.position",
            horizon,
            ROWS_PER_STEP,
        )
        .execute(store.pool()),
    )
    .await?;
    let actions = timed(
        sqlx::query!(
            "DELETE FROM push_actions a USING (
                 SELECT room_nid, user_id, position FROM push_actions WHERE position < $1 LIMIT $2) o
             WHERE a.room_nid = o.room_nid AND a.user_id = o.user_id AND a.position = o.position",
            horizon,
            ROWS_PER_STEP,
        )
        .execute(store.pool()),
    )
    .await?;
    let redacted = timed(
        sqlx::query!(
            "DELETE FROM push_redacted r WHERE r.position < $1 AND NOT EXISTS (
                 SELECT 1 FROM push_shared s
                 WHERE s.room_nid = r.room_nid AND s.thread_id = r.thread_id AND s.position = r.position)",
            horizon,
        )
        .execute(store.pool()),
    )
    .await?;
    timed(
        sqlx::query!(
            "DELETE FROM push_days WHERE day < $1",
            day.saturating_sub(2 * KEPT_DAYS)
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(shared.rows_affected() + actions.rows_affected() + redacted.rows_affected())
}
