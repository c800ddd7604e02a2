//! States of rooms: whole ones, and single entries of many.

use super::row::rows;
use super::{RoomToken, TimelineRow};
use crate::ids::{EventNid, RoomNid, StateRef};
use crate::log::Membership;
use crate::meter::timed;
use crate::{Store, StoreError};

/// An entry of one of the states that were asked about.
#[derive(Debug, Clone)]
pub struct EntryAt {
    /// Which of the states, counted from 0.
    pub at: usize,
    /// Its type.
    pub event_type: String,
    /// Its state key.
    pub state_key: String,
    /// The event's number.
    pub nid: EventNid,
    /// The event's JSON.
    pub json: String,
}

struct EntryRow {
    ord: i64,
    event_type: String,
    state_key: String,
    event_nid: i64,
    json: String,
}

impl From<EntryRow> for EntryAt {
    fn from(row: EntryRow) -> Self {
        Self {
            at: usize::try_from(row.ord - 1).unwrap_or(0),
            event_type: row.event_type,
            state_key: row.state_key,
            nid: EventNid(row.event_nid),
            json: row.json,
        }
    }
}

/// The entries that several states of a room have for some pairs of `(type, state_key)`.
///
/// # Errors
/// If the database does not answer.
pub async fn entries_at(
    store: &Store,
    room: RoomNid,
    states: &[StateRef],
    pairs: &[(&str, &str)],
) -> Result<Vec<EntryAt>, StoreError> {
    let lines: Vec<i32> = states.iter().map(|state| state.line).collect();
    let steps: Vec<i32> = states.iter().map(|state| state.step).collect();
    let (types, keys): (Vec<&str>, Vec<&str>) = pairs.iter().copied().unzip();
    let rows = timed(
        sqlx::query_as!(
            EntryRow,
            r#"
WITH RECURSIVE wish AS (
    SELECT * FROM UNNEST($2::int[], $3::int[]) WITH ORDINALITY AS u(line, step, ord)
), chain(ord, line, upto, depth) AS (
    SELECT ord, line, step, 0 FROM wish
    UNION ALL
    SELECT c.ord, l.parent_line, l.parent_step, c.depth + 1
    FROM chain c JOIN state_lines l ON l.room_nid = $1 AND l.line = c.line
    WHERE l.parent_line IS NOT NULL
)
SELECT w.ord AS "ord!", k.type AS "event_type!", k.state_key AS "state_key!", e.event_nid, e.json
FROM UNNEST($4::text[], $5::text[]) AS p(type, state_key)
JOIN state_keys k ON k.type = p.type AND k.state_key = p.state_key
CROSS JOIN wish w
CROSS JOIN LATERAL (
    SELECT s.event_nid FROM chain c
    CROSS JOIN LATERAL (
        SELECT s.event_nid FROM state_changes s
        WHERE s.room_nid = $1 AND s.line = c.line AND s.key_nid = k.key_nid AND s.step <= c.upto
        ORDER BY s.step DESC LIMIT 1
    ) s
    WHERE c.ord = w.ord
    ORDER BY c.depth LIMIT 1
) f
JOIN events e ON e.room_nid = $1 AND e.event_nid = f.event_nid
            "#,
            room.0,
            &lines,
            &steps,
            &types as _,
            &keys as _,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows.into_iter().map(EntryAt::from).collect())
}

/// An entry of one of the states that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct EntryWish<'a> {
    /// Which of the states, counted from 0.
    pub at: usize,
    /// Its type.
    pub event_type: &'a str,
    /// Its state key.
    pub state_key: &'a str,
}

