//! The kitchen's second door: events of other servers.
//!
//! `federation` brings events whose hashes and signatures it has verified; here they are weighed
//! against the room (server-server, Checks performed on receipt of a PDU, 4 to 7) and, if they
//! stand, written by the same log as our own. A room may have several ends then; its current state
//! is what the states after all of them come to.
//!
//! What is not here is answered with [`Outcome::Missing`], and `federation` fetches it: this crate
//! waits for no other server than a room's policy server (`policy.rs`), before anything is locked.
//!
//! Start reading at [`Rooms::receive`], then `weigh.rs`, `advance.rs` and `resolve.rs`.

mod advance;
mod compare;
mod coverage;
mod gap;
mod graph;
mod history;
mod import;
mod merge;
mod order;
mod outliers;
mod outside;
mod redaction;
mod resolve;
mod take;
mod watch;
mod weigh;

use std::collections::HashSet;
use std::time::Duration;

use causeway_events::Pdu;
use causeway_store::{AppendError, Change, StoreError};
use ruma::{OwnedEventId, RoomId};

pub(crate) use self::coverage::Coverages;
pub use self::gap::{EventWithState, MAX_STATE_EVENTS};
pub use self::history::{Gap, History};
pub use self::import::Import;
pub use self::outside::OutsideMembership;
use self::weigh::Weigher;
use crate::rooms::Rooms;
use crate::write::LoadError;

/// Events that one call takes, at most.
pub const MAX_RECEIVED: usize = 500;

/// Attempts at a room whose head keeps moving.
const MAX_ATTEMPTS: u32 = 24;

/// Pause before the second attempt after the database did not answer; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Attempts after the database did not answer.
const MAX_PAUSES: u32 = 3;

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It stands in the room, and those who are in it are told.
    Accepted,
    /// It was here before, whatever had become of it then.
    Known,
    /// It was never allowed: its auth events, or the state before it, forbid it. It is kept unless
    /// it has no place in the room at all (another room's, a second create event), but shown to
    /// nobody.
    Rejected(String),
    /// It was allowed where it was sent, but not by the room's state of now. It is kept, but shown
    /// to nobody, and nothing of ours follows on it.
    SoftFailed(String),
    /// It names these events (`prev_events`, then `auth_events`), which are not here. Nothing was
    /// written; bring them along, or the state before the event, and ask again.
    Missing(Vec<OwnedEventId>),
}

/// Why nothing became of events. Those that a call had taken in before stay.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// This server does not know the room.
    #[error("this server does not know the room")]
    NoSuchRoom,
    /// More events than one call takes.
    #[error("more than {MAX_RECEIVED} events at once")]
    TooMany,
    /// The event is no membership of one of our users, or none that can be so changed.
    #[error("no such membership")]
    NotAMembership,
    /// Users of this server are in the room already: join as one of them does.
    #[error("users of this server are in the room already")]
    AlreadyIn,
    /// Nothing that is here leads back to any of the old events.
    #[error("nothing here leads back to these events")]
    NotWanted,
    /// The room is known here with another version.
    #[error("the room has another version")]
    OtherVersion,
    /// The room changed under every attempt.
    #[error("the room is too busy")]
    Busy,
    /// The log did not take them.
    #[error(transparent)]
    Append(AppendError),
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LoadError> for ReceiveError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::NoSuchRoom => Self::NoSuchRoom,
            LoadError::Store(error) => Self::Store(error),
        }
    }
}

/// What a batch came to.
enum Written {
    /// Outcomes of the first events.
    Done(Vec<(OwnedEventId, Outcome)>),
    /// The room has moved meanwhile.
    Moved,
    /// The database did not answer.
    Unavailable(AppendError),
}

impl Rooms {
    /// Takes in events of one room. Their signatures, and the hashes of their contents, have been
    /// verified (redacted where a hash does not match); they may come in any order, and twice.
    ///
    /// Gives what became of each, in the order in which they were taken in: those that others
    /// follow on first. Events that are here are answered [`Outcome::Known`], so a call that is
    /// repeated does no harm. Accepted events are durable, and readers of the log have been told.
    ///
    /// # Errors
    /// See [`ReceiveError`].
    pub async fn receive(
        &self,
        room: &RoomId,
        pdus: Vec<Pdu>,
    ) -> Result<Vec<(OwnedEventId, Outcome)>, ReceiveError> {
        self.receive_and_tell(room, pdus, false).await
    }

