//! The committer: one task that writes whatever has gathered while the last batch was written.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::{PgConnection, Postgres, Transaction};
use tokio::sync::{broadcast, mpsc, watch};

use super::batch::{Batch, answer, room_of};
use super::change::Change;
use super::entry::{Entry, LogEntry};
use super::{AppendError, Committed, Pending, write_other, write_room, write_state};
use crate::Store;
use crate::ids::{EventNid, Position};

/// Log entries in one transaction, at most (a change that is larger goes alone).
const BATCH_ENTRIES: usize = 512;

/// Changes in a batch from which on the next one is given time to fill. So many come in while one
/// batch is written only where senders are many and the machine is at its limit; there fuller
/// batches are what raises it, and everybody waits less.
const CROWD_CHANGES: usize = 12;

/// The time that a batch is then given.
const CROWD_PAUSE: Duration = Duration::from_millis(1);

/// Positions of the events that were written.
pub(super) type Places = HashMap<EventNid, Position>;

pub(super) struct Committer {
    store: Store,
    queue: mpsc::Receiver<Pending>,
    tail: broadcast::Sender<Committed>,
    position: watch::Sender<Position>,
    /// A change that did not fit the batch before.
    held: Option<Pending>,
    /// Changes in the last batch.
    last_changes: usize,
}

/// What a transaction came to.
struct Written {
    places: Places,
    /// Position before the first of the other changes.
    others_base: Position,
}

impl Committer {
    pub(super) fn new(
        store: Store,
        queue: mpsc::Receiver<Pending>,
        tail: broadcast::Sender<Committed>,
        position: watch::Sender<Position>,
    ) -> Self {
        Self {
            store,
            queue,
            tail,
            position,
            held: None,
            last_changes: 0,
        }
    }

    /// Runs until all senders are gone and everything is written.
    pub(super) async fn run(mut self) {
        while let Some(pending) = self.gather().await {
            let batch = Batch::sort(pending);
            if !batch.is_empty() {
                self.commit(batch).await;
            }
        }
    }

    async fn gather(&mut self) -> Option<Vec<Pending>> {
        let first = match self.held.take() {
            Some(held) => held,
            None => self.queue.recv().await?,
        };
        let mut entries = first.change.entries();
        let mut pending = vec![first];
        if self.last_changes >= CROWD_CHANGES && self.queue.len() < BATCH_ENTRIES {
            tokio::time::sleep(CROWD_PAUSE).await;
        }
        while let Ok(next) = self.queue.try_recv() {
            entries += next.change.entries();
            if entries > BATCH_ENTRIES {
                self.held = Some(next);
                break;
            }
            pending.push(next);
        }
        self.last_changes = pending.len();
        Some(pending)
    }

    async fn commit(&self, mut batch: Batch) {
        // At most one round per room can find a duplicate transaction, so this ends.
        loop {
            let start = Instant::now();
            match self.write(&batch).await {
                Ok(written) => {
                    observe(&batch, start);
                    return self.publish(batch, &written);
                }
                Err(error) if is_unique_violation(&error) => {
                    match self.without_duplicates(batch, &error).await {
                        Some(rest) if !rest.is_empty() => batch = rest,
                        _ => return,
                    }
                }
                Err(error) if is_of_the_data(&error) => {
                    return self.commit_apart(batch, &error).await;
                }
                Err(error) => return refuse(batch, &error),
            }
        }
    }

    async fn write(&self, batch: &Batch) -> Result<Written, sqlx::Error> {
        let mut connection = self.store.committer().acquire().await?;
        // A batch that touches nothing but events is one statement, and needs no transaction
        // around it: two round trips less on the hottest path.
        if batch.others.is_empty() && !write_state::is_needed(&batch.rooms) {
            let places = write_room::events(&mut connection, &batch.rooms).await?;
            return Ok(Written {
                places,
                others_base: Position(0),
            });
        }
        let mut tx = sqlx::Connection::begin(&mut *connection).await?;
        let written = Self::write_whole(&mut tx, batch).await?;
        tx.commit().await?;
        Ok(written)
    }

    async fn write_whole(
        tx: &mut Transaction<'_, Postgres>,
        batch: &Batch,
    ) -> Result<Written, sqlx::Error> {
        let connection: &mut PgConnection = tx;
        let mut places = Places::new();
        if !batch.rooms.is_empty() {
            write_state::rooms(connection, &batch.rooms).await?;
            places = write_room::events(connection, &batch.rooms).await?;
            write_state::all(connection, &batch.rooms, &places).await?;
        }
        let others_base = write_other::all(connection, &batch.others).await?;
        Ok(Written {
            places,
            others_base,
        })
    }

