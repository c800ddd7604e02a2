//! Servers with which something is not as usual.

use crate::ids::Position;
use crate::meter::timed;
use crate::{Store, StoreError};

/// Servers that are remembered to be failing, at most.
const MAX_DESTINATIONS: i64 = 100_000;

/// A server that did not take what it was sent, or has not for a while.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Its name.
    pub server: String,
    /// It has everything up to here. `None`: everything that the reader has passed.
    pub behind_from: Option<Position>,
    /// Attempts in a row that failed.
    pub failures: i32,
    /// When the first of them was, in milliseconds since 1970.
    pub failing_since_ms: i64,
    /// When it is tried again.
    pub next_try_ms: i64,
    /// When it last took something.
    pub last_success_ms: Option<i64>,
    /// Why the last attempt failed.
    pub reason: String,
}

/// All of them.
///
/// # Errors
/// If the database does not answer.
pub async fn list_destinations(store: &Store) -> Result<Vec<Destination>, StoreError> {
    let rows = timed(
        sqlx::query!(
            "SELECT * FROM destinations ORDER BY server LIMIT $1",
            MAX_DESTINATIONS
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let destinations = rows.into_iter().map(|row| Destination {
        server: row.server,
        behind_from: row.behind_from.map(Position),
        failures: row.failures,
        failing_since_ms: row.failing_since,
        next_try_ms: row.next_try_at,
        last_success_ms: row.last_success_at,
        reason: row.reason,
    });
    Ok(destinations.collect())
}

/// Writes how a server is.
///
/// # Errors
/// If the database does not answer.
pub async fn put_destination(store: &Store, it: &Destination) -> Result<(), StoreError> {
    timed(
        sqlx::query!(
            "INSERT INTO destinations (server, behind_from, failures, failing_since, next_try_at, last_success_at, reason)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (server) DO UPDATE SET behind_from = $2, failures = $3, failing_since = $4,
                 next_try_at = $5, last_success_at = coalesce($6, destinations.last_success_at), reason = $7",
            it.server,
            it.behind_from.map(|it| it.0),
            it.failures,
            it.failing_since_ms,
            it.next_try_ms,
            it.last_success_ms,
            it.reason,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// A server has taken the messages to its devices up to a position.
///
/// # Errors
/// If the database does not answer.
pub async fn delete_to_device(
    store: &Store,
    server: &str,
    up_to: Position,
) -> Result<(), StoreError> {
    timed(
        sqlx::query!(
            "DELETE FROM to_device_out WHERE server = $1 AND position <= $2",
            server,
            up_to.0
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}
