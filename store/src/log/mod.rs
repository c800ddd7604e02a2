//! The log: the one way in which durable changes are written.
//!
//! [`Log::append`] puts a [`Change`] into a bounded queue. The committer (`committer.rs`) takes
//! what is there and writes it in one transaction; when it returns, the change is durable and
//! has its place in the log. Readers follow with [`Log::tail`] and, where they start late or
//! fell behind, read the tables from their position on.

mod batch;
mod change;
mod committer;
mod entry;
mod key_change;
mod news;
mod trim;
mod write_graph;
mod write_keys;
mod write_members;
mod write_other;
mod write_room;
mod write_state;
mod write_threads;

use std::sync::Arc;

use ruma::OwnedEventId;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

pub use self::change::{
    AccountData, ChainPlace, Change, CurrentEntry, EventRecord, HIDDEN, HeadRow, MemberChange,
    Membership, NewLine, NewRoom, OUTLIER, PARTIAL_STATE, ProfileField, REDACTED, REJECTED,
    RELAYED, Receipt, RedactedEvent, Relation, Replaced, Resolved, RoomBatch, SOFT_FAILED, SentBy,
    StateStep, ThreadSubscription, ToDevice, ToDeviceBatch, ToDeviceTransaction,
};
pub use self::entry::{Entry, LogEntry};
pub use self::key_change::{
    CrossSigningKey, DehydratedDevice, KeyChange, KeySignature, PreKey, SignedKey, Usage, Which,
};
pub use self::news::News;
pub use self::trim::trim;
pub(crate) use self::write_keys::Columns;
pub(crate) use self::write_room::array_text;
use crate::ids::Position;
use crate::{Store, StoreError};

/// Changes that may wait for the committer; senders beyond wait for room.
const QUEUE_CHANGES: usize = 4096;

/// Batches that a reader in this process may lag before it has to read the tables instead.
const TAIL_BATCHES: usize = 1024;

/// Why a change was not written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The room's head has moved: build the events anew.
    #[error("the room's head has moved")]
    Stale,
    /// The client's transaction was written before, as this event.
    #[error("written before as {0}")]
    Duplicate(OwnedEventId),
    /// The change contradicts what is stored (a room that exists already, for example).
    #[error("contradicts what is stored: {0}")]
    Conflict(Arc<str>),
    /// The database did not answer; whether the change was written is not known.
    #[error("the database did not answer: {0}")]
    Unavailable(Arc<str>),
    /// The server is stopping.
    #[error("the log is closed")]
    Closed,
}

/// What a batch of the log is made of, in order; shared by all readers.
pub type Committed = Arc<[LogEntry]>;

struct Pending {
    change: Change,
    done: oneshot::Sender<Result<Position, AppendError>>,
}

/// The log's door. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Log {
    queue: mpsc::Sender<Pending>,
    tail: broadcast::Sender<Committed>,
    position: watch::Receiver<Position>,
}

/// A place in the queue, held before the change is built, so that the order of changes of one
/// room is the order in which they were built.
#[derive(Debug)]
pub struct Permit<'a>(mpsc::Permit<'a, Pending>);

/// The coming answer to a submitted change.
#[derive(Debug)]
pub struct Answer(oneshot::Receiver<Result<Position, AppendError>>);

impl Log {
    /// Starts the committer.
    ///
    /// The task ends, after all that was submitted is written, when the last `Log` is dropped.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn start(store: &Store) -> Result<(Self, JoinHandle<()>), StoreError> {
        let head = sqlx::query_scalar!("SELECT position FROM log_head")
            .fetch_one(store.pool())
            .await?;
        let (queue, pending) = mpsc::channel(QUEUE_CHANGES);
        let (tail, _) = broadcast::channel(TAIL_BATCHES);
        let (set_position, position) = watch::channel(Position(head));
        let committer =
            committer::Committer::new(store.clone(), pending, tail.clone(), set_position);
        let task = tokio::spawn(committer.run());
        Ok((
            Self {
                queue,
                tail,
                position,
            },
            task,
        ))
    }

    /// Writes a change. On return it is durable and readers have been told.
    ///
    /// A caller that goes away does not undo the change.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn append(&self, change: Change) -> Result<Position, AppendError> {
        if change.entries() == 0 {
            return Ok(self.position());
        }
        self.reserve().await?.submit(change).wait().await
    }

    /// Waits for a place in the queue.
    ///
    /// # Errors
    /// [`AppendError::Closed`] only.
    pub async fn reserve(&self) -> Result<Permit<'_>, AppendError> {
        self.queue
            .reserve()
            .await
            .map(Permit)
            .map_err(|_| AppendError::Closed)
    }

    /// Waits until everything that this process submitted before is written or refused, so that
    /// the tables say what memory says.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn settled(&self) -> Result<(), AppendError> {
        let nothing = Change::Receipts(Vec::new());
        self.reserve().await?.submit(nothing).wait().await?;
        Ok(())
    }

    /// The newest position that this process knows to be committed.
    pub fn position(&self) -> Position {
        *self.position.borrow()
    }

    /// Tells the newest position without keeping the log open.
    pub fn watch_position(&self) -> watch::Receiver<Position> {
        self.position.clone()
    }

    /// Follows the log from now on: batches in order. A receiver that lags more than
    /// `TAIL_BATCHES` is told so and reads the tables from its position on.
    pub fn tail(&self) -> broadcast::Receiver<Committed> {
        self.tail.subscribe()
    }

    /// Changes that wait for the committer.
    pub fn queued(&self) -> usize {
        QUEUE_CHANGES - self.queue.capacity()
    }
}

impl Permit<'_> {
    /// Hands the change to the committer.
    pub fn submit(self, change: Change) -> Answer {
        let (done, answer) = oneshot::channel();
        self.0.send(Pending { change, done });
        Answer(answer)
    }
}

impl Answer {
    /// Waits until the change is written or refused; gives the position of its last entry.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn wait(self) -> Result<Position, AppendError> {
        self.0.await.unwrap_or(Err(AppendError::Closed))
    }
}
