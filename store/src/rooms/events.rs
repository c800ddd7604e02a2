//! Single events.

use ruma::{EventId, OwnedRoomId};

use crate::ids::{EventNid, KeyNid, RoomNid, RoomPlace, StateRef};
use crate::meter::timed;
use crate::{Store, StoreError};

/// An event as it is stored.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// The room.
    pub room: RoomNid,
    /// Its number.
    pub nid: EventNid,
    /// Its id.
    pub event_id: String,
    /// The event.
    pub json: String,
    /// See `causeway_store::log::REJECTED` and its neighbours.
    pub flags: i16,
    /// The state after it.
    pub state: StateRef,
    /// Of state events.
    pub key: Option<KeyNid>,
    /// Its place in the room's order; outliers have none.
    pub place: Option<RoomPlace>,
}

struct Row {
    room_nid: i64,
    event_nid: i64,
    event_id: String,
    json: String,
    flags: i16,
    line: i32,
    step: i32,
    key_nid: Option<i32>,
    anchor: Option<i64>,
    anchor_offset: i32,
}

impl From<Row> for EventRow {
    fn from(row: Row) -> Self {
        Self {
            room: RoomNid(row.room_nid),
            nid: EventNid(row.event_nid),
            event_id: row.event_id,
            json: row.json,
            flags: row.flags,
            state: StateRef {
                line: row.line,
                step: row.step,
            },
            key: row.key_nid.map(KeyNid),
            place: row.anchor.map(|anchor| RoomPlace {
                anchor,
                offset: row.anchor_offset,
            }),
        }
    }
}

/// An event of a room by its id.
///
/// # Errors
/// If the database does not answer.
pub async fn find_event(
    store: &Store,
    room: RoomNid,
    event_id: &EventId,
) -> Result<Option<EventRow>, StoreError> {
    Ok(find_events(store, room, &[event_id.as_str()]).await?.pop())
}

/// Events of a room by their ids, in no order.
///
/// # Errors
/// If the database does not answer.
pub async fn find_events(
    store: &Store,
    room: RoomNid,
    ids: &[&str],
) -> Result<Vec<EventRow>, StoreError> {
    let rows = timed(
        sqlx::query_as!(
            Row,
            "SELECT room_nid, event_nid, event_id, json, flags, line, step, key_nid, anchor, anchor_offset
             FROM events WHERE event_id = ANY($1) AND room_nid = $2",
            ids as _,
            room.0,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows.into_iter().map(EventRow::from).collect())
}

/// The room that an event is in, where nobody said which one.
///
/// # Errors
/// If the database does not answer.
pub async fn find_room_of_event(
    store: &Store,
    event_id: &EventId,
) -> Result<Option<OwnedRoomId>, StoreError> {
    let room = timed(
        sqlx::query_scalar!(
            "SELECT r.room_id FROM events e JOIN rooms r ON r.room_nid = e.room_nid
             WHERE e.event_id = $1 LIMIT 1",
            event_id.as_str(),
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    room.map(|room| {
        OwnedRoomId::try_from(room.as_str()).map_err(|_| StoreError::Corrupt {
            table: "rooms",
            id: room,
        })
    })
    .transpose()
}

/// Events of a room by their numbers, in no order.
///
/// # Errors
/// If the database does not answer.
pub async fn find_by_nid(
    store: &Store,
    room: RoomNid,
    nids: &[EventNid],
) -> Result<Vec<EventRow>, StoreError> {
    let nids: Vec<i64> = nids.iter().map(|nid| nid.0).collect();
    let rows = timed(
        sqlx::query_as!(
            Row,
            "SELECT room_nid, event_nid, event_id, json, flags, line, step, key_nid, anchor, anchor_offset
             FROM events WHERE room_nid = $1 AND event_nid = ANY($2)",
            room.0,
            &nids,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows.into_iter().map(EventRow::from).collect())
}

/// The event that a client's transaction was stored as.
///
/// # Errors
/// If the database does not answer.
pub async fn find_transaction(
    store: &Store,
    room: RoomNid,
    sender: &str,
    device: &str,
    txn_id: &str,
) -> Result<Option<String>, StoreError> {
    let id = timed(
        sqlx::query_scalar!(
            "SELECT event_id FROM events WHERE room_nid = $1 AND sender = $2 AND device_id = $3 AND txn_id = $4",
            room.0,
            sender,
            device,
            txn_id,
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(id)
}
