//! Who is told of what lives for a moment.

use crate::meter::timed;
use crate::{Store, StoreError};

/// Servers of rooms that are looked up at once, at most.
const MAX_OF_ROOMS: i64 = 100_000;

/// Servers that are told whether one user is there, at most.
const MAX_OF_USER: i64 = 500;

/// The servers with users in these rooms, each with the room's id.
///
/// # Errors
/// If the database does not answer.
pub async fn servers_of_rooms(
    store: &Store,
    rooms: &[&str],
) -> Result<Vec<(String, String)>, StoreError> {
    let rows = timed(
        sqlx::query!(
            "SELECT r.room_id, s.server FROM rooms r
             JOIN room_servers s ON s.room_nid = r.room_nid AND s.joined > 0
             WHERE r.room_id = ANY($1) LIMIT $2",
            rooms as _,
            MAX_OF_ROOMS,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let pairs = rows.into_iter().map(|row| (row.room_id, row.server));
    Ok(pairs.collect())
}

/// The servers that share rooms with these users, each with the user's id; of one user some hundred at
/// most.
///
/// # Errors
/// If the database does not answer.
pub async fn servers_of_users(
    store: &Store,
    users: &[&str],
) -> Result<Vec<(String, String)>, StoreError> {
    let rows = timed(
        sqlx::query!(
            r#"SELECT u.user_id AS "user_id!", s.server AS "server!"
               FROM UNNEST($1::text[]) AS u(user_id), LATERAL (
                 SELECT DISTINCT s.server FROM memberships m
                 JOIN room_servers s ON s.room_nid = m.room_nid AND s.joined > 0
                 WHERE m.user_id = u.user_id AND m.membership = 2 LIMIT $2
               ) s"#,
            users as _,
            MAX_OF_USER,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let pairs = rows.into_iter().map(|row| (row.user_id, row.server));
    Ok(pairs.collect())
}
