//! State for `/sync`.

use super::Snapshot;
use super::events::{Row, SyncEvent, collect};
use crate::StoreError;
use crate::ids::{EventNid, RoomNid, StateRef};
use crate::meter::timed;

/// State events of a room that came after one position, up to another.
#[derive(Debug, Clone, Copy)]
pub struct StateRange {
    /// The room.
    pub room: RoomNid,
    /// After this position.
    pub after: i64,
    /// Up to this one.
    pub until: i64,
    /// Only what resolving forks changed, which no event of the timeline tells.
    pub only_resolved: bool,
}

/// The current state of rooms; the members only `with_members`. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn current_state(
    snapshot: &mut Snapshot,
    rooms: &[RoomNid],
    with_members: bool,
) -> Result<Vec<SyncEvent>, StoreError> {
    if rooms.is_empty() {
        return Ok(Vec::new());
    }
    let rooms: Vec<i64> = rooms.iter().map(|room| room.0).collect();
    let rows = timed(
        sqlx::query_as!(
            Row,
            r#"
SELECT e.room_nid, e.event_nid, e.event_id, e.json, e.anchor, e.anchor_offset, e.line, e.step, e.key_nid,
       e.flags, e.device_id, e.txn_id, NULL AS "replaced_id?", NULL AS "replaced_json?",
       NULL::boolean AS "erased?"
FROM UNNEST($1::bigint[]) AS w(room_nid)
CROSS JOIN LATERAL (
    SELECT c.event_nid FROM current_state c WHERE c.room_nid = w.room_nid
    UNION ALL
    SELECT m.event_nid FROM memberships m WHERE m.room_nid = w.room_nid AND $2
) s
JOIN events e ON e.room_nid = w.room_nid AND e.event_nid = s.event_nid
            "#,
            &rooms,
            with_members,
        )
        .fetch_all(snapshot.connection()),
    )
    .await?;
    Ok(collect(rows))
}

/// The last state event of each key in each range, without those in `shown`; what resolving forks
/// changed counts as coming with the event that brought it about. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn state_between(
    snapshot: &mut Snapshot,
    ranges: &[StateRange],
    shown: &[EventNid],
) -> Result<Vec<SyncEvent>, StoreError> {
    if ranges.is_empty() {
        return Ok(Vec::new());
    }
    let rooms: Vec<i64> = ranges.iter().map(|range| range.room.0).collect();
    let after: Vec<i64> = ranges.iter().map(|range| range.after).collect();
    let until: Vec<i64> = ranges.iter().map(|range| range.until).collect();
    let only: Vec<bool> = ranges.iter().map(|range| range.only_resolved).collect();
    let shown: Vec<i64> = shown.iter().map(|nid| nid.0).collect();
    let rows = timed(
        sqlx::query_as!(
            Row,
            r#"
SELECT e.room_nid, e.event_nid, e.event_id, e.json, e.anchor, e.anchor_offset, e.line, e.step, e.key_nid,
       e.flags, e.device_id, e.txn_id, p.event_id AS "replaced_id?", p.json AS "replaced_json?",
       NULL::boolean AS "erased?"
FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $5::boolean[]) AS w(room_nid, after, until, only_resolved)
CROSS JOIN LATERAL (
    SELECT DISTINCT ON (c.key_nid) c.event_nid FROM (
        SELECT e.key_nid, e.event_nid, e.anchor AS position, 0 AS rank FROM events e
        WHERE e.room_nid = w.room_nid AND e.anchor > w.after AND e.anchor <= w.until AND e.anchor_offset = 0
          AND e.key_nid IS NOT NULL AND e.flags & 3 = 0 AND NOT w.only_resolved
        UNION ALL
        SELECT r.key_nid, r.event_nid, r.position, 1 FROM resolved_state r
        WHERE r.room_nid = w.room_nid AND r.position > w.after AND r.position <= w.until
    ) c
    WHERE NOT (c.event_nid = ANY($4))
    ORDER BY c.key_nid, c.position DESC, c.rank DESC
) c
JOIN events e ON e.room_nid = w.room_nid AND e.event_nid = c.event_nid
LEFT JOIN events p ON p.room_nid = e.room_nid AND p.event_nid = e.replaces
ORDER BY e.room_nid, e.anchor
            "#,
            &rooms,
            &after,
            &until,
            &shown,
            &only,
        )
        .fetch_all(snapshot.connection()),
    )
    .await?;
    Ok(collect(rows))
}

