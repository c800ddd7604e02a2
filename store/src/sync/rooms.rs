//! The rooms of a user.

use causeway_events::invites::{INVITE_PERMISSION_TYPES, InvitePermission};
use ruma::{OwnedRoomId, UserId};

use super::Snapshot;
use crate::ids::{EventNid, KeyNid, Position, RoomNid, StateRef};
use crate::log::Membership;
use crate::meter::timed;
use crate::{Store, StoreError};

/// Rooms of one user that are looked at, at most.
const MAX_ROOMS: i64 = 50_000;

/// Own member events since the client's position that are looked at, for each room.
const MAX_OWN_CHANGES: i64 = 200;

/// A room in which the user has a membership.
#[derive(Debug, Clone)]
pub struct RoomOfUser {
    /// The room.
    pub room: RoomNid,
    /// Its id.
    pub room_id: OwnedRoomId,
    /// The room version.
    pub version: String,
    /// What the user is to it.
    pub membership: Membership,
    /// Whether the user was ever in it.
    pub was_joined: bool,
    /// Since when, in the log: the position of the user's member event.
    pub position: Position,
    /// The key of that event.
    pub key: KeyNid,
    /// Its number.
    pub event: EventNid,
    /// Its id.
    pub event_id: String,
    /// Its sender.
    pub sender: String,
    /// The event.
    pub json: String,
    /// The state after it.
    pub state: StateRef,
    /// The user's member events after the asked position, oldest first.
    pub changes: Vec<String>,
    /// The member event that stood at the asked position, where there are `changes`.
    pub before: Option<String>,
    /// Members who have joined.
    pub joined_members: i32,
    /// Members who are invited.
    pub invited_members: i32,
}

/// The user's rooms, without forgotten ones: joined, invited and knocked ones, those left since
/// `since`, and with `all_left` those left before. One query.
///
/// # Errors
/// If the database does not answer or a row is corrupt.
pub async fn rooms_of(
    snapshot: &mut Snapshot,
    user: &UserId,
    since: Position,
    all_left: bool,
) -> Result<Vec<RoomOfUser>, StoreError> {
    let rows = timed(
        sqlx::query!(
            r#"
SELECT m.room_nid, r.room_id, r.version, m.membership, m.was_joined, m.position, m.key_nid, m.event_nid,
       m.sender, e.event_id, e.json, e.line, e.step, h.joined_members, h.invited_members,
       own.jsons AS changes, p.json AS "before?"
FROM memberships m
JOIN rooms r ON r.room_nid = m.room_nid
JOIN room_heads h ON h.room_nid = m.room_nid
JOIN events e ON e.room_nid = m.room_nid AND e.event_nid = m.event_nid
LEFT JOIN LATERAL (
    SELECT array_agg(o.json ORDER BY o.anchor) AS jsons, (array_agg(o.replaces ORDER BY o.anchor))[1] AS first
    FROM (SELECT o.json, o.replaces, o.anchor FROM events o
          WHERE o.room_nid = m.room_nid AND o.anchor > $2 AND o.anchor_offset = 0
            AND o.key_nid = m.key_nid AND o.flags & 3 = 0
          ORDER BY o.anchor LIMIT $5) o
) own ON m.position > $2 AND $2 > 0
LEFT JOIN events p ON p.room_nid = m.room_nid AND p.event_nid = own.first
WHERE m.user_id = $1 AND NOT m.forgotten AND (m.membership IN (1, 2, 3) OR $3 OR m.position > $2)
ORDER BY m.room_nid LIMIT $4
            "#,
            user.as_str(),
            since.0,
            all_left,
            MAX_ROOMS,
            MAX_OWN_CHANGES,
        )
        .fetch_all(snapshot.connection()),
    )
    .await?;
    rows.into_iter()
        .map(|row| {
            let membership = Membership::from_number(row.membership);
            let room_id = OwnedRoomId::try_from(row.room_id).ok();
            let (Some(membership), Some(room_id)) = (membership, room_id) else {
                return Err(corrupt(row.room_nid, user));
            };
            Ok(RoomOfUser {
                room: RoomNid(row.room_nid),
                room_id,
                version: row.version,
                membership,
                was_joined: row.was_joined,
                position: Position(row.position),
                key: KeyNid(row.key_nid),
                event: EventNid(row.event_nid),
                event_id: row.event_id,
                sender: row.sender,
                json: row.json,
                state: StateRef {
                    line: row.line,
                    step: row.step,
                },
                changes: row.changes.unwrap_or_default(),
                before: row.before,
                joined_members: row.joined_members,
                invited_members: row.invited_members,
            })
        })
        .collect()
}

