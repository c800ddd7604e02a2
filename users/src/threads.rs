//! Threads that people follow (MSC4306), and the list of what changed about it (MSC4308). Whether a user
//! may see the thread is `rooms`' to find out.

use causeway_store::log::ThreadSubscription;
use causeway_store::users::thread_subscriptions::{self as store, SubscribedThread, Subscription};
use causeway_store::{AppendError, Change, Position, RoomNid, StoreError};
use ruma::{EventId, UserId};

use crate::Users;

/// Changes that one answer lists, at most.
pub const MAX_LISTED: i64 = 512;

/// A thread.
#[derive(Debug, Clone)]
pub struct Thread<'a> {
    /// The number of its room.
    pub room: RoomNid,
    /// The event that it began with.
    pub root: &'a EventId,
}

/// Why a subscription was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ThreadError {
    /// The user does not follow the thread.
    #[error("you do not follow this thread")]
    NotFound,
    /// The user left the thread after what would have made a client follow it.
    #[error("the thread was left after that event")]
    Conflict,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl Users {
    /// What a user is to a thread that they follow.
    ///
    /// # Errors
    /// [`ThreadError::NotFound`] if they do not.
    pub async fn thread_subscription(
        &self,
        user: &UserId,
        thread: &Thread<'_>,
    ) -> Result<Subscription, ThreadError> {
        let found = self.find_subscription(user, thread).await?;
        found
            .filter(|found| found.subscribed)
            .ok_or(ThreadError::NotFound)
    }

    /// Follows a thread: because the user wants it, or by the client itself because of an event that
    /// stands at `cause` in the room's order. What the user wanted is not made automatic again.
    ///
    /// # Errors
    /// [`ThreadError::Conflict`] if the user left the thread after the cause.
    pub async fn subscribe_to_thread(
        &self,
        user: &UserId,
        thread: &Thread<'_>,
        cause: Option<Position>,
    ) -> Result<(), ThreadError> {
        let _turn = self.0.in_turn.turn(user).await;
        let before = self.find_subscription(user, thread).await?;
        match (before, cause) {
            (Some(before), None) if before.subscribed && !before.automatic => return Ok(()),
            (Some(before), Some(_)) if before.subscribed => return Ok(()),
            (Some(before), Some(cause)) if before.position >= cause => {
                return Err(ThreadError::Conflict);
            }
            _ => {}
        }
        self.write_subscription(user, thread, true, cause).await
    }

    /// Follows a thread no more.
    ///
    /// # Errors
    /// The database's, or the log's.
    pub async fn unsubscribe_from_thread(
        &self,
        user: &UserId,
        thread: &Thread<'_>,
    ) -> Result<(), ThreadError> {
        let _turn = self.0.in_turn.turn(user).await;
        let before = self.find_subscription(user, thread).await?;
        if before.is_none_or(|before| !before.subscribed) {
            return Ok(());
        }
        self.write_subscription(user, thread, false, None).await
    }

    /// What changed about the threads that a user follows or left, after a position and up to another
    /// one: the newest first, `limit` at most and never more than [`MAX_LISTED`].
    ///
    /// # Errors
    /// The database's.
    pub async fn thread_changes(
        &self,
        user: &UserId,
        after: Position,
        up_to: Position,
        limit: i64,
    ) -> Result<Vec<SubscribedThread>, StoreError> {
        let limit = limit.min(MAX_LISTED);
        store::list_changes(self.store(), user.as_str(), after, up_to, limit).await
    }

    async fn find_subscription(
        &self,
        user: &UserId,
        thread: &Thread<'_>,
    ) -> Result<Option<Subscription>, StoreError> {
        let root = thread.root.as_str();
        store::find(self.store(), user.as_str(), thread.room, root).await
    }

    async fn write_subscription(
        &self,
        user: &UserId,
        thread: &Thread<'_>,
        subscribed: bool,
        cause: Option<Position>,
    ) -> Result<(), ThreadError> {
        let change = ThreadSubscription {
            user: user.to_owned(),
            room: thread.room,
            root: thread.root.to_owned(),
            subscribed,
            cause,
        };
        self.log()
            .append(Change::ThreadSubscription(change))
            .await?;
        Ok(())
    }
}