    /// As [`Self::receive`]; with `relays` they come in through this server, which is the one to
    /// tell the other servers of the room.
    pub(crate) async fn receive_and_tell(
        &self,
        room: &RoomId,
        pdus: Vec<Pdu>,
        relays: bool,
    ) -> Result<Vec<(OwnedEventId, Outcome)>, ReceiveError> {
        if pdus.len() > MAX_RECEIVED {
            return Err(ReceiveError::TooMany);
        }
        let (pdus, refused) = self.policed(room, order::sort(pdus)).await?;
        let warm = self.parts().heads.warm(room);
        let mut outcomes = Vec::with_capacity(pdus.len());
        let mut pause = FIRST_PAUSE;
        let (mut attempts, mut pauses) = (0, 0);
        while outcomes.len() < pdus.len() {
            let turn = warm.receiving.lock().await;
            let gate = warm.close_gate(attempts).await;
            let written = self
                .receive_batch(room, &pdus[outcomes.len()..], &refused, relays)
                .await?;
            drop(gate);
            match written {
                Written::Done(done) => {
                    outcomes.extend(done);
                    drop(turn);
                    self.merge_ends(room).await;
                    attempts = 0;
                }
                Written::Moved if attempts < MAX_ATTEMPTS => attempts += 1,
                Written::Moved => return Err(ReceiveError::Busy),
                Written::Unavailable(_) if pauses < MAX_PAUSES => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                    pauses += 1;
                }
                Written::Unavailable(error) => return Err(ReceiveError::Append(error)),
            }
        }
        Ok(outcomes)
    }

    /// Weighs events until the batch is full, and writes it.
    async fn receive_batch(
        &self,
        room: &RoomId,
        pdus: &[Pdu],
        refused: &HashSet<OwnedEventId>,
        relays: bool,
    ) -> Result<Written, ReceiveError> {
        let parts = self.parts();
        let head = parts.heads.head(room).await?;
        // What others of this process have put into the queue must be in the tables.
        parts.log.settled().await.map_err(ReceiveError::Append)?;
        let mut weigher = Weigher::new(parts, head);
        weigher.relays = relays;
        weigher.refused.clone_from(refused);
        weigher.prefetch(pdus).await?;
        let mut outcomes = Vec::new();
        for pdu in pdus {
            let outcome = weigher.weigh(pdu, None).await?;
            note(&outcome);
            outcomes.push((pdu.owned_event_id().clone(), outcome));
            if weigher.is_full() {
                break;
            }
        }
        self.write(room, weigher, outcomes).await
    }

    /// Writes what was weighed, if the room is still what it was.
    async fn write(
        &self,
        room: &RoomId,
        weigher: Weigher<'_>,
        outcomes: Vec<(OwnedEventId, Outcome)>,
    ) -> Result<Written, ReceiveError> {
        if weigher.batch.events.is_empty() {
            return Ok(Written::Done(outcomes));
        }
        let parts = self.parts();
        let (batch, head) = weigher.finish().await?;
        let warm = parts.heads.warm(room);
        let permit = parts.log.reserve().await.map_err(ReceiveError::Append)?;
        let (answer, generation) = {
            let mut slot = warm.slot.lock();
            if let Some(now) = &slot.head
                && now.row.version != batch.expected_version
            {
                return Ok(Written::Moved);
            }
            slot.head = Some(head);
            let answer = permit.submit(Change::Room(Box::new(batch)));
            (answer, slot.generation)
        };
        let Err(error) = answer.wait().await else {
            return Ok(Written::Done(outcomes));
        };
        warm.discard(generation);
        match error {
            // Another node writes to the room, or has put one of the events into it.
            AppendError::Stale | AppendError::Conflict(_) | AppendError::Duplicate(_) => {
                Ok(Written::Moved)
            }
            AppendError::Unavailable(_) => Ok(Written::Unavailable(error)),
            AppendError::Closed => Err(ReceiveError::Append(error)),
        }
    }
}

fn note(outcome: &Outcome) {
    let word = match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Known => "known",
        Outcome::Rejected(_) => "rejected",
        Outcome::SoftFailed(_) => "soft_failed",
        Outcome::Missing(_) => "missing",
    };
    metrics::counter!("causeway_received_events_total", "outcome" => word).increment(1);
}
