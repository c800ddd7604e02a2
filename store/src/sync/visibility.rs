//! What decides whether somebody who was not in the room may see an event.

use super::Snapshot;
use crate::StoreError;
use crate::ids::{EventNid, KeyNid, RoomNid, StateRef};
use crate::meter::timed;

/// An event, and the reader's member key in its room.
#[derive(Debug, Clone, Copy)]
pub struct SightWish {
    /// The room.
    pub room: RoomNid,
    /// The event.
    pub event: EventNid,
    /// The state before it.
    pub before: StateRef,
    /// The key of the reader's member event.
    pub member: KeyNid,
}

/// One of the two state events that decide.
#[derive(Debug, Clone)]
pub struct SightRow {
    /// The event that was asked about.
    pub event: EventNid,
    /// Whether this is the reader's member event; otherwise it is the history visibility.
    pub is_member: bool,
    /// The state event.
    pub json: String,
}

/// The reader's member event and the history visibility in the state before each event, where
/// there are any. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn sights(
    snapshot: &mut Snapshot,
    wishes: &[SightWish],
) -> Result<Vec<SightRow>, StoreError> {
    if wishes.is_empty() {
        return Ok(Vec::new());
    }
    let rooms: Vec<i64> = wishes.iter().map(|wish| wish.room.0).collect();
    let events: Vec<i64> = wishes.iter().map(|wish| wish.event.0).collect();
    let lines: Vec<i32> = wishes.iter().map(|wish| wish.before.line).collect();
    let steps: Vec<i32> = wishes.iter().map(|wish| wish.before.step).collect();
    let members: Vec<i32> = wishes.iter().map(|wish| wish.member.0).collect();
    let rows = timed(
        sqlx::query!(
            r#"
SELECT w.event_nid AS "event_nid!", k.key_nid = w.member AS "is_member!", e.json
FROM UNNEST($1::bigint[], $2::bigint[], $3::int[], $4::int[], $5::int[]) AS w(room_nid, event_nid, line, step, member)
CROSS JOIN LATERAL (
    SELECT w.member AS key_nid
    UNION ALL
    SELECT s.key_nid FROM state_keys s WHERE s.type = 'm.room.history_visibility' AND s.state_key = ''
) k
CROSS JOIN LATERAL (
    WITH RECURSIVE chain(line, upto, depth) AS (
        SELECT w.line, w.step, 0
        UNION ALL
        SELECT l.parent_line, l.parent_step, c.depth + 1
        FROM chain c JOIN state_lines l ON l.room_nid = w.room_nid AND l.line = c.line
        WHERE l.parent_line IS NOT NULL
    )
    SELECT s.event_nid FROM chain c
    CROSS JOIN LATERAL (
        SELECT s.event_nid FROM state_changes s
        WHERE s.room_nid = w.room_nid AND s.line = c.line AND s.key_nid = k.key_nid AND s.step <= c.upto
        ORDER BY s.step DESC LIMIT 1
    ) s
    ORDER BY c.depth LIMIT 1
) f
JOIN events e ON e.room_nid = w.room_nid AND e.event_nid = f.event_nid
            "#,
            &rooms,
            &events,
            &lines,
            &steps,
            &members,
        )
        .fetch_all(snapshot.connection()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| SightRow {
            event: EventNid(row.event_nid),
            is_member: row.is_member,
            json: row.json,
        })
        .collect())
}

/// Those of some events that are the current state of their rooms. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn current_among(
    snapshot: &mut Snapshot,
    events: &[(RoomNid, EventNid)],
) -> Result<Vec<EventNid>, StoreError> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let rooms: Vec<i64> = events.iter().map(|(room, _)| room.0).collect();
    let nids: Vec<i64> = events.iter().map(|(_, event)| event.0).collect();
    let rows = timed(
        sqlx::query_scalar!(
            r#"
SELECT w.event_nid AS "event_nid!"
FROM UNNEST($1::bigint[], $2::bigint[]) AS w(room_nid, event_nid)
JOIN events e ON e.room_nid = w.room_nid AND e.event_nid = w.event_nid
JOIN state_keys k ON k.key_nid = e.key_nid
WHERE EXISTS (SELECT 1 FROM current_state c
              WHERE c.room_nid = e.room_nid AND c.key_nid = e.key_nid AND c.event_nid = e.event_nid)
   OR EXISTS (SELECT 1 FROM memberships m
              WHERE m.room_nid = e.room_nid AND m.user_id = k.state_key AND m.event_nid = e.event_nid)
            "#,
            &rooms,
            &nids,
        )
        .fetch_all(snapshot.connection()),
    )
    .await?;
    Ok(rows.into_iter().map(EventNid).collect())
}
