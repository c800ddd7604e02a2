//! Events that are to be sent later. Times are milliseconds since 1970.

use crate::meter::timed;
use crate::{Store, StoreError};

/// Finalised events of one user that are kept: the newest. Older ones go when the user schedules.
const KEPT_FINALISED: i64 = 1_000;

/// Rows that one statement deletes, at most.
const SWEPT_AT_ONCE: i64 = 1_000;

/// An event that is to be sent later.
#[derive(Debug, Clone, Copy)]
pub struct NewDelayed<'a> {
    /// Whose.
    pub user: &'a str,
    /// From which device.
    pub device: &'a str,
    /// The client's transaction: the same one gives the same delayed event.
    pub txn_id: Option<&'a str>,
    /// Where it is to be sent.
    pub room: &'a str,
    /// Its type.
    pub event_type: &'a str,
    /// Of state events.
    pub state_key: Option<&'a str>,
    /// Its content, a JSON object.
    pub content: &'a str,
    /// How long it waits, in milliseconds.
    pub delay_ms: i64,
}

/// An event that is, or was, to be sent later.
#[derive(Debug, Clone)]
pub struct Delayed {
    /// What it is called by.
    pub delay_id: String,
    /// Whose.
    pub user_id: String,
    /// Where.
    pub room_id: String,
    /// Its type.
    pub event_type: String,
    /// Of state events.
    pub state_key: Option<String>,
    /// Its content, a JSON object.
    pub content: String,
    /// How long it waits, in milliseconds.
    pub delay_ms: i64,
    /// When it was scheduled, or its time began anew.
    pub scheduled_at: i64,
    /// When it was sent, or else ended.
    pub finalised_at: Option<i64>,
    /// The event that it became.
    pub event_id: Option<String>,
    /// Why it was not sent, as JSON.
    pub error: Option<String>,
    /// Whether its user may not send anything now: locked, suspended, or gone.
    pub is_silenced: bool,
}

/// What scheduling came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheduled {
    /// It is called by this.
    As(String),
    /// The user has as many as they may have; the next of them is sent at this time.
    TooMany {
        /// When.
        next_at: i64,
    },
}

/// Schedules an event, if the user has fewer than `most` of them.
///
/// # Errors
/// The database's.
pub async fn schedule(
    store: &Store,
    new: NewDelayed<'_>,
    most: i64,
    now: i64,
) -> Result<Scheduled, StoreError> {
    let mut tx = store.pool().begin().await?;
    // One request of a user after the other: their number is bounded.
    timed(
        sqlx::query!(
            "SELECT user_id FROM accounts WHERE user_id = $1 FOR UPDATE",
            new.user
        )
        .fetch_optional(&mut *tx),
    )
    .await?;
    let standing = timed(
        sqlx::query!(
            r#"SELECT (SELECT delay_id FROM delayed_events
                       WHERE user_id = $1 AND device_id = $2 AND txn_id = $3) AS same,
                      (SELECT count(*) FROM delayed_events
                       WHERE user_id = $1 AND finalised_at IS NULL) AS "waiting!",
                      (SELECT min(send_at) FROM delayed_events
                       WHERE user_id = $1 AND finalised_at IS NULL) AS next_at"#,
            new.user,
            new.device,
            new.txn_id,
        )
        .fetch_one(&mut *tx),
    )
    .await?;
    if let Some(same) = standing.same {
        return Ok(Scheduled::As(same));
    }
    if standing.waiting >= most {
        let next_at = standing.next_at.unwrap_or(now);
        return Ok(Scheduled::TooMany { next_at });
    }
    let delay_id = timed(
        sqlx::query_scalar!(
            "WITH gone AS (
                 DELETE FROM delayed_events WHERE delay_id IN (
                     SELECT delay_id FROM delayed_events WHERE user_id = $1 AND finalised_at IS NOT NULL
                     ORDER BY finalised_at DESC OFFSET $10 LIMIT $11))
             INSERT INTO delayed_events
                 (user_id, device_id, txn_id, room_id, type, state_key, content, delay_ms, scheduled_at, send_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8::bigint + $9::bigint) RETURNING delay_id",
            new.user,
            new.device,
            new.txn_id,
            new.room,
            new.event_type,
            new.state_key,
            new.content,
            new.delay_ms,
            now,
            KEPT_FINALISED,
            SWEPT_AT_ONCE,
        )
        .fetch_one(&mut *tx),
    )
    .await?;
    tx.commit().await?;
    Ok(Scheduled::As(delay_id))
}

