//! What a user has been notified of.

use crate::ids::Position;
use crate::meter::timed;
use crate::{Store, StoreError};

/// An event that notified a user.
#[derive(Debug, Clone)]
pub struct Notification {
    /// Its position.
    pub position: Position,
    /// The room.
    pub room_id: String,
    /// The room's version.
    pub version: String,
    /// Its id.
    pub event_id: String,
    /// The event.
    pub json: String,
    /// When it was sent, in milliseconds since 1970.
    pub origin_ts: i64,
    /// What the rule does, as JSON.
    pub actions: String,
    /// Whether the user has read it.
    pub is_read: bool,
    /// Whether it was redacted since, and is none any more.
    pub is_redacted: bool,
}

/// The newest notifications of a user before a position, up to `limit`; with `highlights`, those
/// only. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn list_notifications(
    store: &Store,
    user: &str,
    before: Position,
    highlights: bool,
    limit: i64,
) -> Result<Vec<Notification>, StoreError> {
    let rows = timed(
        sqlx::query!(
            r#"
WITH base AS (
    SELECT b.room_nid, b.joined_at, coalesce(p.position, 9223372036854775807) AS until
    FROM memberships j
    JOIN push_marks b ON b.room_nid = j.room_nid AND b.user_id = j.user_id AND b.thread_id = ''
    LEFT JOIN push_personal p ON p.user_id = j.user_id
    WHERE j.user_id = $1 AND j.membership = 2
), found AS (
    (SELECT s.room_nid, s.position, s.event_nid, s.thread_id, s.actions
     FROM base b
     CROSS JOIN LATERAL (
         SELECT s.* FROM (
             (SELECT s.* FROM push_shared s
              WHERE s.room_nid = b.room_nid AND s.thread_id = 'main'
                AND s.position > b.joined_at AND s.position < $2 AND s.position <= b.until AND (NOT $3 OR s.highlight)
                AND NOT EXISTS (SELECT 1 FROM push_actions a WHERE a.room_nid = s.room_nid AND a.user_id = $1 AND a.position = s.position)
              ORDER BY s.position DESC LIMIT $4)
             UNION ALL
             (SELECT s.* FROM push_shared s
              WHERE s.room_nid = b.room_nid AND s.thread_id <> 'main'
                AND s.position > b.joined_at AND s.position < $2 AND s.position <= b.until AND (NOT $3 OR s.highlight)
                AND NOT EXISTS (SELECT 1 FROM push_actions a WHERE a.room_nid = s.room_nid AND a.user_id = $1 AND a.position = s.position)
              ORDER BY s.position DESC LIMIT $4)) s
         ORDER BY s.position DESC LIMIT $4) s
     ORDER BY s.position DESC LIMIT $4)
    UNION ALL
    (SELECT a.room_nid, a.position, a.event_nid, a.thread_id, a.actions FROM push_actions a
     WHERE a.user_id = $1 AND a.position < $2 AND a.actions IS NOT NULL
       AND (NOT $3 OR (a.actions LIKE '%"highlight"%' AND a.actions NOT LIKE '%"highlight","value":false%'))
     ORDER BY a.position DESC LIMIT $4)
)
SELECT f.position AS "position!", r.room_id, r.version, e.event_id, e.json, e.origin_ts, f.actions AS "actions!",
       f.position <= greatest(b.position, t.position, 0) AS "is_read!", e.flags & 8 <> 0 AS "is_redacted!"
FROM found f
JOIN rooms r ON r.room_nid = f.room_nid
JOIN events e ON e.room_nid = f.room_nid AND e.event_nid = f.event_nid
LEFT JOIN push_marks b ON b.room_nid = f.room_nid AND b.user_id = $1 AND b.thread_id = ''
LEFT JOIN push_marks t ON t.room_nid = f.room_nid AND t.user_id = $1 AND t.thread_id = f.thread_id
ORDER BY f.position DESC LIMIT $4
            "#,
            user,
            before.0,
            highlights,
            limit,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let found = rows.into_iter().map(|row| Notification {
        position: Position(row.position),
        room_id: row.room_id,
        version: row.version,
        event_id: row.event_id,
        json: row.json,
        origin_ts: row.origin_ts,
        actions: row.actions,
        is_read: row.is_read,
        is_redacted: row.is_redacted,
    });
    Ok(found.collect())
}