/// Entries of several states, which may be of several rooms. What a state does not have is absent.
///
/// # Errors
/// If the database does not answer.
pub async fn entries_of(
    store: &Store,
    states: &[(RoomNid, StateRef)],
    wishes: &[EntryWish<'_>],
) -> Result<Vec<EntryAt>, StoreError> {
    if states.is_empty() || wishes.is_empty() {
        return Ok(Vec::new());
    }
    let ord = |at: usize| i64::try_from(at).unwrap_or(i64::MAX).saturating_add(1);
    let rows = timed(
        sqlx::query_as!(
            EntryRow,
            r#"
WITH RECURSIVE state AS (
    SELECT * FROM UNNEST($1::bigint[], $2::int[], $3::int[]) WITH ORDINALITY AS u(room_nid, line, step, ord)
), chain(ord, room_nid, line, upto, depth) AS (
    SELECT ord, room_nid, line, step, 0 FROM state
    UNION ALL
    SELECT c.ord, c.room_nid, l.parent_line, l.parent_step, c.depth + 1
    FROM chain c
    -- OFFSET keeps the planner from reading the whole table to join it
    CROSS JOIN LATERAL (SELECT * FROM state_lines l WHERE l.room_nid = c.room_nid AND l.line = c.line OFFSET 0) l
    WHERE l.parent_line IS NOT NULL
)
SELECT w.ord AS "ord!", k.type AS "event_type!", k.state_key AS "state_key!", e.event_nid, e.json
FROM UNNEST($4::bigint[], $5::text[], $6::text[]) AS w(ord, type, state_key)
JOIN state_keys k ON k.type = w.type AND k.state_key = w.state_key
CROSS JOIN LATERAL (
    SELECT s.room_nid, s.event_nid FROM chain c
    CROSS JOIN LATERAL (
        SELECT s.room_nid, s.event_nid FROM state_changes s
        WHERE s.room_nid = c.room_nid AND s.line = c.line AND s.key_nid = k.key_nid AND s.step <= c.upto
        ORDER BY s.step DESC LIMIT 1
    ) s
    WHERE c.ord = w.ord
    ORDER BY c.depth LIMIT 1
) f
JOIN events e ON e.room_nid = f.room_nid AND e.event_nid = f.event_nid
            "#,
            &states.iter().map(|(room, _)| room.0).collect::<Vec<_>>(),
            &states.iter().map(|(_, at)| at.line).collect::<Vec<_>>(),
            &states.iter().map(|(_, at)| at.step).collect::<Vec<_>>(),
            &wishes.iter().map(|wish| ord(wish.at)).collect::<Vec<_>>(),
            &wishes.iter().map(|wish| wish.event_type).collect::<Vec<_>>() as _,
            &wishes.iter().map(|wish| wish.state_key).collect::<Vec<_>>() as _,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows.into_iter().map(EntryAt::from).collect())
}

/// The whole current state, members included.
///
/// # Errors
/// If the database does not answer.
pub async fn current_state(store: &Store, room: RoomNid) -> Result<Vec<TimelineRow>, StoreError> {
    rows!(
        store,
        replaced: "false",
        "SELECT room_nid, event_nid, 1 AS ord FROM current_state WHERE room_nid = $1
         UNION ALL
         SELECT room_nid, event_nid, 2 AS ord FROM memberships WHERE room_nid = $1",
        room.0,
    )
}

/// The current member events with one of some memberships.
///
/// # Errors
/// If the database does not answer.
pub async fn current_members(
    store: &Store,
    room: RoomNid,
    memberships: &[Membership],
) -> Result<Vec<TimelineRow>, StoreError> {
    let wanted: Vec<i16> = memberships.iter().map(|wanted| *wanted as i16).collect();
    rows!(
        store,
        replaced: "true",
        "SELECT room_nid, event_nid, 1 AS ord FROM memberships WHERE room_nid = $1 AND membership = ANY($2)",
        room.0,
        &wanted,
    )
}

/// The events of a state, of some types or of all. Three queries.
///
/// # Errors
/// If the database does not answer.
pub async fn state_events_at(
    store: &Store,
    room: RoomNid,
    state: StateRef,
    event_type: Option<&str>,
) -> Result<Vec<TimelineRow>, StoreError> {
    let entries = crate::state::load(store, room, state).await?;
    let nids: Vec<i64> = entries.iter().map(|(_, event)| event.0).collect();
    rows!(
        store,
        replaced: "false",
        "SELECT t.room_nid, t.event_nid, n.ord
         FROM UNNEST($2::bigint[]) WITH ORDINALITY AS n(event_nid, ord)
         JOIN events t ON t.room_nid = $1 AND t.event_nid = n.event_nid
         WHERE $3::text IS NULL OR t.type = $3",
        room.0,
        &nids,
        event_type,
    )
}

/// The room's state in a gap of its order; `None` before its first event.
///
/// # Errors
/// If the database does not answer.
pub async fn state_ref_before(
    store: &Store,
    room: RoomNid,
    token: RoomToken,
) -> Result<Option<StateRef>, StoreError> {
    let row = timed(
        sqlx::query!(
            r#"SELECT COALESCE(current_line, line) AS "line!", COALESCE(current_step, step) AS "step!" FROM events
               WHERE room_nid = $1 AND anchor IS NOT NULL AND (anchor, anchor_offset) < ($2::bigint, $3::int)
               ORDER BY anchor DESC, anchor_offset DESC LIMIT 1"#,
            room.0,
            token.0.anchor,
            token.0.offset,
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(row.map(|row| StateRef {
        line: row.line,
        step: row.step,
    }))
}

/// A member as others see them.
#[derive(Debug, Clone)]
pub struct MemberInfo {
    /// Whose.
    pub user_id: String,
    /// `displayname` of the member event.
    pub display_name: Option<String>,
    /// `avatar_url` of the member event.
    pub avatar_url: Option<String>,
}

/// Who has joined.
///
/// # Errors
/// If the database does not answer.
pub async fn joined_members(store: &Store, room: RoomNid) -> Result<Vec<MemberInfo>, StoreError> {
    let members = timed(
        sqlx::query_as!(
            MemberInfo,
            "SELECT user_id, display_name, avatar_url FROM memberships WHERE room_nid = $1 AND membership = 2",
            room.0,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(members)
}
