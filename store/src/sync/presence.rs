//! The last presence of users, across restarts.

use crate::meter::timed;
use crate::{Store, StoreError};

/// A row of `presence`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceRow {
    /// Whose.
    pub user: String,
    /// `online`, `unavailable` or `offline`.
    pub state: String,
    /// What they say about it.
    pub status_msg: Option<String>,
    /// When they last did something, in milliseconds since 1970.
    pub last_active_at: i64,
}

/// The stored presence of some users. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn load_presence(store: &Store, users: &[&str]) -> Result<Vec<PresenceRow>, StoreError> {
    let rows = timed(
        sqlx::query_as!(
            PresenceRow,
            r#"SELECT user_id AS "user", state, status_msg, last_active_at FROM presence WHERE user_id = ANY($1)"#,
            users as _,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows)
}

/// Stores the presence of some users, each once. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn save_presence(store: &Store, rows: &[PresenceRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let users: Vec<&str> = rows.iter().map(|row| row.user.as_str()).collect();
    let states: Vec<&str> = rows.iter().map(|row| row.state.as_str()).collect();
    let messages: Vec<Option<&str>> = rows.iter().map(|row| row.status_msg.as_deref()).collect();
    let times: Vec<i64> = rows.iter().map(|row| row.last_active_at).collect();
    timed(
        sqlx::query!(
            "INSERT INTO presence (user_id, state, status_msg, last_active_at)
             SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::bigint[])
             ON CONFLICT (user_id) DO UPDATE SET state = excluded.state,
                 status_msg = excluded.status_msg, last_active_at = excluded.last_active_at",
            &users as _,
            &states as _,
            &messages as _,
            &times,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}