/// One event of a user.
///
/// # Errors
/// The database's.
pub async fn find(
    store: &Store,
    user: &str,
    delay_id: &str,
) -> Result<Option<Delayed>, StoreError> {
    let row = timed(
        sqlx::query_as!(
            Delayed,
            r#"SELECT delay_id, user_id, room_id, type AS event_type, state_key, content, delay_ms,
                      scheduled_at, finalised_at, event_id, error, false AS "is_silenced!"
               FROM delayed_events WHERE delay_id = $2 AND user_id = $1"#,
            user,
            delay_id,
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(row)
}

/// What of a user's waits, what is sent first coming first.
///
/// # Errors
/// The database's.
pub async fn list(store: &Store, user: &str, most: i64) -> Result<Vec<Delayed>, StoreError> {
    let rows = timed(
        sqlx::query_as!(
            Delayed,
            r#"SELECT delay_id, user_id, room_id, type AS event_type, state_key, content, delay_ms,
                      scheduled_at, finalised_at, event_id, error, false AS "is_silenced!"
               FROM delayed_events WHERE user_id = $1 AND finalised_at IS NULL
               ORDER BY send_at, delay_id LIMIT $2"#,
            user,
            most,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(rows)
}

/// Cancels an event that waits. Gives whether it did.
///
/// # Errors
/// The database's.
pub async fn cancel(
    store: &Store,
    user: &str,
    delay_id: &str,
    now: i64,
) -> Result<bool, StoreError> {
    let done = timed(
        sqlx::query!(
            "UPDATE delayed_events SET finalised_at = $3
             WHERE delay_id = $2 AND user_id = $1 AND finalised_at IS NULL AND claimed_at IS NULL",
            user,
            delay_id,
            now,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Lets the time of an event that waits begin anew. Gives whether it did.
///
/// # Errors
/// The database's.
pub async fn restart(
    store: &Store,
    user: &str,
    delay_id: &str,
    now: i64,
) -> Result<bool, StoreError> {
    let done = timed(
        sqlx::query!(
            "UPDATE delayed_events SET scheduled_at = $3, send_at = $3::bigint + delay_ms
             WHERE delay_id = $2 AND user_id = $1 AND finalised_at IS NULL AND claimed_at IS NULL",
            user,
            delay_id,
            now,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(done.rows_affected() > 0)
}

/// When the next event is to be sent, or its sending to be taken up again, `patience` milliseconds
/// after it began.
///
/// # Errors
/// The database's.
pub async fn next_due(store: &Store, patience: i64) -> Result<Option<i64>, StoreError> {
    let at = timed(
        sqlx::query_scalar!(
            "SELECT least(
                 (SELECT min(send_at) FROM delayed_events WHERE finalised_at IS NULL AND claimed_at IS NULL),
                 (SELECT min(claimed_at) + $1::bigint FROM delayed_events
                  WHERE finalised_at IS NULL AND claimed_at IS NOT NULL))",
            patience,
        )
        .fetch_one(store.pool()),
    )
    .await?;
    Ok(at)
}

/// Takes events whose time has come, or that somebody began to send `patience` milliseconds ago, before
/// or after their time, and did not: the earliest first. Nobody else sends, cancels or restarts them
/// for as long.
///
/// # Errors
/// The database's.
pub async fn claim_due(
    store: &Store,
    now: i64,
    patience: i64,
    most: i64,
) -> Result<Vec<Delayed>, StoreError> {
    let mut rows = timed(
        sqlx::query_as!(
            Delayed,
            r#"UPDATE delayed_events d SET claimed_at = $1 WHERE delay_id IN (
                   SELECT delay_id FROM delayed_events
                   WHERE finalised_at IS NULL
                     AND (claimed_at IS NULL AND send_at <= $1 OR claimed_at <= $1::bigint - $2::bigint)
                   ORDER BY send_at LIMIT $3 FOR UPDATE SKIP LOCKED)
               RETURNING delay_id, user_id, room_id, type AS event_type, state_key, content, delay_ms,
                         scheduled_at, finalised_at, event_id, error,
                         COALESCE((SELECT a.locked OR a.suspended OR a.deactivated_at IS NOT NULL
                                   FROM accounts a WHERE a.user_id = d.user_id), true) AS "is_silenced!""#,
            now,
            patience,
            most,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    rows.sort_by_key(|row| row.scheduled_at + row.delay_ms);
    Ok(rows)
}

/// Takes one event that waits, whether its time has come or not.
///
/// # Errors
/// The database's.
pub async fn claim(
    store: &Store,
    user: &str,
    delay_id: &str,
    now: i64,
) -> Result<Option<Delayed>, StoreError> {
    let row = timed(
        sqlx::query_as!(
            Delayed,
            r#"UPDATE delayed_events SET claimed_at = $3
               WHERE delay_id = $2 AND user_id = $1 AND finalised_at IS NULL AND claimed_at IS NULL
               RETURNING delay_id, user_id, room_id, type AS event_type, state_key, content, delay_ms,
                         scheduled_at, finalised_at, event_id, error, false AS "is_silenced!""#,
            user,
            delay_id,
            now,
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(row)
}

/// Lets go of an event that was not sent: it waits on.
///
/// # Errors
/// The database's.
pub async fn let_go(store: &Store, delay_id: &str) -> Result<(), StoreError> {
    timed(
        sqlx::query!(
            "UPDATE delayed_events SET claimed_at = NULL WHERE delay_id = $1 AND finalised_at IS NULL",
            delay_id,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// Notes what became of an event: the event that was sent, or the error for which it was not.
///
/// # Errors
/// The database's.
pub async fn finalise(
    store: &Store,
    delay_id: &str,
    outcome: Result<&str, &str>,
    now: i64,
) -> Result<(), StoreError> {
    timed(
        sqlx::query!(
            "UPDATE delayed_events SET finalised_at = $2, event_id = $3, error = $4
             WHERE delay_id = $1 AND finalised_at IS NULL",
            delay_id,
            now,
            outcome.ok(),
            outcome.err(),
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// Deletes some of what was finalised before a time.
///
/// # Errors
/// The database's.
pub async fn sweep(store: &Store, before: i64) -> Result<(), StoreError> {
    timed(
        sqlx::query!(
            "DELETE FROM delayed_events WHERE delay_id IN (
                 SELECT delay_id FROM delayed_events WHERE finalised_at < $1
                 ORDER BY finalised_at LIMIT $2)",
            before,
            SWEPT_AT_ONCE,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}
