//! What push gateways are to be told, and what became of it.

use super::counts;
use crate::ids::{EventNid, Position, RoomNid};
use crate::meter::timed;
use crate::{Store, StoreError};

/// Rooms of one user whose unread messages are added up, at most.
const MAX_ROOMS: i64 = 50_000;

/// Notifications that wait for one pusher, at most: the newest.
const MAX_QUEUED: i64 = 1_000;

/// A pusher of somebody in a room.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PusherKey {
    /// Whose.
    pub user: String,
    /// Of which application.
    pub app_id: String,
    /// Its key there.
    pub pushkey: String,
}

/// A pusher that has something to tell.
#[derive(Debug, Clone)]
pub struct DuePusher {
    /// Which.
    pub key: PusherKey,
    /// Its `data`, JSON.
    pub data: String,
    /// The host of its gateway.
    pub gateway: String,
    /// When it was set, in milliseconds since 1970.
    pub created_at: i64,
    /// The newest thing that it has not been told.
    pub due: Position,
    /// Attempts that failed one after another.
    pub failures: i32,
    /// The number of unread messages that it was told last.
    pub told_unread: i64,
}

/// An event that a pusher is to be told of.
#[derive(Debug, Clone)]
pub struct Queued {
    /// The event's position.
    pub position: Position,
    /// The room.
    pub room_id: String,
    /// The room's version.
    pub version: String,
    /// The event's id.
    pub event_id: String,
    /// The event.
    pub json: String,
    /// When it came, as its server said, in milliseconds since 1970.
    pub origin_ts: i64,
    /// What the rule does, as JSON.
    pub actions: String,
    /// The sender's name in the room.
    pub sender_name: Option<String>,
    /// `m.room.name`
    pub name: Option<String>,
    /// `m.room.canonical_alias`
    pub alias: Option<String>,
}

