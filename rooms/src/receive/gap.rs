//! Events behind a gap: what they follow on is not here, so another server says what the state
//! before them is.

use std::collections::HashSet;

use causeway_events::Pdu;
use causeway_store::graph::insert_lines;
use causeway_store::{EventNid, KeyNid, StateRef, StoreError};
use ruma::{OwnedEventId, RoomId};

use super::weigh::Weigher;
use super::{MAX_ATTEMPTS, Outcome, ReceiveError, Written, note};
use crate::rooms::Rooms;

/// State events and auth events that one call takes, at most.
pub const MAX_STATE_EVENTS: usize = 500_000;

/// An event with the state before it, as another server gave it.
#[derive(Debug, Clone)]
pub struct EventWithState {
    /// The event.
    pub event: Pdu,
    /// All of the state before it (`pdu_ids` of `/state_ids`).
    pub state: Vec<OwnedEventId>,
    /// Those of them that are not here, and what authorises them and the event itself, with all that
    /// is behind it, as far as that is not here ([`Rooms::list_unknown`]).
    pub events: Vec<Pdu>,
}

impl Rooms {
    /// Takes in an event whose `prev_events` are not all here, with the state before it. All of
    /// that was verified as in [`Rooms::receive`]; it is believed to be the state, but no event of it
    /// whose auth events do not allow it. What the event follows on is noted as wanted.
    ///
    /// [`Outcome::Missing`] names the events of the state, and auth events, that are not here and
    /// were not given.
    ///
    /// # Errors
    /// See [`ReceiveError`].
    pub async fn receive_with_state(
        &self,
        room: &RoomId,
        mut event: EventWithState,
    ) -> Result<Outcome, ReceiveError> {
        if event.state.len() + event.events.len() > MAX_STATE_EVENTS {
            return Err(ReceiveError::TooMany);
        }
        let (mut checked, refused) = self.policed(room, vec![event.event.clone()]).await?;
        event.event = checked.pop().unwrap_or(event.event);
        let warm = self.parts().heads.warm(room);
        let turn = warm.receiving.lock().await;
        for attempt in 0..MAX_ATTEMPTS {
            let gate = warm.close_gate(attempt).await;
            let written = self.receive_at_gap(room, &event, &refused).await;
            drop(gate);
            match written {
                Ok(Written::Done(mut done)) => {
                    drop(turn);
                    self.merge_ends(room).await;
                    let outcome = done.pop().map(|(_, outcome)| outcome);
                    return outcome.ok_or(ReceiveError::Busy);
                }
                Ok(Written::Moved) => {}
                Ok(Written::Unavailable(error)) => return Err(ReceiveError::Append(error)),
                // Another node has written one of the events at the same moment.
                Err(ReceiveError::Store(error)) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
        Err(ReceiveError::Busy)
    }

    async fn receive_at_gap(
        &self,
        room: &RoomId,
        event: &EventWithState,
        refused: &HashSet<OwnedEventId>,
    ) -> Result<Written, ReceiveError> {
        let parts = self.parts();
        let head = parts.heads.head(room).await?;
        parts.log.settled().await.map_err(ReceiveError::Append)?;
        let mut weigher = Weigher::new(parts, head);
        weigher.refused.clone_from(refused);
        weigher.add_outliers(event.events.clone()).await?;
        let pdu = &event.event;
        weigher.prefetch(std::slice::from_ref(pdu)).await?;
        let missing = weigher.load_state(&event.state).await?;
        if !missing.is_empty() {
            let missing = Outcome::Missing(missing);
            let done = vec![(pdu.owned_event_id().clone(), missing)];
            return Ok(Written::Done(done));
        }
        let state = weigher.state_of(&event.state);
        let before = weigher.lay_state(state.into_iter().collect()).await?;
        let outcome = weigher.weigh(pdu, Some(before)).await?;
        note(&outcome);
        let done = vec![(pdu.owned_event_id().clone(), outcome)];
        self.write(room, weigher, done).await
    }
}

impl Weigher<'_> {
    /// A state that another server gave, as it differs from the current one. It is in the database
    /// afterwards.
    pub(super) async fn lay_state(
        &mut self,
        mut state: Vec<(KeyNid, EventNid)>,
    ) -> Result<StateRef, StoreError> {
        state.sort_unstable();
        let current = self.head.row.state;
        let whole = self.graph.whole(current).await?;
        let at = if whole.is_empty() {
            self.graph.lay_whole(state)
        } else {
            let changes = changes(&whole, &state);
            self.graph.lay(current, &changes, false).await?
        };
        let (lines, steps) = self.graph.take_laid();
        if !lines.is_empty() {
            insert_lines(self.graph.store(), self.room(), &lines, &steps).await?;
        }
        Ok(at)
    }
}

/// What turns one state into another; both are sorted by key.
fn changes(
    from: &[(KeyNid, EventNid)],
    to: &[(KeyNid, EventNid)],
) -> Vec<(KeyNid, Option<EventNid>)> {
    let find = |state: &[(KeyNid, EventNid)], key: KeyNid| {
        let at = state.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        Some(state[at].1)
    };
    let gone = from
        .iter()
        .filter(|(key, _)| find(to, *key).is_none())
        .map(|(key, _)| (*key, None));
    let set = to
        .iter()
        .filter(|(key, event)| find(from, *key) != Some(*event))
        .map(|(key, event)| (*key, Some(*event)));
    set.chain(gone).collect()
}