fn corrupt(room: i64, user: &UserId) -> StoreError {
    StoreError::Corrupt {
        table: "memberships",
        id: format!("{room} {user}"),
    }
}

/// A room that a user has joined.
#[derive(Debug, Clone)]
pub struct OnlineRoom {
    /// The room.
    pub room: RoomNid,
    /// Its id.
    pub room_id: OwnedRoomId,
    /// Position of the member event.
    pub position: Position,
}

/// What is kept in memory about a user who syncs.
#[derive(Debug, Clone, Default)]
pub struct OnlineUser {
    /// Joined rooms.
    pub rooms: Vec<OnlineRoom>,
    /// Content of `m.ignored_user_list`.
    pub ignored: Option<String>,
    /// Whose invites the user takes, those of ignored users aside.
    pub invites: InvitePermission,
    /// Devices for which messages wait.
    pub waiting_devices: Vec<String>,
    /// What the user last said about their presence.
    pub status_msg: Option<String>,
}

/// Loads it: two queries.
///
/// # Errors
/// If the database does not answer or a row is corrupt.
pub async fn load_online(store: &Store, user: &UserId) -> Result<OnlineUser, StoreError> {
    let rows = timed(
        sqlx::query!(
            "SELECT m.room_nid, r.room_id, m.position FROM memberships m JOIN rooms r ON r.room_nid = m.room_nid
             WHERE m.user_id = $1 AND m.membership = 2 LIMIT $2",
            user.as_str(),
            MAX_ROOMS,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let own = timed(
        sqlx::query!(
            r#"SELECT ARRAY(SELECT type FROM account_data
                            WHERE user_id = $1 AND room_nid = 0 AND type = ANY($2) ORDER BY type) AS "types!",
                      ARRAY(SELECT content FROM account_data
                            WHERE user_id = $1 AND room_nid = 0 AND type = ANY($2) ORDER BY type) AS "contents!",
                      (SELECT status_msg FROM presence WHERE user_id = $1) AS status_msg,
                      ARRAY(SELECT DISTINCT device_id FROM to_device WHERE user_id = $1) AS "waiting!""#,
            user.as_str(),
            &INVITE_PERMISSION_TYPES[..] as _,
        )
        .fetch_one(store.pool()),
    )
    .await?;
    let (mut ignored, mut invites) = (None, InvitePermission::default());
    for (event_type, content) in own.types.into_iter().zip(own.contents) {
        if event_type == "m.ignored_user_list" {
            ignored = Some(content);
        } else {
            invites.set(&event_type, &content);
        }
    }
    let rooms = rows.into_iter().map(|row| {
        Ok(OnlineRoom {
            room: RoomNid(row.room_nid),
            room_id: OwnedRoomId::try_from(row.room_id).map_err(|_| corrupt(row.room_nid, user))?,
            position: Position(row.position),
        })
    });
    Ok(OnlineUser {
        rooms: rooms.collect::<Result<_, StoreError>>()?,
        ignored,
        invites,
        waiting_devices: own.waiting,
        status_msg: own.status_msg,
    })
}

/// The joined rooms of some users, as `(user, room)`. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn joined_rooms(
    store: &Store,
    users: &[&str],
) -> Result<Vec<(String, RoomNid)>, StoreError> {
    let rows = timed(
        sqlx::query!(
            "SELECT user_id, room_nid FROM memberships WHERE user_id = ANY($1) AND membership = 2 LIMIT $2",
            users as _,
            MAX_ROOMS,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.user_id, RoomNid(row.room_nid)))
        .collect())
}
