//! Memberships.

use ruma::{OwnedRoomId, OwnedUserId, UserId};

use crate::ids::{EventNid, KeyNid, Position, RoomNid};
use crate::log::{ChainPlace, Membership};
use crate::meter::timed;
use crate::{Store, StoreError};

/// A row of `memberships` with its event.
#[derive(Debug, Clone)]
pub struct MemberRow {
    /// Whose.
    pub user: OwnedUserId,
    /// The membership.
    pub membership: Membership,
    /// Whether the user has forgotten the room.
    pub forgotten: bool,
    /// Whether the user has ever been in the room.
    pub was_joined: bool,
    /// The key of the member event.
    pub key: KeyNid,
    /// Number of the member event.
    pub event: EventNid,
    /// Id of the member event.
    pub event_id: String,
    /// The member event.
    pub json: String,
    /// Its place in the index of auth chains.
    pub index: Option<ChainPlace>,
    /// Whether that is the end of its chain.
    pub is_end: bool,
    /// Since when, in the log.
    pub position: Position,
}

fn corrupt(id: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt {
        table: "memberships",
        id: id.to_string(),
    }
}

/// The memberships of some users in a room; users who have none are absent.
///
/// # Errors
/// If the database does not answer or a row is corrupt.
pub async fn find_members(
    store: &Store,
    room: RoomNid,
    users: &[&str],
) -> Result<Vec<MemberRow>, StoreError> {
    let rows = timed(
        sqlx::query!(
            r#"
SELECT m.user_id, m.membership, m.forgotten, m.was_joined, m.key_nid, m.event_nid, m.position, e.event_id, e.json,
       e.chain, e.chain_seq, e.reach,
       NOT EXISTS (SELECT 1 FROM events f WHERE f.room_nid = e.room_nid AND f.chain = coalesce(e.chain, e.event_nid)
                   AND f.chain_seq = coalesce(e.chain_seq, 1) + 1) AS "is_end!"
FROM memberships m
JOIN events e ON e.room_nid = m.room_nid AND e.event_nid = m.event_nid
WHERE m.room_nid = $1 AND m.user_id = ANY($2)
            "#,
            room.0,
            users as _,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(MemberRow {
                membership: Membership::from_number(row.membership)
                    .ok_or_else(|| corrupt(&row.user_id))?,
                user: UserId::parse(row.user_id).map_err(corrupt)?,
                forgotten: row.forgotten,
                was_joined: row.was_joined,
                key: KeyNid(row.key_nid),
                event: EventNid(row.event_nid),
                event_id: row.event_id,
                json: row.json,
                index: ChainPlace::stored(row.event_nid, row.chain, row.chain_seq, row.reach),
                is_end: row.is_end,
                position: Position(row.position),
            })
        })
        .collect()
}

/// Rooms that two users have both joined.
#[derive(Debug)]
pub struct MutualRooms {
    /// How many there are.
    pub count: u64,
    /// Those behind the room asked for, in the order of their numbers.
    pub page: Vec<(RoomNid, OwnedRoomId)>,
}

/// Rooms that two users have both joined: their number, and up to `limit` of those behind `after`.
///
/// # Errors
/// If the database does not answer or a row is corrupt.
pub async fn list_mutual_rooms(
    store: &Store,
    one: &UserId,
    other: &UserId,
    after: RoomNid,
    limit: i64,
) -> Result<MutualRooms, StoreError> {
    let joined = Membership::Join as i16;
    let rows = timed(
        sqlx::query!(
            r#"
WITH mutual AS (
    SELECT a.room_nid FROM memberships a JOIN memberships b ON b.room_nid = a.room_nid
    WHERE a.user_id = $1 AND a.membership = $3 AND b.user_id = $2 AND b.membership = $3
), page AS (
    SELECT room_nid FROM mutual WHERE room_nid > $4 ORDER BY room_nid LIMIT $5
)
SELECT (SELECT count(*) FROM mutual) AS "count!", p.room_nid AS "room_nid?", r.room_id AS "room_id?"
FROM (SELECT) one LEFT JOIN (page p JOIN rooms r ON r.room_nid = p.room_nid) ON true
ORDER BY p.room_nid
            "#,
            one.as_str(),
            other.as_str(),
            joined,
            after.0,
            limit,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let mut mutual = MutualRooms {
        count: 0,
        page: Vec::new(),
    };
    for row in rows {
        mutual.count = u64::try_from(row.count).unwrap_or(0);
        if let (Some(nid), Some(id)) = (row.room_nid, row.room_id) {
            mutual
                .page
                .push((RoomNid(nid), OwnedRoomId::try_from(id).map_err(corrupt)?));
        }
    }
    Ok(mutual)
}

/// Rooms of a user with one of some memberships, forgotten ones apart, up to `limit`.
///
/// # Errors
/// If the database does not answer or a row is corrupt.
pub async fn list_rooms_of(
    store: &Store,
    user: &UserId,
    memberships: &[Membership],
    limit: i64,
) -> Result<Vec<(RoomNid, OwnedRoomId, Membership)>, StoreError> {
    let wanted: Vec<i16> = memberships
        .iter()
        .map(|membership| *membership as i16)
        .collect();
    let rows = timed(
        sqlx::query!(
            "SELECT m.room_nid, r.room_id, m.membership FROM memberships m JOIN rooms r ON r.room_nid = m.room_nid
             WHERE m.user_id = $1 AND m.membership = ANY($2) AND NOT m.forgotten
             ORDER BY m.room_nid LIMIT $3",
            user.as_str(),
            &wanted,
            limit,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    rows.into_iter()
        .map(|row| {
            let membership =
                Membership::from_number(row.membership).ok_or_else(|| corrupt(row.room_nid))?;
            let room_id = OwnedRoomId::try_from(row.room_id).map_err(corrupt)?;
            Ok((RoomNid(row.room_nid), room_id, membership))
        })
        .collect()
}

/// Marks a room that the user has left as forgotten. Gives whether there was one.
///
/// # Errors
/// If the database does not answer.
pub async fn forget(store: &Store, room: RoomNid, user: &UserId) -> Result<bool, StoreError> {
    let done = timed(
        sqlx::query!(
            "UPDATE memberships SET forgotten = true
             WHERE room_nid = $1 AND user_id = $2 AND membership IN (4, 5)",
            room.0,
            user.as_str(),
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(done.rows_affected() > 0)
}
