//! The reader of the log.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use causeway_outbound::Outbound;
use causeway_store::log::{Log, News};
use causeway_store::push::{self as store, Batch, Board, Item, Written};
use causeway_store::{Clock, Position, Store, StoreError};
use ruma::OwnedServerName;
use ruma::push::Ruleset;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::gateway::{self, Courier};
use crate::memory::Memory;

use crate::rules::{self, Defaults};
use crate::work::{self, Work};

/// Entries of the log that one step takes.
const BATCH_ENTRIES: usize = 1024;

/// Entries in a step from which on the next one is given time to fill: so many come in while one
/// step is worked out only where much is written, and there a few full steps cost far less than
/// many small ones. Whoever waits for counts waits longer by no more than the pause.
const CROWD_ENTRIES: usize = 24;

/// The time that a step is then given.
const CROWD_PAUSE: Duration = Duration::from_millis(20);

/// How long the reader waits for news before it looks by itself: another process may have written.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long it waits after a failure, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// Time between two steps of forgetting.
const TRIM_EVERY_MS: u64 = 600_000;

const DAY_MS: u64 = 86_400_000;

/// What this crate must be told.
#[derive(Clone)]
pub struct PushSettings {
    /// The name after the colon in the ids of this server's users.
    pub server_name: OwnedServerName,
    /// The push rules that users begin with.
    pub defaults: Defaults,
}

/// The reader. It is made once and [run](Push::run).
pub struct Push {
    parts: Parts,
    board: Board,
    written: watch::Receiver<Position>,
    news: News,
    clock: Clock,
    trimmed_ms: u64,
    /// Rung when push gateways are to be told something.
    bell: Arc<Notify>,
}

/// What a batch is worked out with.
pub(crate) struct Parts {
    pub store: Store,
    pub settings: PushSettings,
    /// The default rules without those that name their user.
    pub everybody: Ruleset,
    pub memory: Memory,
}

/// The delivery to push gateways.
#[derive(Debug)]
pub struct Gateways(Courier);

impl Gateways {
    /// Runs until `stop`, and a moment longer for what is on its way.
    pub async fn run(self, stop: CancellationToken) {
        gateway::run(self.0, stop).await;
    }
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push").finish_non_exhaustive()
    }
}

