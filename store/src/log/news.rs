//! What this process has just written, so that it need not be read again.

use std::collections::VecDeque;

use super::{Committed, LogEntry};
use crate::Position;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

/// The log's tail, as far as it was not taken yet. What waits is bounded by the tail itself, and by
/// what is asked for at once.
#[derive(Debug)]
pub struct News {
    tail: Receiver<Committed>,
    waiting: VecDeque<LogEntry>,
}

impl News {
    /// What comes by on this tail of the log from now on.
    pub fn of(tail: Receiver<Committed>) -> Self {
        Self {
            tail,
            waiting: VecDeque::new(),
        }
    }

    /// The entries right after `cursor`, without a gap, up to `limit`. None where the tail does not
    /// have the next one: because there is none, because another process wrote it, or because it
    /// was written too long ago.
    pub fn after(&mut self, cursor: Position, limit: usize) -> Vec<LogEntry> {
        self.forget(cursor);
        while self.waiting.len() < limit {
            match self.tail.try_recv() {
                Ok(batch) => {
                    let new = batch.iter().filter(|entry| entry.position > cursor);
                    self.waiting.extend(new.cloned());
                }
                // What comes next is the oldest batch that is left.
                Err(TryRecvError::Lagged(_)) => self.waiting.clear(),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let next = (cursor.0.saturating_add(1)..).zip(&self.waiting);
        let follow = next.take_while(|(position, entry)| entry.position.0 == *position);
        let count = follow.take(limit).count();
        self.waiting.drain(..count).collect()
    }

    /// What was read out of the tables meanwhile.
    fn forget(&mut self, cursor: Position) {
        let known = self.waiting.iter();
        let known = known.take_while(|entry| entry.position <= cursor).count();
        self.waiting.drain(..known);
    }
}

#[cfg(test)]
#[path = "news_test.rs"]
mod news_test;
