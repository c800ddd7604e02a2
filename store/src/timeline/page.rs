//! Pages of a room's events.

use super::row::rows;
use super::{RoomToken, TimelineRow};
use crate::ids::{EventNid, RoomNid, RoomPlace};
use crate::meter::timed;
use crate::{Store, StoreError};

/// Events that one page looks at, at most, when a filter passes few of them. The page then ends
/// early and says where to go on.
const SCANNED_EVENTS: i64 = 10_000;

/// Which way a page goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Into the past.
    Backward,
    /// Towards the present.
    Forward,
}

/// What a page is to hold. Lists that are `None` do not filter.
#[derive(Debug, Clone)]
pub struct PageQuery<'a> {
    /// The room.
    pub room: RoomNid,
    /// Which way.
    pub direction: Direction,
    /// Where to begin.
    pub from: RoomToken,
    /// Where to stop.
    pub to: RoomToken,
    /// Events, at most.
    pub limit: i64,
    /// Patterns of `LIKE` of which the type must match one.
    pub types: Option<&'a [String]>,
    /// Patterns of `LIKE` of which the type must match none.
    pub not_types: &'a [String],
    /// Senders.
    pub senders: Option<&'a [String]>,
    /// Senders that are left out.
    pub not_senders: &'a [String],
    /// Senders of whom only state events are wanted.
    pub ignored: &'a [String],
    /// Only events that may have a `url` in their content.
    pub with_url: bool,
    /// Only events to which another one relates in one of these ways.
    pub related_by_types: Option<&'a [String]>,
    /// Only events to which one of these users' events relate.
    pub related_by_senders: Option<&'a [String]>,
    /// Only events that relate to another one in one of these ways.
    pub rel_types: Option<&'a [String]>,
    /// No events that relate to another one in one of these ways.
    pub not_rel_types: &'a [String],
}

impl PageQuery<'_> {
    fn passes_all(&self) -> bool {
        self.types.is_none()
            && self.senders.is_none()
            && self.not_types.is_empty()
            && self.not_senders.is_empty()
            && self.ignored.is_empty()
            && !self.with_url
            && self.related_by_types.is_none()
            && self.related_by_senders.is_none()
            && self.rel_types.is_none()
            && self.not_rel_types.is_empty()
    }
}

/// A page of events, in the direction's order.
#[derive(Debug, Clone)]
pub struct Page {
    /// The events.
    pub rows: Vec<TimelineRow>,
    /// Where the next page begins; `None` if there is nothing more.
    pub next: Option<RoomToken>,
}

/// A page of a room's events, rejected and soft-failed ones apart. Two queries where a filter
/// left less than a full page, otherwise one.
///
/// # Errors
/// If the database does not answer.
pub async fn page(store: &Store, query: &PageQuery<'_>) -> Result<Page, StoreError> {
    let mut rows = match query.direction {
        Direction::Backward => backward(store, query).await?,
        Direction::Forward => forward(store, query).await?,
    };
    let limit = usize::try_from(query.limit).unwrap_or(0);
    let is_more = rows.len() > limit;
    rows.truncate(limit);
    let next = if is_more {
        rows.last()
            .and_then(|row| row.place)
            .map(|place| edge(query.direction, place))
    } else if query.passes_all() {
        None
    } else {
        scanned_to(store, query).await?
    };
    Ok(Page { rows, next })
}

fn edge(direction: Direction, place: RoomPlace) -> RoomToken {
    match direction {
        Direction::Backward => RoomToken::before(place),
        Direction::Forward => RoomToken::after(place),
    }
}

