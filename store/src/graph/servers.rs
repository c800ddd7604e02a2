//! Which servers are in which rooms.

use ruma::{OwnedRoomId, RoomId};

use crate::ids::{EventNid, RoomNid};
use crate::meter::timed;
use crate::{Store, StoreError};

/// Member events of one server's users that are looked at, at most.
const MAX_MEMBERS: i64 = 1_000;

/// The servers whose users have joined a room, those with most users first, up to `limit`.
///
/// # Errors
/// If the database does not answer.
pub async fn list_servers(
    store: &Store,
    room: RoomNid,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    Ok(timed(
        sqlx::query_scalar!(
            "SELECT server FROM room_servers WHERE room_nid = $1 AND joined > 0
             ORDER BY joined DESC, server LIMIT $2",
            room.0,
            limit,
        )
        .fetch_all(store.pool()),
    )
    .await?)
}

/// Whether a server has users in a room.
///
/// # Errors
/// If the database does not answer.
pub async fn is_server_in(store: &Store, room: RoomNid, server: &str) -> Result<bool, StoreError> {
    let found = timed(
        sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT 1 FROM room_servers WHERE room_nid = $1 AND server = $2 AND joined > 0)
               AS "found!""#,
            room.0,
            server,
        )
        .fetch_one(store.pool()),
    )
    .await?;
    Ok(found)
}

/// The rooms that a server has users in, behind `after` in the order of their numbers, up to
/// `limit`.
///
/// # Errors
/// If the database does not answer or a row is corrupt.
pub async fn list_rooms_of_server(
    store: &Store,
    server: &str,
    after: RoomNid,
    limit: i64,
) -> Result<Vec<(RoomNid, OwnedRoomId)>, StoreError> {
    let rows = timed(
        sqlx::query!(
            "SELECT s.room_nid, r.room_id FROM room_servers s JOIN rooms r ON r.room_nid = s.room_nid
             WHERE s.server = $1 AND s.joined > 0 AND s.room_nid > $2 ORDER BY s.room_nid LIMIT $3",
            server,
            after.0,
            limit,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    rows.into_iter()
        .map(|row| {
            let room_id = RoomId::parse(&row.room_id).map_err(|_| StoreError::Corrupt {
                table: "rooms",
                id: row.room_id,
            })?;
            Ok((RoomNid(row.room_nid), room_id))
        })
        .collect()
}

/// Users of a server who are, or were, something to a room: a thousand at most.
///
/// # Errors
/// If the database does not answer.
pub async fn list_users_of_server(
    store: &Store,
    room: RoomNid,
    server: &str,
) -> Result<Vec<String>, StoreError> {
    let users = timed(
        sqlx::query_scalar!(
            "SELECT user_id FROM memberships
             WHERE room_nid = $1 AND substring(user_id from position(':' in user_id) + 1) = $2
             ORDER BY user_id LIMIT $3",
            room.0,
            server,
            MAX_MEMBERS,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(users)
}

/// The newest events of a room up to one of some events, those included, newest first: accepted ones
/// that have their place.
///
/// # Errors
/// If the database does not answer.
pub async fn list_before(
    store: &Store,
    room: RoomNid,
    from: &[&str],
    limit: i64,
) -> Result<Vec<EventNid>, StoreError> {
    let rows = timed(
        sqlx::query_scalar!(
            "SELECT e.event_nid FROM events e
             WHERE e.room_nid = $1 AND e.anchor IS NOT NULL AND e.flags & 19 = 0
               AND (e.anchor, e.anchor_offset) <= (
                   SELECT f.anchor, f.anchor_offset FROM events f
                   WHERE f.event_id = ANY($2) AND f.room_nid = $1 AND f.anchor IS NOT NULL
                   ORDER BY f.anchor DESC, f.anchor_offset DESC LIMIT 1)
             ORDER BY e.anchor DESC, e.anchor_offset DESC LIMIT $3",
            room.0,
            from as _,
            limit,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows.into_iter().map(EventNid).collect())
}

/// What some events follow on, back to (and without) others: up to `limit` steps back.
///
/// # Errors
/// If the database does not answer.
pub async fn list_between(
    store: &Store,
    room: RoomNid,
    earliest: &[&str],
    latest: &[&str],
    min_depth: i64,
    limit: i32,
) -> Result<Vec<EventNid>, StoreError> {
    let rows = timed(
        sqlx::query_scalar!(
            r#"
WITH RECURSIVE known AS (
    SELECT event_nid FROM events WHERE room_nid = $1 AND event_id = ANY($2)
), walk(event_nid, n) AS (
    SELECT DISTINCT UNNEST(e.prev_nids), 1 FROM events e WHERE e.event_id = ANY($3) AND e.room_nid = $1
    UNION
    SELECT p.nid, w.n + 1 FROM walk w
    JOIN events e ON e.room_nid = $1 AND e.event_nid = w.event_nid
    CROSS JOIN LATERAL UNNEST(e.prev_nids) AS p(nid)
    WHERE w.n < $5 AND e.depth >= $4 AND NOT (e.event_nid = ANY (ARRAY(SELECT event_nid FROM known)))
)
SELECT e.event_nid AS "event_nid!"
FROM (SELECT event_nid, min(n) AS n FROM walk GROUP BY event_nid) w
JOIN events e ON e.room_nid = $1 AND e.event_nid = w.event_nid
WHERE NOT (e.event_nid = ANY (ARRAY(SELECT event_nid FROM known))) AND e.depth >= $4 AND e.flags & 17 = 0
  AND NOT (e.event_id = ANY($3))
ORDER BY w.n, e.depth DESC, e.event_nid DESC LIMIT $5
            "#,
            room.0,
            earliest as _,
            latest as _,
            min_depth,
            limit,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows.into_iter().map(EventNid).collect())
}
