//! Gaps in rooms' histories, and the places of what fills them.

use crate::ids::{EventNid, RoomNid, RoomPlace};
use crate::meter::timed;
use crate::{Store, StoreError};

/// An event that is wanted and not here.
#[derive(Debug, Clone)]
pub struct GapRow {
    /// Which.
    pub wanted: String,
    /// The event that follows on it.
    pub wanted_by: EventNid,
    /// Its id.
    pub wanted_by_id: String,
    /// Its place in the room's order.
    pub place: RoomPlace,
}

/// What is wanted in a room, the newest gap first: those up to `before`, at most `limit`.
///
/// # Errors
/// If the database does not answer.
pub async fn list_gaps(
    store: &Store,
    room: RoomNid,
    before: RoomPlace,
    limit: i64,
) -> Result<Vec<GapRow>, StoreError> {
    let rows = timed(
        sqlx::query!(
            r#"
SELECT m.event_id, m.wanted_by, e.event_id AS wanted_by_id, e.anchor AS "anchor!", e.anchor_offset
FROM missing_events m JOIN events e ON e.room_nid = m.room_nid AND e.event_nid = m.wanted_by
WHERE m.room_nid = $1 AND e.anchor IS NOT NULL AND (e.anchor, e.anchor_offset) <= ($2::bigint, $3::int)
ORDER BY e.anchor DESC, e.anchor_offset DESC LIMIT $4
            "#,
            room.0,
            before.anchor,
            before.offset,
            limit,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| GapRow {
            wanted: row.event_id,
            wanted_by: EventNid(row.wanted_by),
            wanted_by_id: row.wanted_by_id,
            place: RoomPlace {
                anchor: row.anchor,
                offset: row.anchor_offset,
            },
        })
        .collect())
}

/// Where history that leads up to one of the events that want `ids` may stand: just before all that
/// stands there already. `None` if nobody wants any of them.
///
/// # Errors
/// If the database does not answer.
pub async fn find_place_before(
    store: &Store,
    room: RoomNid,
    ids: &[&str],
) -> Result<Option<RoomPlace>, StoreError> {
    let row = timed(
        sqlx::query!(
            r#"
SELECT w.anchor AS "anchor!",
       (SELECT min(o.anchor_offset) FROM events o WHERE o.room_nid = $1 AND o.anchor = w.anchor) AS "offset!"
FROM (SELECT e.anchor FROM missing_events m
      JOIN events e ON e.room_nid = m.room_nid AND e.event_nid = m.wanted_by
      WHERE m.room_nid = $1 AND m.event_id = ANY($2) AND e.anchor IS NOT NULL
      ORDER BY e.anchor LIMIT 1) w
            "#,
            room.0,
            ids as _,
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(row.map(|row| RoomPlace {
        anchor: row.anchor,
        offset: row.offset,
    }))
}