// The two differ in the direction of the index scan only. The inner limit bounds what a filter
// makes the scan read; the outer one stops it as soon as the page is full. A subselect with a limit
// is probed for each row, where Postgres might hash the whole table for an EXISTS below an OR.
async fn backward(store: &Store, q: &PageQuery<'_>) -> Result<Vec<TimelineRow>, StoreError> {
    rows!(
        store,
        replaced: "true",
        r#"
SELECT s.room_nid, s.event_nid, row_number() OVER () AS ord
FROM (SELECT * FROM events WHERE room_nid = $1 AND anchor IS NOT NULL
        AND (anchor, anchor_offset) < ($2::bigint, $3::int) AND (anchor, anchor_offset) >= ($4::bigint, $5::int)
      ORDER BY anchor DESC, anchor_offset DESC LIMIT $6) s
WHERE s.flags & 3 = 0
  AND ($8::text[] IS NULL OR s.type LIKE ANY($8)) AND NOT (s.type LIKE ANY($9::text[]))
  AND ($10::text[] IS NULL OR s.sender = ANY($10)) AND s.sender <> ALL($11::text[])
  AND (s.key_nid IS NOT NULL OR s.sender <> ALL($12::text[]))
  AND (NOT $13::boolean OR s.json LIKE '%"url":"%')
  AND (($14::text[] IS NULL AND $15::text[] IS NULL) OR (
        SELECT 1 FROM relations r WHERE r.room_nid = s.room_nid AND r.parent_id = s.event_id
          AND ($14 IS NULL OR r.rel_type = ANY($14)) AND ($15 IS NULL OR r.sender = ANY($15)) LIMIT 1) IS NOT NULL)
  AND ($16::text[] IS NULL OR (
        SELECT r.rel_type FROM relations r WHERE r.room_nid = s.room_nid AND r.child_nid = s.event_nid) = ANY($16))
  AND (cardinality($17::text[]) = 0 OR COALESCE((
        SELECT r.rel_type FROM relations r WHERE r.room_nid = s.room_nid AND r.child_nid = s.event_nid) <> ALL($17), true))
LIMIT $7
        "#,
        q.room.0,
        q.from.0.anchor,
        q.from.0.offset,
        q.to.0.anchor,
        q.to.0.offset,
        SCANNED_EVENTS,
        q.limit + 1,
        q.types as _,
        q.not_types,
        q.senders as _,
        q.not_senders,
        q.ignored,
        q.with_url,
        q.related_by_types as _,
        q.related_by_senders as _,
        q.rel_types as _,
        q.not_rel_types,
    )
}

async fn forward(store: &Store, q: &PageQuery<'_>) -> Result<Vec<TimelineRow>, StoreError> {
    rows!(
        store,
        replaced: "true",
        r#"
SELECT s.room_nid, s.event_nid, row_number() OVER () AS ord
FROM (SELECT * FROM events WHERE room_nid = $1 AND anchor IS NOT NULL
        AND (anchor, anchor_offset) >= ($2::bigint, $3::int) AND (anchor, anchor_offset) < ($4::bigint, $5::int)
      ORDER BY anchor, anchor_offset LIMIT $6) s
WHERE s.flags & 3 = 0
  AND ($8::text[] IS NULL OR s.type LIKE ANY($8)) AND NOT (s.type LIKE ANY($9::text[]))
  AND ($10::text[] IS NULL OR s.sender = ANY($10)) AND s.sender <> ALL($11::text[])
  AND (s.key_nid IS NOT NULL OR s.sender <> ALL($12::text[]))
  AND (NOT $13::boolean OR s.json LIKE '%"url":"%')
  AND (($14::text[] IS NULL AND $15::text[] IS NULL) OR (
        SELECT 1 FROM relations r WHERE r.room_nid = s.room_nid AND r.parent_id = s.event_id
          AND ($14 IS NULL OR r.rel_type = ANY($14)) AND ($15 IS NULL OR r.sender = ANY($15)) LIMIT 1) IS NOT NULL)
  AND ($16::text[] IS NULL OR (
        SELECT r.rel_type FROM relations r WHERE r.room_nid = s.room_nid AND r.child_nid = s.event_nid) = ANY($16))
  AND (cardinality($17::text[]) = 0 OR COALESCE((
        SELECT r.rel_type FROM relations r WHERE r.room_nid = s.room_nid AND r.child_nid = s.event_nid) <> ALL($17), true))
LIMIT $7
        "#,
        q.room.0,
        q.from.0.anchor,
        q.from.0.offset,
        q.to.0.anchor,
        q.to.0.offset,
        SCANNED_EVENTS,
        q.limit + 1,
        q.types as _,
        q.not_types,
        q.senders as _,
        q.not_senders,
        q.ignored,
        q.with_url,
        q.related_by_types as _,
        q.related_by_senders as _,
        q.rel_types as _,
        q.not_rel_types,
    )
}

