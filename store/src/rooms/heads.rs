//! Heads and the current state.

use ruma::RoomId;

use crate::ids::{EventNid, KeyNid, RoomNid, StateRef};
use crate::log::{ChainPlace, HeadRow};
use crate::meter::timed;
use crate::{Store, StoreError};

/// A room with its head.
#[derive(Debug, Clone)]
pub struct RoomRow {
    /// The room.
    pub room: RoomNid,
    /// The room version.
    pub version: String,
    /// Whether it stands in this server's directory.
    pub published: bool,
    /// Whether its member list is still arriving.
    pub partial_state: bool,
    /// The head.
    pub head: HeadRow,
    /// Ids of the extremities, in the order of `head.extremities`.
    pub extremity_ids: Vec<String>,
    /// The states after the extremities, in the same order.
    pub extremity_states: Vec<StateRef>,
    /// The last step of the line of the current state.
    pub line_end: i32,
    /// Lines below that line.
    pub line_height: i32,
}

/// A room that this server knows, with its head.
///
/// # Errors
/// If the database does not answer.
pub async fn find_room(store: &Store, room_id: &RoomId) -> Result<Option<RoomRow>, StoreError> {
    let row = timed(
        sqlx::query!(
            r#"
SELECT r.room_nid, r.version AS room_version, r.published, r.partial_state,
       h.version, h.depth, h.extremities, h.line, h.step, h.next_line, h.joined_members, h.invited_members,
       ARRAY(SELECT e.event_id FROM UNNEST(h.extremities) WITH ORDINALITY AS x(nid, ord)
             JOIN events e ON e.room_nid = r.room_nid AND e.event_nid = x.nid ORDER BY x.ord) AS "extremity_ids!",
       ARRAY(SELECT e.line FROM UNNEST(h.extremities) WITH ORDINALITY AS x(nid, ord)
             JOIN events e ON e.room_nid = r.room_nid AND e.event_nid = x.nid ORDER BY x.ord) AS "lines!",
       ARRAY(SELECT e.step FROM UNNEST(h.extremities) WITH ORDINALITY AS x(nid, ord)
             JOIN events e ON e.room_nid = r.room_nid AND e.event_nid = x.nid ORDER BY x.ord) AS "steps!",
       coalesce((SELECT max(s.step) FROM state_changes s
                 WHERE s.room_nid = r.room_nid AND s.line = h.line), 0) AS "line_end!",
       coalesce((SELECT l.height FROM state_lines l
                 WHERE l.room_nid = r.room_nid AND l.line = h.line), 0) AS "line_height!"
FROM rooms r JOIN room_heads h ON h.room_nid = r.room_nid
WHERE r.room_id = $1
            "#,
            room_id.as_str(),
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(row.map(|row| RoomRow {
        room: RoomNid(row.room_nid),
        version: row.room_version,
        published: row.published,
        partial_state: row.partial_state,
        head: HeadRow {
            version: row.version,
            depth: row.depth,
            extremities: row.extremities.into_iter().map(EventNid).collect(),
            state: StateRef {
                line: row.line,
                step: row.step,
            },
            next_line: row.next_line,
            joined_members: row.joined_members,
            invited_members: row.invited_members,
        },
        extremity_ids: row.extremity_ids,
        extremity_states: row
            .lines
            .into_iter()
            .zip(row.steps)
            .map(|(line, step)| StateRef { line, step })
            .collect(),
        line_end: row.line_end,
        line_height: row.line_height,
    }))
}

/// An entry of the current state.
#[derive(Debug, Clone)]
pub struct StateRow {
    /// Its key.
    pub key: KeyNid,
    /// The event's number.
    pub event: EventNid,
    /// The event's id.
    pub event_id: String,
    /// The event.
    pub json: String,
    /// Its place in the index of auth chains.
    pub index: Option<ChainPlace>,
    /// Whether that is the end of its chain.
    pub is_end: bool,
}

/// The current state without the members.
///
/// # Errors
/// If the database does not answer.
pub async fn load_current_state(store: &Store, room: RoomNid) -> Result<Vec<StateRow>, StoreError> {
    let rows = timed(
        sqlx::query!(
            r#"
SELECT c.key_nid, c.event_nid, e.event_id, e.json, e.chain, e.chain_seq, e.reach,
       NOT EXISTS (SELECT 1 FROM events f WHERE f.room_nid = e.room_nid AND f.chain = coalesce(e.chain, e.event_nid)
                   AND f.chain_seq = coalesce(e.chain_seq, 1) + 1) AS "is_end!"
FROM current_state c
JOIN events e ON e.room_nid = c.room_nid AND e.event_nid = c.event_nid
WHERE c.room_nid = $1
            "#,
            room.0,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| StateRow {
            key: KeyNid(row.key_nid),
            event: EventNid(row.event_nid),
            event_id: row.event_id,
            json: row.json,
            index: ChainPlace::stored(row.event_nid, row.chain, row.chain_seq, row.reach),
            is_end: row.is_end,
        })
        .collect())
}

/// Puts a room into this server's directory, or takes it out.
///
/// # Errors
/// If the database does not answer.
pub async fn set_published(
    store: &Store,
    room: RoomNid,
    published: bool,
) -> Result<(), StoreError> {
    timed(
        sqlx::query!(
            "UPDATE rooms SET published = $2 WHERE room_nid = $1",
            room.0,
            published
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}
