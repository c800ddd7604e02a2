//! Events of several rooms at once: found ones, and what was said around them.

use crate::ids::{EventNid, RoomNid, RoomPlace};
use crate::meter::timed;
use crate::timeline::row::rows;
use crate::timeline::{RoomToken, TimelineRow};
use crate::{Store, StoreError};

/// Events by room and number, in that order.
///
/// # Errors
/// If the database does not answer.
pub async fn find_rows(
    store: &Store,
    events: &[(RoomNid, EventNid)],
) -> Result<Vec<TimelineRow>, StoreError> {
    let rooms: Vec<i64> = events.iter().map(|(room, _)| room.0).collect();
    let nids: Vec<i64> = events.iter().map(|(_, event)| event.0).collect();
    rows!(
        store,
        replaced: "true",
        "SELECT n.room_nid, n.event_nid, n.ord
         FROM UNNEST($1::bigint[], $2::bigint[]) WITH ORDINALITY AS n(room_nid, event_nid, ord)",
        &rooms,
        &nids,
    )
}

/// Where an event stands to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It came before.
    Before,
    /// It came after.
    After,
}

/// An event near another one.
#[derive(Debug, Clone, Copy)]
pub struct Near {
    /// Which one, counted from 0.
    pub at: usize,
    /// On which side of it.
    pub side: Side,
    /// The event.
    pub event: EventNid,
    /// Its place.
    pub place: RoomPlace,
}

/// What was said before and after some places, nearest first: up to so many events on each side.
/// What comes after the token is not for the one who asks.
///
/// # Errors
/// If the database does not answer.
pub async fn around(
    store: &Store,
    places: &[(RoomNid, RoomPlace, RoomToken)],
    (before, after): (i64, i64),
) -> Result<Vec<Near>, StoreError> {
    if places.is_empty() || before + after == 0 {
        return Ok(Vec::new());
    }
    let rows = timed(
        sqlx::query!(
            r#"
SELECT w.at AS "at!", n.is_after AS "is_after!", n.event_nid AS "event_nid!", n.anchor AS "anchor!",
       n.anchor_offset AS "anchor_offset!"
FROM UNNEST($1::bigint[], $2::bigint[], $3::int[], $4::bigint[], $5::int[]) WITH ORDINALITY
  AS w(room_nid, anchor, anchor_offset, end_anchor, end_offset, at)
CROSS JOIN LATERAL (
    (SELECT false AS is_after, e.event_nid, e.anchor, e.anchor_offset, row_number() OVER () AS nth
     FROM (SELECT * FROM events e
           WHERE e.room_nid = w.room_nid AND e.anchor IS NOT NULL AND e.flags & 3 = 0
             AND (e.anchor, e.anchor_offset) < (w.anchor, w.anchor_offset)
           ORDER BY e.anchor DESC, e.anchor_offset DESC LIMIT $6) e)
    UNION ALL
    (SELECT true, e.event_nid, e.anchor, e.anchor_offset, row_number() OVER ()
     FROM (SELECT * FROM events e
           WHERE e.room_nid = w.room_nid AND e.anchor IS NOT NULL AND e.flags & 3 = 0
             AND (e.anchor, e.anchor_offset) > (w.anchor, w.anchor_offset)
             AND (e.anchor, e.anchor_offset) < (w.end_anchor, w.end_offset)
           ORDER BY e.anchor, e.anchor_offset LIMIT $7) e)
) n
ORDER BY w.at, n.is_after, n.nth
            "#,
            &places.iter().map(|it| it.0.0).collect::<Vec<_>>(),
            &places.iter().map(|it| it.1.anchor).collect::<Vec<_>>(),
            &places.iter().map(|it| it.1.offset).collect::<Vec<_>>(),
            &places.iter().map(|it| it.2.0.anchor).collect::<Vec<_>>(),
            &places.iter().map(|it| it.2.0.offset).collect::<Vec<_>>(),
            before,
            after,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let near = rows.into_iter().map(|row| Near {
        at: usize::try_from(row.at - 1).unwrap_or(0),
        side: if row.is_after {
            Side::After
        } else {
            Side::Before
        },
        event: EventNid(row.event_nid),
        place: RoomPlace {
            anchor: row.anchor,
            offset: row.anchor_offset,
        },
    });
    Ok(near.collect())
}