/// The place of the last event that a page looked at, if it did not look at all.
async fn scanned_to(store: &Store, q: &PageQuery<'_>) -> Result<Option<RoomToken>, StoreError> {
    struct Place {
        anchor: i64,
        anchor_offset: i32,
    }
    let place = match q.direction {
        Direction::Backward => {
            timed(
                sqlx::query_as!(
                    Place,
                    r#"SELECT anchor AS "anchor!", anchor_offset FROM events
                       WHERE room_nid = $1 AND anchor IS NOT NULL AND (anchor, anchor_offset) < ($2::bigint, $3::int)
                         AND (anchor, anchor_offset) >= ($4::bigint, $5::int)
                       ORDER BY anchor DESC, anchor_offset DESC OFFSET $6 LIMIT 1"#,
                    q.room.0,
                    q.from.0.anchor,
                    q.from.0.offset,
                    q.to.0.anchor,
                    q.to.0.offset,
                    SCANNED_EVENTS - 1,
                )
                .fetch_optional(store.pool()),
            )
            .await?
        }
        Direction::Forward => {
            timed(
                sqlx::query_as!(
                    Place,
                    r#"SELECT anchor AS "anchor!", anchor_offset FROM events
                       WHERE room_nid = $1 AND anchor IS NOT NULL AND (anchor, anchor_offset) >= ($2::bigint, $3::int)
                         AND (anchor, anchor_offset) < ($4::bigint, $5::int)
                       ORDER BY anchor, anchor_offset OFFSET $6 LIMIT 1"#,
                    q.room.0,
                    q.from.0.anchor,
                    q.from.0.offset,
                    q.to.0.anchor,
                    q.to.0.offset,
                    SCANNED_EVENTS - 1,
                )
                .fetch_optional(store.pool()),
            )
            .await?
        }
    };
    Ok(place.map(|place| {
        let place = RoomPlace {
            anchor: place.anchor,
            offset: place.anchor_offset,
        };
        edge(q.direction, place)
    }))
}

/// An event of the room's timeline by its id.
///
/// # Errors
/// If the database does not answer.
pub async fn find_row(
    store: &Store,
    room: RoomNid,
    event_id: &str,
) -> Result<Option<TimelineRow>, StoreError> {
    let found = rows!(
        store,
        replaced: "true",
        "SELECT room_nid, event_nid, 1 AS ord FROM events
         WHERE event_id = $2 AND room_nid = $1 AND anchor IS NOT NULL AND flags & 3 = 0",
        room.0,
        event_id,
    )?;
    Ok(found.into_iter().next())
}

/// Events of the room by their numbers, in that order.
///
/// # Errors
/// If the database does not answer.
pub async fn find_rows_by_nid(
    store: &Store,
    room: RoomNid,
    nids: &[EventNid],
) -> Result<Vec<TimelineRow>, StoreError> {
    let nids: Vec<i64> = nids.iter().map(|nid| nid.0).collect();
    rows!(
        store,
        replaced: "true",
        "SELECT $1::bigint AS room_nid, n.event_nid, n.ord
         FROM UNNEST($2::bigint[]) WITH ORDINALITY AS n(event_nid, ord)",
        room.0,
        &nids,
    )
}

/// The events that are nearest to a time, up to `limit`, nearest first.
///
/// # Errors
/// If the database does not answer.
pub async fn near_time(
    store: &Store,
    room: RoomNid,
    ts_ms: u64,
    direction: Direction,
    limit: i64,
) -> Result<Vec<TimelineRow>, StoreError> {
    let ts = i64::try_from(ts_ms).unwrap_or(i64::MAX);
    match direction {
        Direction::Forward => rows!(
            store,
            replaced: "false",
            "SELECT room_nid, event_nid, row_number() OVER () AS ord FROM (
                 SELECT room_nid, event_nid FROM events
                 WHERE room_nid = $1 AND anchor IS NOT NULL AND origin_ts >= $2 AND flags & 3 = 0
                 ORDER BY origin_ts LIMIT $3) near",
            room.0,
            ts,
            limit,
        ),
        Direction::Backward => rows!(
            store,
            replaced: "false",
            "SELECT room_nid, event_nid, row_number() OVER () AS ord FROM (
                 SELECT room_nid, event_nid FROM events
                 WHERE room_nid = $1 AND anchor IS NOT NULL AND origin_ts <= $2 AND flags & 3 = 0
                 ORDER BY origin_ts DESC LIMIT $3) near",
            room.0,
            ts,
            limit,
        ),
    }
}
