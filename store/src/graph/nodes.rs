//! Events with what they hang on.

use crate::ids::{EventNid, KeyNid, RoomNid, RoomPlace, StateRef};
use crate::log::ChainPlace;
use crate::meter::timed;
use crate::{Store, StoreError};

/// Steps of [`load_replaced`], at most.
const MAX_STEPS_BACK: i32 = 100;

/// Redactions of one event that are looked at, at most.
const MAX_REDACTIONS: i64 = 20;

/// An event with what it hangs on.
#[derive(Debug, Clone)]
pub struct NodeRow {
    /// Its number.
    pub nid: EventNid,
    /// Its id.
    pub event_id: String,
    /// The event.
    pub json: String,
    /// See [`crate::log::REJECTED`] and its neighbours.
    pub flags: i16,
    /// The state after it; means nothing for events without a place ([`crate::log::OUTLIER`]).
    pub state: StateRef,
    /// Of state events.
    pub key: Option<KeyNid>,
    /// The state event that it took the place of.
    pub replaces: Option<EventNid>,
    /// Numbers of its auth events, as far as they are here.
    pub auth: Vec<EventNid>,
    /// Its place in the index of auth chains.
    pub index: Option<ChainPlace>,
    /// Its place in the room's order.
    pub place: Option<RoomPlace>,
}

struct Row {
    event_nid: i64,
    event_id: String,
    json: String,
    flags: i16,
    line: i32,
    step: i32,
    key_nid: Option<i32>,
    replaces: Option<i64>,
    auth_nids: Vec<i64>,
    chain: Option<i64>,
    chain_seq: Option<i32>,
    reach: Option<Vec<u8>>,
    anchor: Option<i64>,
    anchor_offset: i32,
}

impl From<Row> for NodeRow {
    fn from(row: Row) -> Self {
        Self {
            nid: EventNid(row.event_nid),
            event_id: row.event_id,
            json: row.json,
            flags: row.flags,
            state: StateRef {
                line: row.line,
                step: row.step,
            },
            key: row.key_nid.map(KeyNid),
            replaces: row.replaces.map(EventNid),
            auth: row.auth_nids.into_iter().map(EventNid).collect(),
            index: ChainPlace::stored(row.event_nid, row.chain, row.chain_seq, row.reach),
            place: row.anchor.map(|anchor| RoomPlace {
                anchor,
                offset: row.anchor_offset,
            }),
        }
    }
}

/// Events of a room by their ids, in no order.
///
/// # Errors
/// If the database does not answer.
pub async fn find_nodes(
    store: &Store,
    room: RoomNid,
    ids: &[&str],
) -> Result<Vec<NodeRow>, StoreError> {
    let rows = timed(
        sqlx::query_as!(
            Row,
            "SELECT event_nid, event_id, json, flags, line, step, key_nid, replaces, auth_nids, chain, chain_seq,
                    reach, anchor, anchor_offset
             FROM events WHERE event_id = ANY($1) AND room_nid = $2",
            ids as _,
            room.0,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows.into_iter().map(NodeRow::from).collect())
}

/// Events of a room by their numbers, in no order.
///
/// # Errors
/// If the database does not answer.
pub async fn find_nodes_by_nid(
    store: &Store,
    room: RoomNid,
    nids: &[EventNid],
) -> Result<Vec<NodeRow>, StoreError> {
    let nids: Vec<i64> = nids.iter().map(|nid| nid.0).collect();
    let rows = timed(
        sqlx::query_as!(
            Row,
            "SELECT event_nid, event_id, json, flags, line, step, key_nid, replaces, auth_nids, chain, chain_seq,
                    reach, anchor, anchor_offset
             FROM events WHERE room_nid = $1 AND event_nid = ANY($2)",
            room.0,
            &nids,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows.into_iter().map(NodeRow::from).collect())
}

/// An event, and those that stood under its key before it, newest first: at most a hundred.
///
/// # Errors
/// If the database does not answer.
pub async fn load_replaced(
    store: &Store,
    room: RoomNid,
    event: EventNid,
) -> Result<Vec<NodeRow>, StoreError> {
    let rows = timed(
        sqlx::query_as!(
            Row,
            r#"
WITH RECURSIVE walk(event_nid, n) AS (
    VALUES ($2::bigint, 0)
    UNION ALL
    SELECT e.replaces, w.n + 1
    FROM walk w JOIN events e ON e.room_nid = $1 AND e.event_nid = w.event_nid
    WHERE e.replaces IS NOT NULL AND w.n < $3
)
SELECT e.event_nid, e.event_id, e.json, e.flags, e.line, e.step, e.key_nid, e.replaces, e.auth_nids, e.chain,
       e.chain_seq, e.reach, e.anchor, e.anchor_offset
FROM walk w JOIN events e ON e.room_nid = $1 AND e.event_nid = w.event_nid
ORDER BY w.n
            "#,
            room.0,
            event.0,
            MAX_STEPS_BACK,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows.into_iter().map(NodeRow::from).collect())
}

/// Those of some ids that an event of the room follows on although they were not here.
///
/// # Errors
/// If the database does not answer.
pub async fn list_wanted(
    store: &Store,
    room: RoomNid,
    ids: &[&str],
) -> Result<Vec<String>, StoreError> {
    let rows = timed(
        sqlx::query_scalar!(
            "SELECT DISTINCT event_id FROM missing_events WHERE room_nid = $1 AND event_id = ANY($2)",
            room.0,
            ids as _,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows)
}

/// Accepted redactions of events that may not have been here when they came: `(target, redaction)`.
///
/// # Errors
/// If the database does not answer.
pub async fn list_redactions_of(
    store: &Store,
    room: RoomNid,
    targets: &[&str],
) -> Result<Vec<(String, EventNid)>, StoreError> {
    let rows = timed(
        sqlx::query!(
            r#"
SELECT w.target AS "target!", r.redaction_nid
FROM UNNEST($2::text[]) AS w(target)
CROSS JOIN LATERAL (
    SELECT r.redaction_nid FROM redactions r WHERE r.room_nid = $1 AND r.target_id = w.target
    ORDER BY r.redaction_nid LIMIT $3
) r
            "#,
            room.0,
            targets as _,
            MAX_REDACTIONS,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.target, EventNid(row.redaction_nid)))
        .collect())
}
