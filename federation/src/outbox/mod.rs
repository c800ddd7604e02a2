//! What goes to other servers: a reader of the log, and one queue for each server that has something
//! to get.
//!
//! Laws:
//! - A server that takes what it is sent costs no write: it has what lies before the reader's cursor.
//! - A server that fails has a row that says from where on it lacks things; its queue is dropped, and
//!   what it missed is looked up when it answers again. So no queue grows without limit, and nothing
//!   is lost.
//! - One request to a server is under way at a time, so it gets things in order. Servers that fail
//!   share a few places among them, so they delay nobody.
//! - After a crash a server may be sent again what it had taken a moment before, never less. Events
//!   have ids, and so have messages to devices.
//! - What lives for a moment (`moments.rs`) goes along, or alone, and is dropped where it does not
//!   arrive.
//!
//! Start reading at [`Outbox::run`] (the reader), then `board.rs` (who lacks what) and `courier.rs`
//! (one server's turn).

mod address;
mod board;
mod courier;
mod moments;
mod transaction;

use std::sync::Arc;
use std::time::Duration;

use causeway_store::log::{Log, LogEntry, News};
use causeway_store::outbox::{self as store, Batch};
use causeway_store::{Clock, Position, Store, StoreError};
use parking_lot::Mutex;
use ruma::{OwnedServerName, ServerName};
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::address::Addresses;
use self::board::Board;
use self::moments::Moments;
pub use self::moments::Presence;
use crate::links::Links;

/// Entries of the log that one step takes.
const BATCH_ENTRIES: usize = 512;

/// How long the reader waits for news before it looks by itself: another process may have written,
/// and servers that failed become due.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long it waits after the database did not answer.
const RETRY: Duration = Duration::from_secs(1);

/// Servers that are sent something at a time.
const MAX_COURIERS: usize = 256;

/// Servers among them that failed the last time.
const MAX_RETRIES: usize = 24;

/// How long requests that are under way may go on when the server stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// The outbox. Cheap to clone.
#[derive(Clone)]
pub struct Outbox(Arc<Shared>);

