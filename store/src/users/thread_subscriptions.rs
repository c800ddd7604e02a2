//! Threads that users follow (MSC4306), read. They are written by the log.

use crate::{Position, RoomNid, Store, StoreError, meter};

/// What a user is to a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscription {
    /// Whether the user follows it; otherwise they left it.
    pub subscribed: bool,
    /// Whether a client began it by itself.
    pub automatic: bool,
    /// Since when: the position in the log.
    pub position: Position,
}

/// A thread with what a user is to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribedThread {
    /// The room's id.
    pub room_id: String,
    /// The id of the event that the thread began with.
    pub root_id: String,
    /// What the user is to it.
    pub subscription: Subscription,
}

/// What a user is to a thread, if they ever followed it.
///
/// # Errors
/// The database's.
pub async fn find(
    store: &Store,
    user_id: &str,
    room: RoomNid,
    root_id: &str,
) -> Result<Option<Subscription>, StoreError> {
    let row = meter::timed(
        sqlx::query!(
            "SELECT subscribed, automatic, position FROM thread_subscriptions
             WHERE user_id = $1 AND room_nid = $2 AND root_id = $3",
            user_id,
            room.0,
            root_id,
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(row.map(|row| Subscription {
        subscribed: row.subscribed,
        automatic: row.automatic,
        position: Position(row.position),
    }))
}

/// The newest changes of what a user is to threads, after a position and up to another one, newest
/// first.
///
/// # Errors
/// The database's.
pub async fn list_changes(
    store: &Store,
    user_id: &str,
    after: Position,
    up_to: Position,
    limit: i64,
) -> Result<Vec<SubscribedThread>, StoreError> {
    let rows = meter::timed(
        sqlx::query!(
            "SELECT r.room_id, t.root_id, t.subscribed, t.automatic, t.position
             FROM thread_subscriptions t JOIN rooms r ON r.room_nid = t.room_nid
             WHERE t.user_id = $1 AND t.position > $2 AND t.position <= $3
             ORDER BY t.position DESC LIMIT $4",
            user_id,
            after.0,
            up_to.0,
            limit,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let rows = rows.into_iter().map(|row| SubscribedThread {
        room_id: row.room_id,
        root_id: row.root_id,
        subscription: Subscription {
            subscribed: row.subscribed,
            automatic: row.automatic,
            position: Position(row.position),
        },
    });
    Ok(rows.collect())
}