impl Push {
    /// Opens the reader, and the board on which it tells what it did. `log` itself is not held.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn open(
        store: Store,
        log: &Log,
        clock: Clock,
        settings: PushSettings,
    ) -> Result<Self, StoreError> {
        // First the tail, then the cursor: nothing is missed between the two.
        let news = News::of(log.tail());
        let board = Board::new(store::load_cursor(&store).await?);
        let everybody = rules::for_everybody(&settings.defaults);
        Ok(Self {
            parts: Parts {
                store,
                settings,
                everybody,
                memory: Memory::new(),
            },
            board,
            written: log.watch_position(),
            news,
            clock,
            trimmed_ms: 0,
            bell: Arc::new(Notify::new()),
        })
    }

    /// Where it tells what it did.
    pub fn board(&self) -> Board {
        self.board.clone()
    }

    /// Those who tell the push gateways what was queued, by way of `outbound`.
    pub fn gateways(&self, outbound: Outbound) -> Gateways {
        Gateways(Courier {
            store: self.parts.store.clone(),
            clock: self.clock.clone(),
            outbound,
            bell: self.bell.clone(),
        })
    }

    /// Runs until the log closes.
    pub async fn run(mut self) {
        let mut pause = RETRY.0;
        loop {
            match self.step().await {
                Ok(entries) => {
                    pause = RETRY.0;
                    if !self.wait(entries).await {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "working out push rules; it is tried again");
                    metrics::counter!("causeway_push_reader_failures").increment(1);
                    self.parts.memory.forget_all();
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY.1);
                }
            }
        }
    }

    /// Waits until there may be something to do, after a step that took so many entries. `false` if
    /// the log has closed and nothing is left.
    async fn wait(&mut self, entries: usize) -> bool {
        if entries >= BATCH_ENTRIES {
            return true;
        }
        if entries >= CROWD_ENTRIES {
            tokio::time::sleep(CROWD_PAUSE).await;
        }
        let cursor = self.board.position();
        let news = self.written.wait_for(|position| *position > cursor);
        !matches!(tokio::time::timeout(LOOK_EVERY, news).await, Ok(Err(_)))
    }

    /// One step. Gives how many entries of the log it has taken.
    async fn step(&mut self) -> Result<usize, StoreError> {
        self.trim().await?;
        let cursor = self.board.position();
        let batch = self.next(cursor).await?;
        let entries = batch.position.0.saturating_sub(cursor.0);
        if entries <= 0 {
            self.show(cursor);
            return Ok(0);
        }
        let mut from = cursor;
        for part in cut(batch) {
            let to = part.position;
            if !self.take(from, part).await? {
                break;
            }
            from = to;
        }
        Ok(usize::try_from(entries).unwrap_or(usize::MAX))
    }

    /// What comes after `cursor`: as this process wrote it, or else out of the tables.
    async fn next(&mut self, cursor: Position) -> Result<Batch, StoreError> {
        let entries = self.news.after(cursor, BATCH_ENTRIES);
        if entries.is_empty() {
            let limit = i64::try_from(BATCH_ENTRIES).unwrap_or(i64::MAX);
            return store::load_batch(&self.parts.store, cursor, limit).await;
        }
        store::batch_of(&self.parts.store, cursor, &entries).await
    }

    /// Works out and writes one part of a batch. `false` if another process was faster.
    async fn take(&mut self, from: Position, part: Batch) -> Result<bool, StoreError> {
        let to = part.position;
        let Work {
            effect,
            mut change,
            changed,
        } = work::work_out(&self.parts, from, part).await?;
        match store::write_batch(&self.parts.store, &effect).await? {
            Written::Done(counts) => {
                changed.forget(&self.parts.memory);
                change.read = work::read_anew(&effect, counts);
                self.board.tell(change);
                if !effect.queue.is_empty() || !effect.reads.is_empty() {
                    self.bell.notify_one();
                }
                self.show(to);
                Ok(true)
            }
            Written::Behind => {
                self.parts.memory.forget_all();
                let position = store::load_cursor(&self.parts.store).await?;
                self.board.tell(work::everything_changed(position));
                Ok(false)
            }
        }
    }

    fn show(&self, cursor: Position) {
        let log = self.written.borrow().0;
        let lag = log.saturating_sub(cursor.0).max(0);
        metrics::gauge!("causeway_log_reader_position", "reader" => "push").set(cursor.0 as f64);
        metrics::gauge!("causeway_push_lag_entries").set(lag as f64);
    }

    async fn trim(&mut self) -> Result<(), StoreError> {
        let now_ms = self.clock.now_ms();
        if now_ms < self.trimmed_ms.saturating_add(TRIM_EVERY_MS) {
            return Ok(());
        }
        let day = i32::try_from(now_ms / DAY_MS).unwrap_or(i32::MAX);
        let forgotten = store::trim(&self.parts.store, day).await?;
        // As long as there is more, the next step goes on.
        if forgotten == 0 {
            self.trimmed_ms = now_ms;
        }
        Ok(())
    }
}

/// Cuts a batch around each change of push rules and of ignored users: what came before is judged
/// by the old ones.
fn cut(batch: Batch) -> Vec<Batch> {
    let mut parts: Vec<Batch> = vec![Batch::default()];
    for item in batch.items {
        let at = item.position();
        let cuts = matches!(item, Item::Account { .. });
        if cuts && parts.last().is_some_and(|part| !part.items.is_empty()) {
            parts.push(Batch::default());
        }
        if let Some(part) = parts.last_mut() {
            part.position = at;
            part.items.push(item);
        }
        if cuts {
            parts.push(Batch::default());
        }
    }
    if parts.len() > 1 && parts.last().is_some_and(|part| part.items.is_empty()) {
        parts.pop();
    }
    if let Some(last) = parts.last_mut() {
        last.position = batch.position;
    }
    parts
}

/// What was remembered and holds no longer once the effect is written.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    /// Users whose rules changed.
    pub rules: Vec<String>,
    /// Whose membership or name changed, where.
    pub members: Vec<(causeway_store::RoomNid, String)>,
    /// Rooms in which that concerns somebody with rules of their own.
    pub rooms: Vec<causeway_store::RoomNid>,
    /// Somebody has rules of their own for the first time.
    pub all_rooms: bool,
    /// Somebody has set whom they ignore.
    pub ignored: bool,
}

impl Changed {
    fn forget(&self, memory: &Memory) {
        self.rules.iter().for_each(|user| memory.forget_rules(user));
        self.rooms.iter().for_each(|room| memory.forget_room(*room));
        if self.all_rooms {
            memory.forget_rooms();
        }
        if self.ignored {
            memory.forget_ignored();
        }
    }
}
