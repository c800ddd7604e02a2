//! Watching one room, as those do who look into it from outside (client-server, "Room
//! Previews"). Whether they may is for the caller to find out, who reads the events, too.

use std::time::Duration;

use causeway_store::sync::{self as queries, Snapshot};
use causeway_store::{Position, RoomNid};
use ruma::{OwnedDeviceId, OwnedRoomId, OwnedUserId};
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use crate::answer::ShownReceipt;
use crate::engine::{Sync, SyncError};
use crate::hub::RoomLook;
use crate::limits::MAX_TIMEOUT_MS;
use crate::parked::Parked;
use crate::token::Token;
use crate::write;

/// Who watches which room.
#[derive(Debug, Clone)]
pub struct Watcher {
    /// The user.
    pub user_id: OwnedUserId,
    /// The device, whose session ends the wait when it ends.
    pub device_id: OwnedDeviceId,
    /// The room.
    pub room: RoomNid,
    /// Its id.
    pub room_id: OwnedRoomId,
    /// How long to wait in all, in milliseconds.
    pub timeout_ms: u64,
}

/// A request that watches a room. When it is dropped, nothing of it is left.
#[derive(Debug)]
pub struct RoomWatch<'a> {
    parked: Parked<'a>,
    watcher: &'a Watcher,
    deadline: Instant,
}

/// What may have happened in a room.
#[derive(Debug)]
pub struct RoomNews {
    /// Up to where.
    pub next: Token,
    /// There may be events, which the caller reads.
    pub may_have_events: bool,
    /// `m.receipt`, `m.typing` and `m.presence` events.
    pub ephemeral: Vec<Box<RawValue>>,
    /// There is no time left: this is the answer, even if there is nothing in it.
    pub is_last: bool,
}

impl Sync {
    /// Where a client that begins to listen now begins.
    pub async fn now(&self) -> Token {
        self.inner.catch_up().await;
        let hub = self.inner.hub.lock();
        Token {
            position: Position(hub.position),
            ephemeral: hub.ephemeral,
            to_device: None,
            counts: None,
        }
        .with_counts(Position(hub.counts.position))
    }

    /// Begins to watch a room.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn watch<'a>(&'a self, watcher: &'a Watcher) -> Result<RoomWatch<'a>, SyncError> {
        let inner = &*self.inner;
        // Whom they ignore has to be known.
        inner.be_loaded(&watcher.user_id).await?;
        inner.catch_up().await;
        let timeout = Duration::from_millis(watcher.timeout_ms.min(MAX_TIMEOUT_MS));
        Ok(RoomWatch {
            parked: Parked::new(inner, &watcher.user_id, Some(watcher.device_id.clone())),
            watcher,
            deadline: Instant::now() + timeout,
        })
    }
}

impl RoomWatch<'_> {
    /// Waits until something may have happened in the room since `since`, or the time is up.
    ///
    /// # Errors
    /// [`SyncError::SessionEnded`], or if the store fails.
    pub async fn next(&self, mut since: Token) -> Result<RoomNews, SyncError> {
        loop {
            if self.parked.waiter.has_ended() {
                return Err(SyncError::SessionEnded);
            }
            let look = self.look(since);
            if !look.is_empty() {
                let is_last = self.parked.must_answer() || Instant::now() >= self.deadline;
                return self.news(look, since, is_last).await;
            }
            since = look.next;
            let waiting = timeout_at(self.deadline, self.parked.waiter.notify.notified());
            if self.parked.must_answer() || waiting.await.is_err() {
                return self.news(look, since, true).await;
            }
        }
    }

    /// Looks, and is woken from here on by what comes after.
    fn look(&self, since: Token) -> RoomLook {
        let Watcher { room, room_id, .. } = self.watcher;
        let mut hub = self.parked.inner.hub.lock();
        hub.observe(*room, room_id, self.parked.id, self.parked.waiter.clone());
        hub.look_into(*room, &self.watcher.user_id, since)
    }

    async fn news(
        &self,
        look: RoomLook,
        since: Token,
        is_last: bool,
    ) -> Result<RoomNews, SyncError> {
        let receipts = if look.is_complete {
            look.receipts
                .iter()
                .map(|receipt| (&**receipt).into())
                .collect()
        } else {
            self.read_receipts(since.position).await?
        };
        let now_ms = self.parked.inner.clock.now_ms();
        let typing = look.typing.as_deref().map(write::typing_event);
        let receipts = (!receipts.is_empty()).then(|| write::receipt_event(&receipts));
        let presence = look.presence.iter().map(|shown| shown.event(now_ms));
        let ephemeral = receipts.into_iter().chain(typing).chain(presence);
        Ok(RoomNews {
            next: look.next,
            may_have_events: look.has_events || !look.is_complete,
            ephemeral: ephemeral.filter_map(write::raw).collect(),
            is_last,
        })
    }

    async fn read_receipts(&self, after: Position) -> Result<Vec<ShownReceipt>, SyncError> {
        let mut snapshot = Snapshot::open(&self.parked.inner.store).await?;
        let wanted = [(self.watcher.room, after)];
        let reader = self.watcher.user_id.as_str();
        let rows = queries::receipts(&mut snapshot, &wanted, reader).await?;
        Ok(rows.into_iter().map(ShownReceipt::from).collect())
    }
}

impl Drop for RoomWatch<'_> {
    fn drop(&mut self) {
        let mut hub = self.parked.inner.hub.lock();
        hub.stop_observing(self.watcher.room, self.parked.id);
    }
}
