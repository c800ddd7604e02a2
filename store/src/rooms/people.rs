//! What the write path asks about people: profiles, refusals of invites, who is in which room.

use std::collections::HashMap;

use causeway_events::invites::{INVITE_PERMISSION_TYPES, InvitePermission};
use ruma::{OwnedUserId, UserId};

use crate::ids::RoomNid;
use crate::meter::timed;
use crate::{Store, StoreError};

/// Name and picture of a user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Face {
    /// Whose.
    pub user_id: String,
    /// `displayname`, where it is a string that is not empty.
    pub display_name: Option<String>,
    /// `avatar_url`, where it is a string that is not empty.
    pub avatar_url: Option<String>,
}

/// Names and pictures of some users of this server; users who have neither are absent.
///
/// # Errors
/// If the database does not answer.
pub async fn list_faces(store: &Store, users: &[&str]) -> Result<Vec<Face>, StoreError> {
    let rows = timed(
        sqlx::query!(
            "SELECT user_id, field, value FROM profiles
             WHERE user_id = ANY($1) AND field IN ('displayname', 'avatar_url')
             ORDER BY user_id",
            users as _,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let mut faces: Vec<Face> = Vec::new();
    for row in rows {
        if faces.last().is_none_or(|face| face.user_id != row.user_id) {
            faces.push(Face {
                user_id: row.user_id,
                ..Face::default()
            });
        }
        let value = row.value.as_str().filter(|value| !value.is_empty());
        if let Some(face) = faces.last_mut() {
            match row.field.as_str() {
                "displayname" => face.display_name = value.map(str::to_owned),
                _ => face.avatar_url = value.map(str::to_owned),
            }
        }
    }
    Ok(faces)
}

/// Whose invites some users take, by user. Who says nothing about it is absent. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn list_invite_permissions(
    store: &Store,
    users: &[&str],
) -> Result<HashMap<String, InvitePermission>, StoreError> {
    let rows = timed(
        sqlx::query!(
            "SELECT user_id, type, content FROM account_data
             WHERE user_id = ANY($1) AND room_nid = 0 AND type = ANY($2)",
            users as _,
            &INVITE_PERMISSION_TYPES[..] as _,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let mut permissions: HashMap<String, InvitePermission> = HashMap::new();
    for row in rows {
        let permission = permissions.entry(row.user_id).or_default();
        permission.set(&row.r#type, &row.content);
    }
    Ok(permissions)
}

/// Whether the user has joined one of these rooms.
///
/// # Errors
/// If the database does not answer.
pub async fn has_joined_any(
    store: &Store,
    user: &UserId,
    room_ids: &[&str],
) -> Result<bool, StoreError> {
    let found = timed(
        sqlx::query_scalar!(
            r#"SELECT EXISTS (
                 SELECT 1 FROM rooms r JOIN memberships m ON m.room_nid = r.room_nid
                 WHERE r.room_id = ANY($2) AND m.user_id = $1 AND m.membership = 2
               ) AS "found!""#,
            user.as_str(),
            room_ids as _,
        )
        .fetch_one(store.pool()),
    )
    .await?;
    Ok(found)
}

/// Users of this server who have joined the room, up to `limit`; with `guests`, those of them whose
/// accounts are guests'.
///
/// # Errors
/// If the database does not answer or a row is corrupt.
pub async fn list_joined_local(
    store: &Store,
    room: RoomNid,
    guests: bool,
    limit: i64,
) -> Result<Vec<OwnedUserId>, StoreError> {
    let rows = timed(
        sqlx::query_scalar!(
            "SELECT m.user_id FROM memberships m
             WHERE m.room_nid = $1 AND m.membership = 2 AND m.is_local
               AND (NOT $2 OR EXISTS (
                   SELECT 1 FROM accounts a WHERE a.user_id = m.user_id AND a.kind = 1))
             ORDER BY m.user_id LIMIT $3",
            room.0,
            guests,
            limit,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    rows.into_iter()
        .map(|user| {
            UserId::parse(&user).map_err(|_| StoreError::Corrupt {
                table: "memberships",
                id: user,
            })
        })
        .collect()
}

/// The member events of those who are banned from a room, up to `limit`: user and event.
///
/// # Errors
/// If the database does not answer.
pub async fn list_banned(
    store: &Store,
    room: RoomNid,
    limit: i64,
) -> Result<Vec<(String, String)>, StoreError> {
    let rows = timed(
        sqlx::query!(
            "SELECT m.user_id, e.json FROM memberships m
             JOIN events e ON e.room_nid = m.room_nid AND e.event_nid = m.event_nid
             WHERE m.room_nid = $1 AND m.membership = 5
             ORDER BY m.user_id LIMIT $2",
            room.0,
            limit,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.user_id, row.json))
        .collect())
}
