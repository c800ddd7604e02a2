//! Events that relate to an event, and threads.

use ruma::UserId;

use super::page::{Direction, Page};
use super::row::rows;
use super::{RoomToken, TimelineRow};
use crate::ids::{RoomNid, RoomPlace};
use crate::meter::timed;
use crate::{Store, StoreError};

/// How far relations of relations are followed.
pub const FOLLOWED_RELATIONS: i32 = 3;

/// Related events that are looked at, at most, where relations of relations are followed.
const SCANNED_RELATIONS: i64 = 10_000;

/// Which related events are wanted.
#[derive(Debug, Clone, Copy)]
pub struct RelationQuery<'a> {
    /// The room.
    pub room: RoomNid,
    /// The event they relate to.
    pub parent_id: &'a str,
    /// How they relate.
    pub rel_type: Option<&'a str>,
    /// Their type.
    pub event_type: Option<&'a str>,
    /// Senders that are left out.
    pub ignored: &'a [String],
    /// Whether to follow relations of relations, [`FOLLOWED_RELATIONS`] deep.
    pub recurse: bool,
    /// Which way.
    pub direction: Direction,
    /// Where to begin.
    pub from: RoomToken,
    /// Where to stop.
    pub to: RoomToken,
    /// Events, at most.
    pub limit: i64,
}

/// A page of the events that relate to an event, in the room's order.
///
/// # Errors
/// If the database does not answer.
pub async fn related(store: &Store, query: &RelationQuery<'_>) -> Result<Page, StoreError> {
    let (low, high) = match query.direction {
        Direction::Backward => (query.to, query.from),
        Direction::Forward => (query.from, query.to),
    };
    let depth = if query.recurse { FOLLOWED_RELATIONS } else { 1 };
    let is_backward = query.direction == Direction::Backward;
    let mut rows = related_rows(store, query, low, high, depth, is_backward).await?;
    let limit = usize::try_from(query.limit).unwrap_or(0);
    let is_more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().and_then(|row| row.place);
    let next = last.filter(|_| is_more).map(|place| match query.direction {
        Direction::Backward => RoomToken::before(place),
        Direction::Forward => RoomToken::after(place),
    });
    Ok(Page { rows, next })
}

async fn related_rows(
    store: &Store,
    query: &RelationQuery<'_>,
    low: RoomToken,
    high: RoomToken,
    depth: i32,
    is_backward: bool,
) -> Result<Vec<TimelineRow>, StoreError> {
    rows!(
        store,
        replaced: "false",
        r#"
WITH RECURSIVE tree(child_nid, rel_type, type, sender, anchor, anchor_offset, depth) AS (
    SELECT r.child_nid, r.rel_type, r.type, r.sender, r.anchor, r.anchor_offset, 1
    FROM relations r WHERE r.room_nid = $1 AND r.parent_id = $2
    UNION ALL
    SELECT r.child_nid, r.rel_type, r.type, r.sender, r.anchor, r.anchor_offset, t.depth + 1
    FROM tree t
    JOIN events c ON c.room_nid = $1 AND c.event_nid = t.child_nid
    CROSS JOIN LATERAL (
        SELECT * FROM relations n WHERE n.room_nid = $1 AND n.parent_id = c.event_id LIMIT $13
    ) r
    WHERE t.depth < $10
), scanned AS (SELECT * FROM tree LIMIT $13)
SELECT $1::bigint AS room_nid, t.child_nid AS event_nid,
       row_number() OVER (ORDER BY (CASE WHEN $11::boolean THEN -t.anchor ELSE t.anchor END),
                                   (CASE WHEN $11 THEN -t.anchor_offset ELSE t.anchor_offset END)) AS ord
FROM scanned t
JOIN events f ON f.room_nid = $1 AND f.event_nid = t.child_nid AND f.flags & 3 = 0
WHERE ($3::text IS NULL OR t.rel_type = $3) AND ($4::text IS NULL OR t.type = $4) AND t.sender <> ALL($5::text[])
  AND (t.anchor, t.anchor_offset) >= ($6::bigint, $7::int) AND (t.anchor, t.anchor_offset) < ($8::bigint, $9::int)
ORDER BY ord LIMIT $12
        "#,
        query.room.0,
        query.parent_id,
        query.rel_type,
        query.event_type,
        query.ignored,
        low.0.anchor,
        low.0.offset,
        high.0.anchor,
        high.0.offset,
        depth,
        is_backward,
        query.limit + 1,
        SCANNED_RELATIONS,
    )
}

/// A thread.
#[derive(Debug, Clone)]
pub struct Thread {
    /// Its root.
    pub root_nid: crate::ids::EventNid,
    /// The place of its newest event.
    pub newest: RoomPlace,
}

/// Threads of a room, the one with the newest event first, up to `limit`.
///
/// With `participant`, only threads that this user began or took part in.
///
/// # Errors
/// If the database does not answer.
pub async fn thread_roots(
    store: &Store,
    room: RoomNid,
    before: RoomToken,
    participant: Option<&UserId>,
    ignored: &[String],
    limit: i64,
) -> Result<Vec<Thread>, StoreError> {
    let rows = timed(
        sqlx::query!(
            r#"
SELECT o.event_nid, s.anchor, s.anchor_offset
FROM (SELECT r.room_nid, r.parent_id, r.anchor, r.anchor_offset, r.sender FROM relations r
      WHERE r.room_nid = $1 AND r.rel_type = 'm.thread' AND (r.anchor, r.anchor_offset) < ($2::bigint, $3::int)
      ORDER BY r.anchor DESC, r.anchor_offset DESC LIMIT $7) s
JOIN events o ON o.event_id = s.parent_id AND o.room_nid = s.room_nid AND o.flags & 3 = 0 AND o.anchor IS NOT NULL
WHERE s.sender <> ALL($5::text[]) AND o.sender <> ALL($5)
  AND (SELECT 1 FROM relations n WHERE n.room_nid = s.room_nid AND n.parent_id = s.parent_id
       AND n.rel_type = 'm.thread' AND n.sender <> ALL($5)
       AND (n.anchor, n.anchor_offset) > (s.anchor, s.anchor_offset) LIMIT 1) IS NULL
  AND ($4::text IS NULL OR o.sender = $4 OR (
        SELECT 1 FROM relations m WHERE m.room_nid = s.room_nid AND m.parent_id = s.parent_id
        AND m.rel_type = 'm.thread' AND m.sender = $4 LIMIT 1) IS NOT NULL)
ORDER BY s.anchor DESC, s.anchor_offset DESC LIMIT $6
            "#,
            room.0,
            before.0.anchor,
            before.0.offset,
            participant.map(UserId::as_str),
            ignored,
            limit,
            SCANNED_RELATIONS,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Thread {
            root_nid: crate::ids::EventNid(row.event_nid),
            newest: RoomPlace {
                anchor: row.anchor,
                offset: row.anchor_offset,
            },
        })
        .collect())
}