pub(super) struct Shared {
    links: Links,
    store: Store,
    clock: Clock,
    board: Mutex<Board>,
    couriers: Arc<Semaphore>,
    retries: Arc<Semaphore>,
    /// Rung when a server that failed may be there again.
    bell: Notify,
    /// What lives for a moment and was not told yet.
    moments: Mutex<Moments>,
    /// Rung when there is some.
    gathered: Notify,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// The reader of the log behind an outbox.
pub struct Reader {
    outbox: Outbox,
    news: News,
    written: watch::Receiver<Position>,
    addresses: Addresses,
    /// The cursor that the database has.
    saved: Position,
}

impl Outbox {
    /// Opens it, with its reader, which does nothing until it is [run](Reader::run).
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn open(
        links: Links,
        store: Store,
        clock: Clock,
        log: &Log,
    ) -> Result<(Self, Reader), StoreError> {
        // First the tail, then the cursor: nothing is missed between the two.
        let news = News::of(log.tail());
        let cursor = store::begin(&store).await?;
        let failing = store::list_destinations(&store).await?;
        let outbox = Self(Arc::new(Shared {
            links,
            clock,
            board: Mutex::new(Board::new(cursor, failing)),
            couriers: Arc::new(Semaphore::new(MAX_COURIERS)),
            retries: Arc::new(Semaphore::new(MAX_RETRIES)),
            bell: Notify::new(),
            moments: Mutex::default(),
            gathered: Notify::new(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            store: store.clone(),
        }));
        let reader = Reader {
            outbox: outbox.clone(),
            news,
            written: log.watch_position(),
            addresses: Addresses::new(store),
            saved: cursor,
        };
        Ok((outbox, reader))
    }

    /// A server has spoken to us: if it failed before, it is tried again now.
    pub fn heard_from(&self, server: &ServerName) {
        if self.0.board.lock().hurry(server) {
            self.0.bell.notify_one();
        }
    }

    /// Ends it: requests that are under way may end, the rest is sent after the next start.
    pub async fn close(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        if tokio::time::timeout(FAREWELL, self.0.tasks.wait())
            .await
            .is_err()
        {
            tracing::info!("some servers did not answer before the end; they are told again later");
        }
        let floor = self.0.board.lock().floor();
        if let Err(error) = store::advance(&self.0.store, floor).await {
            tracing::warn!(%error, "the place of the federation reader was not written");
        }
    }

    fn ours(&self) -> &ServerName {
        self.0.links.server_name()
    }

    /// Gives each server that has something to get, and is due, a courier, as far as there are any.
    fn dispatch(&self) {
        let now_ms = self.0.clock.now_ms();
        let due = self.0.board.lock().due(now_ms);
        for (server, has_failed) in due {
            let Some(courier) = self.courier(has_failed) else {
                continue;
            };
            if !self.0.board.lock().take_turn(&server) {
                continue;
            }
            let outbox = self.clone();
            self.0.tasks.spawn(async move {
                outbox.serve(&server).await;
                drop(courier);
                // Somebody else may have waited for the place.
                outbox.0.bell.notify_one();
            });
        }
    }

    fn courier(&self, has_failed: bool) -> Option<Vec<tokio::sync::OwnedSemaphorePermit>> {
        let mut permits = vec![self.0.couriers.clone().try_acquire_owned().ok()?];
        if has_failed {
            permits.push(self.0.retries.clone().try_acquire_owned().ok()?);
        }
        Some(permits)
    }
}

impl Reader {
    /// Runs until the outbox is closed or the log ends.
    pub async fn run(mut self) {
        let stop = self.outbox.0.stop.clone();
        loop {
            match self.step().await {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(%error, "reading what other servers are to be told");
                    self.addresses.forget_all();
                    tokio::time::sleep(RETRY).await;
                }
            }
            self.outbox.dispatch();
            let cursor = self.outbox.0.board.lock().position;
            let bell = self.outbox.clone();
            tokio::select! {
                () = stop.cancelled() => return,
                () = bell.0.bell.notified() => {}
                news = self.written.wait_for(|position| *position > cursor) => {
                    if news.is_err() {
                        return;
                    }
                }
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn step(&mut self) -> Result<(), StoreError> {
        let cursor = self.outbox.0.board.lock().position;
        let batch = self.next(cursor).await?;
        if batch.position > cursor {
            let mut addressed = Vec::new();
            for (position, item) in batch.items {
                let servers = self.addresses.of(&item).await?;
                let others = servers
                    .iter()
                    .filter(|server| *server != self.outbox.ours());
                let others: Vec<OwnedServerName> = others.cloned().collect();
                addressed.push((position, item, others));
            }
            self.outbox.0.board.lock().post(batch.position, addressed);
        }
        self.save().await
    }

    /// What comes after `cursor`: as this process wrote it, or else out of the tables.
    async fn next(&mut self, cursor: Position) -> Result<Batch, StoreError> {
        let ours = self.outbox.ours().to_owned();
        let entries: Vec<LogEntry> = self.news.after(cursor, BATCH_ENTRIES);
        if entries.is_empty() {
            let limit = i64::try_from(BATCH_ENTRIES).unwrap_or(i64::MAX);
            let batch =
                store::load_batch(&self.outbox.0.store, cursor, limit, ours.as_str()).await?;
            if batch.position > cursor {
                self.addresses.forget_all();
            }
            return Ok(batch);
        }
        // Who comes and goes in this batch counts for all of it, and more so before it: a server
        // that goes is still told, one that comes knows what its join told it.
        self.addresses.follow(&entries);
        Ok(store::batch_of(cursor, &entries, ours.as_str()))
    }

    /// Writes who is behind, and then how far all others are.
    async fn save(&mut self) -> Result<(), StoreError> {
        let unwritten = self.outbox.0.board.lock().unwritten();
        for destination in unwritten {
            store::put_destination(&self.outbox.0.store, &destination).await?;
            self.outbox.0.board.lock().written(&destination);
        }
        let (floor, failing) = {
            let board = self.outbox.0.board.lock();
            (board.floor(), board.failing())
        };
        metrics::gauge!("causeway_federation_servers_failing").set(failing as f64);
        metrics::gauge!("causeway_log_reader_position", "reader" => "federation")
            .set(floor.0 as f64);
        if floor > self.saved {
            store::advance(&self.outbox.0.store, floor).await?;
            self.saved = floor;
        }
        Ok(())
    }
}