/// The pushers of those who are in some rooms, or invited to them: room, whether they are in it,
/// and the pusher. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn pushers_in(
    store: &Store,
    rooms: &[RoomNid],
) -> Result<Vec<(RoomNid, bool, PusherKey)>, StoreError> {
    if rooms.is_empty() {
        return Ok(Vec::new());
    }
    let rows = timed(
        sqlx::query!(
            "SELECT m.room_nid, m.membership, p.user_id, p.app_id, p.pushkey
             FROM pushers p JOIN memberships m ON m.user_id = p.user_id AND m.room_nid = ANY($1)
             WHERE p.kind = 'http' AND m.membership IN (1, 2) AND m.is_local",
            &rooms.iter().map(|room| room.0).collect::<Vec<_>>(),
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let pushers = rows.into_iter().map(|row| {
        let key = PusherKey {
            user: row.user_id,
            app_id: row.app_id,
            pushkey: row.pushkey,
        };
        (RoomNid(row.room_nid), row.membership == 2, key)
    });
    Ok(pushers.collect())
}

/// Pushers whose time has come, those that wait longest first; without some pushers, and without
/// those of some gateways.
///
/// # Errors
/// If the database does not answer.
pub async fn due_pushers(
    store: &Store,
    now_ms: u64,
    without: &[&PusherKey],
    without_gateways: &[&str],
    limit: i64,
) -> Result<Vec<DuePusher>, StoreError> {
    let rows = timed(
        sqlx::query!(
            r#"SELECT user_id, app_id, pushkey, data, gateway, created_at, due AS "due!", failures, told_unread
               FROM pushers
               WHERE due IS NOT NULL AND retry_at <= $1 AND gateway <> ALL($5)
                 AND NOT EXISTS (SELECT 1 FROM UNNEST($2::text[], $3::text[], $4::text[]) AS w(user_id, app_id, pushkey)
                                 WHERE w.user_id = pushers.user_id AND w.app_id = pushers.app_id
                                   AND w.pushkey = pushers.pushkey)
               ORDER BY retry_at LIMIT $6"#,
            i64::try_from(now_ms).unwrap_or(i64::MAX),
            &without.iter().map(|key| key.user.as_str()).collect::<Vec<_>>() as _,
            &without.iter().map(|key| key.app_id.as_str()).collect::<Vec<_>>() as _,
            &without.iter().map(|key| key.pushkey.as_str()).collect::<Vec<_>>() as _,
            without_gateways as _,
            limit,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let pushers = rows.into_iter().map(|row| DuePusher {
        key: PusherKey {
            user: row.user_id,
            app_id: row.app_id,
            pushkey: row.pushkey,
        },
        data: row.data,
        gateway: row.gateway,
        created_at: row.created_at,
        due: Position(row.due),
        failures: row.failures,
        told_unread: row.told_unread,
    });
    Ok(pushers.collect())
}

/// The oldest event that a pusher is to be told of.
///
/// # Errors
/// If the database does not answer.
pub async fn next_queued(store: &Store, key: &PusherKey) -> Result<Option<Queued>, StoreError> {
    let row = timed(
        sqlx::query!(
            r#"
SELECT q.position, q.actions, r.room_id, r.version, e.event_id, e.json, e.origin_ts,
       m.display_name AS "sender_name?", n.json AS "name?", a.json AS "alias?"
FROM push_queue q
JOIN rooms r ON r.room_nid = q.room_nid
JOIN events e ON e.room_nid = q.room_nid AND e.event_nid = q.event_nid
LEFT JOIN memberships m ON m.room_nid = q.room_nid AND m.user_id = e.sender
LEFT JOIN (state_keys nk JOIN current_state nc ON nc.key_nid = nk.key_nid
           JOIN events n ON n.room_nid = nc.room_nid AND n.event_nid = nc.event_nid)
    ON nk.type = 'm.room.name' AND nk.state_key = '' AND nc.room_nid = q.room_nid
LEFT JOIN (state_keys ak JOIN current_state ac ON ac.key_nid = ak.key_nid
           JOIN events a ON a.room_nid = ac.room_nid AND a.event_nid = ac.event_nid)
    ON ak.type = 'm.room.canonical_alias' AND ak.state_key = '' AND ac.room_nid = q.room_nid
WHERE q.user_id = $1 AND q.app_id = $2 AND q.pushkey = $3
ORDER BY q.position LIMIT 1
            "#,
            key.user,
            key.app_id,
            key.pushkey,
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(row.map(|row| Queued {
        position: Position(row.position),
        room_id: row.room_id,
        version: row.version,
        event_id: row.event_id,
        json: row.json,
        origin_ts: row.origin_ts,
        actions: row.actions,
        sender_name: row.sender_name,
        name: row.name,
        alias: row.alias,
    }))
}

/// Unread messages of a user in all rooms they are in.
///
/// # Errors
/// If the database does not answer.
pub async fn unread_total(store: &Store, user: &str) -> Result<i64, StoreError> {
    let mut connection = store.pool().acquire().await?;
    let rooms = timed(
        sqlx::query_scalar!(
            "SELECT room_nid FROM memberships WHERE user_id = $1 AND membership = 2 LIMIT $2",
            user,
            MAX_ROOMS,
        )
        .fetch_all(&mut *connection),
    )
    .await?;
    let pairs: Vec<(RoomNid, &str)> = rows_of(&rooms, user);
    let found = counts::read(&mut connection, &pairs).await?;
    let rooms = found.rooms.values();
    Ok(rooms.map(|room| i64::from(room.total().notified)).sum())
}

fn rows_of<'a>(rooms: &[i64], user: &'a str) -> Vec<(RoomNid, &'a str)> {
    rooms.iter().map(|room| (RoomNid(*room), user)).collect()
}

/// A gateway has taken an event (or it is not told any more), and `unread` with it.
///
/// # Errors
/// If the database does not answer.
pub async fn delivered(
    store: &Store,
    key: &PusherKey,
    position: Position,
    unread: Option<i64>,
) -> Result<(), StoreError> {
    timed(
        sqlx::query!(
            "WITH told AS (
                 UPDATE pushers SET failures = 0, told_unread = $5
                 WHERE user_id = $1 AND app_id = $2 AND pushkey = $3 AND $5::bigint IS NOT NULL)
             DELETE FROM push_queue
             WHERE user_id = $1 AND app_id = $2 AND pushkey = $3 AND position = $4",
            key.user,
            key.app_id,
            key.pushkey,
            position.0,
            unread,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// A pusher knows all up to `due`, and `unread` with it.
///
/// # Errors
/// If the database does not answer.
pub async fn settled(
    store: &Store,
    key: &PusherKey,
    due: Position,
    unread: i64,
) -> Result<(), StoreError> {
    timed(
        sqlx::query!(
            "UPDATE pushers SET failures = 0, told_unread = $5, due = CASE WHEN due > $4 THEN due END
             WHERE user_id = $1 AND app_id = $2 AND pushkey = $3",
            key.user,
            key.app_id,
            key.pushkey,
            due.0,
            unread,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// An attempt failed: the next one is made at `retry_at_ms`. Of what waits the newest is kept.
///
/// # Errors
/// If the database does not answer.
pub async fn failed(store: &Store, key: &PusherKey, retry_at_ms: u64) -> Result<(), StoreError> {
    timed(
        sqlx::query!(
            "WITH later AS (
                 UPDATE pushers SET failures = failures + 1, retry_at = $4
                 WHERE user_id = $1 AND app_id = $2 AND pushkey = $3)
             DELETE FROM push_queue
             WHERE user_id = $1 AND app_id = $2 AND pushkey = $3 AND position <= (
                 SELECT position FROM push_queue
                 WHERE user_id = $1 AND app_id = $2 AND pushkey = $3
                 ORDER BY position DESC OFFSET $5 LIMIT 1)",
            key.user,
            key.app_id,
            key.pushkey,
            i64::try_from(retry_at_ms).unwrap_or(i64::MAX),
            MAX_QUEUED,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// How many pushers have something to tell, and how many of them failed before.
///
/// # Errors
/// If the database does not answer.
pub async fn waiting(store: &Store) -> Result<(i64, i64), StoreError> {
    let row = timed(
        sqlx::query!(
            r#"SELECT count(*) AS "waiting!", count(*) FILTER (WHERE failures > 0) AS "failing!"
               FROM pushers WHERE due IS NOT NULL"#
        )
        .fetch_one(store.pool()),
    )
    .await?;
    Ok((row.waiting, row.failing))
}

/// A notification to be queued.
#[derive(Debug, Clone)]
pub struct NewQueued {
    /// For which pusher.
    pub pusher: PusherKey,
    /// The room.
    pub room: RoomNid,
    /// The event's position.
    pub position: Position,
    /// Its number.
    pub event: EventNid,
    /// Its thread.
    pub thread: std::sync::Arc<str>,
    /// What the rule does, as JSON.
    pub actions: std::sync::Arc<str>,
}
