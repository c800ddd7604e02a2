//! History that is fetched later: old events that lead up to what is here.

use std::collections::HashSet;
use std::sync::Arc;

use causeway_events::Pdu;
use causeway_store::graph::{find_place_before, list_gaps};
use causeway_store::log::REJECTED;
use causeway_store::{RoomPlace, StateRef, StoreError};
use ruma::{EventId, OwnedEventId, RoomId};

use super::weigh::Weigher;
use super::{MAX_ATTEMPTS, MAX_RECEIVED, MAX_STATE_EVENTS, Outcome, ReceiveError, Written, order};
use crate::rooms::Rooms;
use crate::write::record;

/// Old events of a room, as another server gave them (server-server, `GET /backfill`).
#[derive(Debug, Clone)]
pub struct History {
    /// The events, in any order; at most [`MAX_RECEIVED`]. Each leads up to another one of them, or
    /// to an event that is here ([`Rooms::gaps`]).
    pub events: Vec<Pdu>,
    /// The state before the oldest of them (`pdu_ids` of `/state_ids`).
    pub state: Vec<OwnedEventId>,
    /// Those events of the state, and what authorises them and the events themselves, that are not
    /// here.
    pub state_events: Vec<Pdu>,
}

/// An event that is wanted, and not here.
#[derive(Debug, Clone)]
pub struct Gap {
    /// Which.
    pub wanted: OwnedEventId,
    /// The event that follows on it.
    pub wanted_by: OwnedEventId,
    /// Where that stands in the room.
    pub place: RoomPlace,
}

