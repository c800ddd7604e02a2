//! The reader of the log that keeps states quick to load and small.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::{collect, write_checkpoint};
use crate::Store;
use crate::ids::{RoomNid, StateRef};
use crate::log::{self, Committed, Entry, LogEntry};

/// State changes after which a room gets a checkpoint, at least; for large rooms it is half the
/// size of the state, so that checkpoints cost a constant factor of what they save.
const CHANGES_PER_CHECKPOINT: usize = 512;

/// Rooms counted at a time. Beyond, counting starts again: a checkpoint comes later, no more.
const ROOMS_COUNTED: usize = 100_000;

/// Time between two steps of collection.
const COLLECT_EVERY: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Count {
    changes: usize,
    threshold: usize,
}

/// Runs until the log closes.
pub async fn keep(store: Store, mut tail: Receiver<Committed>) {
    let mut counts: HashMap<RoomNid, Count> = HashMap::new();
    let mut collected = (RoomNid(0), 0);
    let mut tick = tokio::time::interval(COLLECT_EVERY);
    loop {
        tokio::select! {
            batch = tail.recv() => match batch {
                Ok(entries) => note(&store, &mut counts, &entries).await,
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            _ = tick.tick() => collected = tidy(&store, collected).await,
        }
    }
}

/// One bounded step of forgetting what nothing needs any more.
async fn tidy(store: &Store, from: (RoomNid, i32)) -> (RoomNid, i32) {
    if let Err(error) = log::trim(store).await {
        tracing::warn!(%error, "trimming the log");
    }
    match collect(store, from).await {
        Ok(next) => next.unwrap_or((RoomNid(0), 0)),
        Err(error) => {
            tracing::warn!(%error, "collecting states");
            from
        }
    }
}

async fn note(store: &Store, counts: &mut HashMap<RoomNid, Count>, entries: &[LogEntry]) {
    let mut due: HashMap<RoomNid, StateRef> = HashMap::new();
    if counts.len() > ROOMS_COUNTED {
        counts.clear();
    }
    for entry in entries {
        let Entry::Event(event) = &entry.entry else {
            continue;
        };
        if event.key.is_none() {
            continue;
        }
        let count = counts.entry(event.room).or_default();
        count.changes += 1;
        if count.changes > count.threshold.max(CHANGES_PER_CHECKPOINT) {
            due.insert(event.room, event.state);
        }
    }
    for (room, at) in due {
        match write_checkpoint(store, room, at).await {
            Ok(size) => {
                counts.insert(
                    room,
                    Count {
                        changes: 0,
                        threshold: size / 2,
                    },
                );
            }
            Err(error) => tracing::warn!(%error, %room, "writing a checkpoint of the state"),
        }
    }
}
