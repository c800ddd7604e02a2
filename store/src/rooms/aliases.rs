//! Aliases of this server.

use ruma::{OwnedRoomId, RoomAliasId, UserId};

use crate::ids::RoomNid;
use crate::meter::timed;
use crate::{Store, StoreError};

/// Aliases of one room that are listed, at most.
const LISTED_ALIASES: i64 = 1000;

/// Where an alias leads.
#[derive(Debug, Clone)]
pub struct Alias {
    /// The room.
    pub room: RoomNid,
    /// Its id.
    pub room_id: OwnedRoomId,
    /// Who made the alias.
    pub creator: String,
}

/// Where an alias leads, if it exists.
///
/// # Errors
/// If the database does not answer.
pub async fn find_alias(store: &Store, alias: &RoomAliasId) -> Result<Option<Alias>, StoreError> {
    let row = timed(
        sqlx::query!(
            "SELECT a.room_nid, r.room_id, a.creator FROM aliases a JOIN rooms r ON r.room_nid = a.room_nid
             WHERE a.alias = $1",
            alias.as_str(),
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    row.map(|row| {
        let room_id = OwnedRoomId::try_from(row.room_id).map_err(|_| StoreError::Corrupt {
            table: "rooms",
            id: row.room_nid.to_string(),
        })?;
        Ok(Alias {
            room: RoomNid(row.room_nid),
            room_id,
            creator: row.creator,
        })
    })
    .transpose()
}

/// Makes an alias. Gives `false` if it exists already.
///
/// # Errors
/// If the database does not answer.
pub async fn create_alias(
    store: &Store,
    alias: &RoomAliasId,
    room: RoomNid,
    creator: &UserId,
) -> Result<bool, StoreError> {
    let done = timed(
        sqlx::query!(
            "INSERT INTO aliases (alias, room_nid, creator) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            alias.as_str(),
            room.0,
            creator.as_str(),
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Removes an alias. Gives whether it existed.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_alias(store: &Store, alias: &RoomAliasId) -> Result<bool, StoreError> {
    let done = timed(
        sqlx::query!("DELETE FROM aliases WHERE alias = $1", alias.as_str()).execute(store.pool()),
    )
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Aliases of a room on this server, in order.
///
/// # Errors
/// If the database does not answer.
pub async fn list_aliases(store: &Store, room: RoomNid) -> Result<Vec<String>, StoreError> {
    let aliases = timed(
        sqlx::query_scalar!(
            "SELECT alias FROM aliases WHERE room_nid = $1 ORDER BY alias LIMIT $2",
            room.0,
            LISTED_ALIASES
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(aliases)
}

/// Lets all aliases of a room lead to another one (a room upgrade).
///
/// # Errors
/// If the database does not answer.
pub async fn move_aliases(store: &Store, from: RoomNid, to: RoomNid) -> Result<(), StoreError> {
    timed(
        sqlx::query!(
            "UPDATE aliases SET room_nid = $2 WHERE room_nid = $1",
            from.0,
            to.0
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}