impl Rooms {
    /// Takes in old events: they get their places before the event that they lead up to, and
    /// nobody is told of them; whoever pages back finds them. The events, and those of the state,
    /// were verified as in [`Rooms::receive`].
    ///
    /// # Errors
    /// See [`ReceiveError`].
    pub async fn take_history(
        &self,
        room: &RoomId,
        history: History,
    ) -> Result<Vec<(OwnedEventId, Outcome)>, ReceiveError> {
        let too_many = history.events.len() > MAX_RECEIVED
            || history.state.len() + history.state_events.len() > MAX_STATE_EVENTS;
        if too_many {
            return Err(ReceiveError::TooMany);
        }
        let events = order::sort(history.events.clone());
        let warm = self.parts().heads.warm(room);
        let _turn = warm.receiving.lock().await;
        for attempt in 0..MAX_ATTEMPTS {
            let gate = warm.close_gate(attempt).await;
            let written = self.take_history_once(room, &events, &history).await;
            drop(gate);
            match written {
                Ok(Written::Done(done)) => return Ok(done),
                Ok(Written::Moved) => {}
                Ok(Written::Unavailable(error)) => return Err(ReceiveError::Append(error)),
                Err(ReceiveError::Store(error)) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
        Err(ReceiveError::Busy)
    }

    /// Where the room's history has gaps, the newest first: those at or before `before` (`None`: all),
    /// at most `limit`.
    ///
    /// # Errors
    /// If the server does not know the room, or the database does not answer.
    pub async fn gaps(
        &self,
        room: &RoomId,
        before: Option<RoomPlace>,
        limit: usize,
    ) -> Result<Vec<Gap>, ReceiveError> {
        let head = self.head(room).await?;
        let end = RoomPlace {
            anchor: i64::MAX,
            offset: i32::MAX,
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = list_gaps(self.store(), head.room(), before.unwrap_or(end), limit).await?;
        let gaps = rows.into_iter().filter_map(|row| {
            Some(Gap {
                wanted: row.wanted.try_into().ok()?,
                wanted_by: row.wanted_by_id.try_into().ok()?,
                place: row.place,
            })
        });
        Ok(gaps.collect())
    }

    /// Those of some events that are not here: nothing is known of them but that they are named.
    ///
    /// # Errors
    /// If the server does not know the room, or the database does not answer.
    pub async fn list_unknown(
        &self,
        room: &RoomId,
        ids: &[OwnedEventId],
    ) -> Result<Vec<OwnedEventId>, ReceiveError> {
        let head = self.head(room).await?;
        let mut weigher = Weigher::new(self.parts(), head);
        Ok(weigher.load_state(ids).await?)
    }

    async fn take_history_once(
        &self,
        room: &RoomId,
        events: &[Pdu],
        history: &History,
    ) -> Result<Written, ReceiveError> {
        let parts = self.parts();
        let head = parts.heads.head(room).await?;
        parts.log.settled().await.map_err(ReceiveError::Append)?;
        let mut weigher = Weigher::new(parts, head);
        weigher.add_outliers(history.state_events.clone()).await?;
        weigher.prefetch(events).await?;
        let missing = weigher.load_state(&history.state).await?;
        if !missing.is_empty() {
            let outcome = |pdu: &Pdu| {
                let missing = Outcome::Missing(missing.clone());
                (pdu.owned_event_id().clone(), missing)
            };
            return Ok(Written::Done(events.iter().map(outcome).collect()));
        }
        let ids: Vec<&str> = events.iter().map(|pdu| pdu.event_id().as_str()).collect();
        let place = find_place_before(&parts.store, weigher.room(), &ids).await?;
        let Some(place) = place else {
            return Err(ReceiveError::NotWanted);
        };
        let state = weigher.state_of(&history.state).into_iter().collect();
        let ground = weigher.lay_state(state).await?;
        let done = weigher.take_old(events, ground, place).await?;
        self.write(room, weigher, done).await
    }
}

impl Weigher<'_> {
    /// Adds old events, oldest first, before a place.
    async fn take_old(
        &mut self,
        events: &[Pdu],
        ground: StateRef,
        before: RoomPlace,
    ) -> Result<Vec<(OwnedEventId, Outcome)>, StoreError> {
        let is_open = |id: &EventId| {
            let node = self.graph.find(id);
            node.is_none_or(|node| node.is_outlier())
        };
        let open: HashSet<OwnedEventId> = events
            .iter()
            .filter(|pdu| is_open(pdu.event_id()))
            .map(|pdu| pdu.owned_event_id().clone())
            .collect();
        let mut offset = before.offset - i32::try_from(open.len()).unwrap_or(i32::MAX);
        let mut done = Vec::with_capacity(events.len());
        for pdu in events {
            let outcome = if open.contains(pdu.event_id()) {
                let place = RoomPlace {
                    anchor: before.anchor,
                    offset,
                };
                let outcome = self.take_one_old(pdu, ground, place).await?;
                offset += 1;
                outcome
            } else {
                Outcome::Known
            };
            done.push((pdu.owned_event_id().clone(), outcome));
        }
        Ok(done)
    }

    async fn take_one_old(
        &mut self,
        pdu: &Pdu,
        ground: StateRef,
        place: RoomPlace,
    ) -> Result<Outcome, StoreError> {
        if let Some(why) = self.misplaced(pdu) {
            let is_first = pdu.event_type() == "m.room.create" && self.create_is(pdu);
            if !is_first {
                return Ok(Outcome::Rejected(why.to_owned()));
            }
        }
        let missing = self.missing(pdu, true);
        if !missing.is_empty() {
            return Ok(Outcome::Missing(missing));
        }
        let before = if pdu.prev_events().is_empty() {
            self.graph.lay_whole([])
        } else if self.missing(pdu, false).is_empty() {
            match self.state_before(pdu).await? {
                Ok(before) => before,
                Err(why) => return Ok(Outcome::Rejected(why)),
            }
        } else {
            ground
        };
        let verdict = match self.judge_by_auth_events(pdu) {
            Ok(()) => self.judge_at(pdu, before).await?,
            Err(error) => Err(error),
        };
        let known = self.graph.find(pdu.event_id()).cloned();
        let mut flags = if verdict.is_err() { REJECTED } else { 0 };
        let nid = match &known {
            Some(node) => node.nid,
            None => causeway_store::EventNid(self.parts.nids.next().await?),
        };
        let blanked = self.blank_if_redacted(pdu, &mut flags).await?;
        let node = self
            .place(blanked, nid, before, flags, known.as_deref())
            .await?;
        let mut record = self.record(&node, before, known.is_some()).await?;
        record.place = Some(place);
        self.note_missing(&record);
        if verdict.is_ok() {
            record.relation = record::relation(&record.pdu);
            record.redacts = self.redact(&record);
        }
        self.head.row.version = nid.0;
        self.batch.events.push(Arc::new(record));
        Ok(match verdict {
            Ok(()) => Outcome::Accepted,
            Err(error) => Outcome::Rejected(error.reason),
        })
    }

    /// Whether this is the create event that the room's state has.
    fn create_is(&self, pdu: &Pdu) -> bool {
        let create = self.head.state("m.room.create", "");
        create.is_some_and(|create| create.pdu.event_id() == pdu.event_id())
    }
}