/// Whole states as they were. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn states_at(
    snapshot: &mut Snapshot,
    states: &[(RoomNid, StateRef)],
) -> Result<Vec<SyncEvent>, StoreError> {
    if states.is_empty() {
        return Ok(Vec::new());
    }
    let rooms: Vec<i64> = states.iter().map(|(room, _)| room.0).collect();
    let lines: Vec<i32> = states.iter().map(|(_, at)| at.line).collect();
    let steps: Vec<i32> = states.iter().map(|(_, at)| at.step).collect();
    let rows = timed(
        sqlx::query_as!(
            Row,
            r#"
WITH RECURSIVE chain(room_nid, line, upto, depth) AS (
    SELECT w.room_nid, w.line, w.step, 0
    FROM UNNEST($1::bigint[], $2::int[], $3::int[]) AS w(room_nid, line, step)
    UNION ALL
    SELECT c.room_nid, l.parent_line, l.parent_step, c.depth + 1
    FROM chain c
    -- OFFSET keeps the planner from reading the whole table to join it
    CROSS JOIN LATERAL (SELECT * FROM state_lines l WHERE l.room_nid = c.room_nid AND l.line = c.line OFFSET 0) l
    WHERE l.parent_line IS NOT NULL
), entries AS (
    SELECT DISTINCT ON (c.room_nid, s.key_nid) c.room_nid, s.event_nid
    FROM chain c JOIN state_changes s ON s.room_nid = c.room_nid AND s.line = c.line AND s.step <= c.upto
    ORDER BY c.room_nid, s.key_nid, c.depth, s.step DESC
)
SELECT e.room_nid, e.event_nid, e.event_id, e.json, e.anchor, e.anchor_offset, e.line, e.step, e.key_nid,
       e.flags, e.device_id, e.txn_id, NULL AS "replaced_id?", NULL AS "replaced_json?",
       NULL::boolean AS "erased?"
FROM entries s JOIN events e ON e.room_nid = s.room_nid AND e.event_nid = s.event_nid
            "#,
            &rooms,
            &lines,
            &steps,
        )
        .fetch_all(snapshot.connection()),
    )
    .await?;
    Ok(collect(rows))
}

/// What people outside are told about rooms: the current state events of these types with an
/// empty state key. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn stripped_state(
    snapshot: &mut Snapshot,
    rooms: &[RoomNid],
    types: &[&str],
) -> Result<Vec<SyncEvent>, StoreError> {
    if rooms.is_empty() {
        return Ok(Vec::new());
    }
    let rooms: Vec<i64> = rooms.iter().map(|room| room.0).collect();
    let rows = timed(
        sqlx::query_as!(
            Row,
            r#"
SELECT e.room_nid, e.event_nid, e.event_id, e.json, e.anchor, e.anchor_offset, e.line, e.step, e.key_nid,
       e.flags, e.device_id, e.txn_id, NULL AS "replaced_id?", NULL AS "replaced_json?",
       NULL::boolean AS "erased?"
FROM state_keys k
JOIN current_state c ON c.key_nid = k.key_nid AND c.room_nid = ANY($1)
JOIN events e ON e.room_nid = c.room_nid AND e.event_nid = c.event_nid
WHERE k.type = ANY($2) AND k.state_key = ''
            "#,
            &rooms,
            types as _,
        )
        .fetch_all(snapshot.connection()),
    )
    .await?;
    Ok(collect(rows))
}

/// What other servers told a user of rooms that nobody of this server is in, as `(room, JSON array of
/// stripped state events)`. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn outside_states(
    snapshot: &mut Snapshot,
    user: &str,
    rooms: &[RoomNid],
) -> Result<Vec<(RoomNid, String)>, StoreError> {
    if rooms.is_empty() {
        return Ok(Vec::new());
    }
    let rooms: Vec<i64> = rooms.iter().map(|room| room.0).collect();
    let rows = timed(
        sqlx::query!(
            "SELECT room_nid, state FROM outside_state WHERE user_id = $1 AND room_nid = ANY($2)",
            user,
            &rooms,
        )
        .fetch_all(snapshot.connection()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (RoomNid(row.room_nid), row.state))
        .collect())
}
