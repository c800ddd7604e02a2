//! Reports to the moderators of this server.

use super::db_ms;
use crate::{Store, StoreError, meter};

/// A report of a room, an event in a room, or a user.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// Who reports.
    pub reporter: &'a str,
    /// The room, or the room of the event.
    pub room_id: Option<&'a str>,
    /// The event.
    pub event_id: Option<&'a str>,
    /// The user.
    pub user_id: Option<&'a str>,
    /// From -100 (most offensive) to 0.
    pub score: Option<i64>,
    /// In the reporter's words.
    pub reason: Option<&'a str>,
}

/// Keeps a report.
///
/// # Errors
/// The database's.
pub async fn create(store: &Store, report: Report<'_>, now_ms: u64) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!(
            "INSERT INTO reports (reporter, room_id, event_id, user_id, score, reason, received_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            report.reporter,
            report.room_id,
            report.event_id,
            report.user_id,
            report.score,
            report.reason,
            db_ms(now_ms),
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// What a reporter names, as far as they can see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reportable {
    /// The room exists on this server.
    pub room_exists: bool,
    /// The reporter is in the room, or was.
    pub was_member: bool,
    /// The event exists in the room. False where no event was asked for.
    pub event_exists: bool,
}

/// Whether a room, and an event in it, can be reported by a user.
///
/// # Errors
/// The database's.
pub async fn reportable(
    store: &Store,
    reporter: &str,
    room_id: &str,
    event_id: Option<&str>,
) -> Result<Reportable, StoreError> {
    let row = meter::timed(
        sqlx::query!(
            r#"SELECT EXISTS (
                        SELECT FROM memberships m
                        WHERE m.room_nid = r.room_nid AND m.user_id = $2
                          AND (m.membership = 2 OR m.was_joined)
                      ) AS "was_member!",
                      EXISTS (
                        SELECT FROM events e
                        WHERE e.event_id = $3 AND e.room_nid = r.room_nid AND e.anchor IS NOT NULL
                      ) AS "event_exists!"
               FROM rooms r WHERE r.room_id = $1"#,
            room_id,
            reporter,
            event_id,
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(Reportable {
        room_exists: row.is_some(),
        was_member: row.as_ref().is_some_and(|row| row.was_member),
        event_exists: row.as_ref().is_some_and(|row| row.event_exists),
    })
}