    /// Tells readers, then answers senders.
    fn publish(&self, batch: Batch, written: &Written) {
        let mut entries = Vec::new();
        let mut answers = Vec::new();
        for item in batch.rooms.into_iter().flatten() {
            let last =
                room_of(&item).and_then(|room| push_events(&mut entries, room, &written.places));
            answers.push((item, last.ok_or(AppendError::Stale)));
        }
        entries.sort_by_key(|entry: &LogEntry| entry.position);
        let mut position = written.others_base.0;
        for item in batch.others {
            write_other::push_entries(&mut entries, &item.change, &mut position);
            answers.push((item, Ok(Position(position))));
        }
        if let Some(last) = entries.last() {
            let last = last.position;
            // No reader yet is no error.
            let _ = self.tail.send(entries.into());
            self.position.send_replace(last);
            metrics::gauge!("causeway_log_position").set(last.0 as f64);
        }
        for (item, result) in answers {
            answer(item, result);
        }
    }

    /// Writes each room's changes, and each other change, on their own, so that what cannot be
    /// written is refused alone.
    async fn commit_apart(&self, batch: Batch, error: &sqlx::Error) {
        let parts = batch.into_parts();
        if let [_] = parts.as_slice() {
            let reason: Arc<str> = error.to_string().into();
            for item in parts.into_iter().flat_map(Batch::into_pending) {
                answer(item, Err(AppendError::Conflict(reason.clone())));
            }
            return;
        }
        for part in parts {
            Box::pin(self.commit(part)).await;
        }
    }

    /// Takes out changes whose client transaction was written before, and what was built on
    /// them, and answers those. `None` if the violation had another cause: then
    /// each room's changes are tried on their own, and refused if they are alone already.
    async fn without_duplicates(&self, batch: Batch, error: &sqlx::Error) -> Option<Batch> {
        let found = match write_room::duplicates(self.store.pool(), &batch.rooms).await {
            Ok(found) => found,
            Err(error) => {
                refuse(batch, &error);
                return None;
            }
        };
        let in_batch = repeated_transactions(&batch);
        if found.is_empty() && in_batch.is_empty() {
            self.commit_apart(batch, error).await;
            return None;
        }
        let mut rest = Batch {
            rooms: Vec::new(),
            others: batch.others,
        };
        for room in batch.rooms {
            let mut kept = Vec::new();
            let mut broken = false;
            for item in room {
                let known = first_nid(&item)
                    .and_then(|nid| found.get(&nid).or_else(|| in_batch.get(&nid)).cloned());
                match known {
                    Some(event_id) => {
                        broken = true;
                        answer(item, Err(AppendError::Duplicate(event_id)));
                    }
                    None if broken => answer(item, Err(AppendError::Stale)),
                    None => kept.push(item),
                }
            }
            if !kept.is_empty() {
                rest.rooms.push(kept);
            }
        }
        Some(rest)
    }
}

/// The same transaction twice within one batch: the second is a repeat of the first.
fn repeated_transactions(batch: &Batch) -> HashMap<EventNid, ruma::OwnedEventId> {
    let mut seen = HashMap::new();
    let mut repeated = HashMap::new();
    let records = batch
        .rooms
        .iter()
        .flatten()
        .filter_map(room_of)
        .flat_map(|room| &room.events);
    for record in records {
        let Some(sent_by) = &record.sent_by else {
            continue;
        };
        let key = (
            record.room,
            record.pdu.sender().to_owned(),
            sent_by.device.clone(),
            sent_by.txn_id.clone(),
        );
        let first = seen
            .entry(key)
            .or_insert_with(|| record.pdu.event_id().to_owned());
        if first.as_str() != record.pdu.event_id().as_str() {
            repeated.insert(record.nid, first.clone());
        }
    }
    repeated
}

fn first_nid(pending: &Pending) -> Option<EventNid> {
    room_of(pending)
        .and_then(|room| room.events.first())
        .map(|event| event.nid)
}

/// Adds the events of a room batch; gives the last position, or `None` if they were not written.
fn push_events(
    entries: &mut Vec<LogEntry>,
    room: &super::RoomBatch,
    places: &Places,
) -> Option<Position> {
    let mut last = None;
    for record in &room.events {
        let position = *places.get(&record.nid)?;
        last = last.max(Some(position));
        if !record.is_news() {
            continue;
        }
        entries.push(LogEntry {
            position,
            entry: Entry::Event(record.clone()),
        });
    }
    last
}

fn refuse(batch: Batch, error: &sqlx::Error) {
    tracing::error!(%error, "a batch of the log was not written");
    let reason: Arc<str> = error.to_string().into();
    for item in batch.into_pending() {
        answer(item, Err(AppendError::Unavailable(reason.clone())));
    }
}

/// Whether the statement failed for what it was to write (classes 22 and 23 of SQLSTATE), not for
/// the database's state.
fn is_of_the_data(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}

fn is_unique_violation(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.is_unique_violation())
}

fn observe(batch: &Batch, start: Instant) {
    let changes = batch
        .rooms
        .iter()
        .flatten()
        .chain(&batch.others)
        .map(|item| &item.change);
    let entries: usize = changes.map(Change::entries).sum();
    metrics::histogram!("causeway_log_batch_entries").record(entries as f64);
    metrics::histogram!("causeway_log_batch_seconds").record(start.elapsed().as_secs_f64());
}
