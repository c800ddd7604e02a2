//! The hub and the reader of push rules: what was written is shown with the counts that include it
//! (client-server, Receiving notifications).
//!
//! The reader is a moment behind the log, and the hub waits for it. If it takes too long, because the
//! reader catches up with a long absence or the database is slow, the hub goes on without; the
//! counts follow as soon as they are known.

use std::sync::Arc;

use causeway_store::Position;
use causeway_store::log::{Entry, LogEntry};
use causeway_store::push::{Change, Listener};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::engine::Inner;
use crate::limits::MAX_COUNTING;

/// How the hub follows the reader of push rules.
pub(crate) struct Counting {
    board: Listener,
    /// The reader was too late the last time.
    is_behind: bool,
    /// There is no reader any more.
    is_closed: bool,
}

impl Counting {
    pub(crate) fn new(board: Listener) -> Self {
        Self {
            board,
            is_behind: false,
            is_closed: false,
        }
    }

    /// The next change, when there is one.
    pub(crate) async fn next(&mut self) -> Result<Arc<Change>, RecvError> {
        if self.is_closed {
            return std::future::pending().await;
        }
        self.board.notes.recv().await
    }

    /// Takes in what the reader tells.
    pub(crate) fn take_in(&mut self, inner: &Inner, change: Result<Arc<Change>, RecvError>) {
        match change {
            Ok(change) => inner.hub.lock().count(&change),
            Err(RecvError::Lagged(_)) => self.start_anew(inner),
            Err(RecvError::Closed) => self.is_closed = true,
        }
    }

    fn start_anew(&self, inner: &Inner) {
        metrics::counter!("causeway_sync_resets").increment(1);
        let change = Change {
            position: *self.board.position.borrow(),
            all_unknown: true,
            ..Change::default()
        };
        inner.hub.lock().count(&change);
    }

    /// Waits until the reader has had the entries, at most `MAX_COUNTING`; takes in what it tells.
    pub(crate) async fn wait(&mut self, inner: &Inner, entries: &[LogEntry]) {
        let counts = |entry: &&LogEntry| {
            matches!(
                entry.entry,
                Entry::Event(_) | Entry::Receipt(_) | Entry::AccountData(_)
            )
        };
        if let Some(last) = entries.iter().rfind(counts) {
            self.wait_for(last.position).await;
        }
        loop {
            match self.board.notes.try_recv() {
                Ok(change) => inner.hub.lock().count(&change),
                Err(TryRecvError::Lagged(_)) => self.start_anew(inner),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Closed) => {
                    self.is_closed = true;
                    return;
                }
            }
        }
    }

    async fn wait_for(&mut self, position: Position) {
        if self.is_closed {
            return;
        }
        let reached = |at: &Position| *at >= position;
        if self.is_behind && !reached(&self.board.position.borrow()) {
            return;
        }
        let waited =
            tokio::time::timeout(MAX_COUNTING, self.board.position.wait_for(reached)).await;
        self.is_behind = waited.is_err();
        if self.is_behind {
            metrics::counter!("causeway_sync_without_counts").increment(1);
        }
    }
}
