//! The events of a transaction, room by room.

use std::collections::BTreeMap;

use causeway_events::{Pdu, RoomVersion};
use causeway_rooms::receive::Outcome;
use ruma::{EventId, OwnedRoomId, RoomId, ServerName};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{MAX_PDUS, Verdict};
use crate::Federation;
use crate::keys::BadEvent;

/// What became of events, by their ids.
pub(super) type Verdicts = BTreeMap<String, Verdict>;

/// The events by the rooms that they say they are of. What says nothing has no place anywhere.
pub(super) fn by_room(pdus: Vec<Box<RawValue>>) -> BTreeMap<OwnedRoomId, Vec<Box<RawValue>>> {
    #[derive(Deserialize)]
    struct Place {
        room_id: OwnedRoomId,
    }
    let mut rooms: BTreeMap<OwnedRoomId, Vec<Box<RawValue>>> = BTreeMap::new();
    for pdu in pdus.into_iter().take(MAX_PDUS) {
        if let Ok(Place { room_id }) = serde_json::from_str(pdu.get()) {
            rooms.entry(room_id).or_default().push(pdu);
        }
    }
    rooms
}

impl Federation {
    /// Checks events of one room, takes them in, and fetches what they lack.
    pub(super) async fn take_events(
        &self,
        origin: &ServerName,
        room: &RoomId,
        pdus: Vec<Box<RawValue>>,
    ) -> Verdicts {
        let mut verdicts = Verdicts::new();
        let Ok(head) = self.rooms().head(room).await else {
            // Ids follow from the room's version, which nobody here knows.
            tracing::debug!(%origin, %room, "events of a room that is not here");
            return verdicts;
        };
        let version = head.version();
        let refusal = match self
            .rooms()
            .is_server_in(room, self.rooms().server_name())
            .await
        {
            Ok(true) if head.allows_server(origin) => None,
            Ok(true) => Some("the server is not let into the room"),
            Ok(false) => Some("nobody of this server is in the room"),
            Err(_) => Some("this server cannot look at the room now"),
        };
        if let Some(why) = refusal {
            for id in pdus.iter().filter_map(|raw| id_of(version, raw)) {
                verdicts.insert(id, Verdict::refused(why));
            }
            return verdicts;
        }
        let events = pdus.into_iter().map(|raw| (version, raw)).collect();
        let checked = match self.ring().check_events(events).await {
            Ok(checked) => checked,
            Err(error) => {
                tracing::error!(%error, "keys of servers cannot be read");
                return verdicts;
            }
        };
        let mut good = Vec::new();
        for event in checked {
            match event {
                Ok(pdu) => good.push(pdu),
                Err(BadEvent::Signature { event_id, error }) => {
                    verdicts.insert(event_id.into(), Verdict::refused(error.to_string()));
                }
                Err(error) => tracing::debug!(%origin, %room, %error, "no event"),
            }
        }
        self.take_good(origin, room, good, &mut verdicts).await;
        verdicts
    }

    async fn take_good(
        &self,
        origin: &ServerName,
        room: &RoomId,
        good: Vec<Pdu>,
        verdicts: &mut Verdicts,
    ) {
        let outcomes = match self.rooms().receive(room, good.clone()).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                tracing::warn!(%origin, %room, %error, "events are not taken in");
                for pdu in good {
                    let why = Verdict::refused(error.to_string());
                    verdicts.insert(pdu.event_id().to_string(), why);
                }
                return;
            }
        };
        let mut lacking = Vec::new();
        for (id, outcome) in outcomes {
            if matches!(outcome, Outcome::Missing(_)) {
                lacking.extend(good.iter().find(|pdu| *pdu.event_id() == *id).cloned());
            } else {
                let verdict = verdict(&id, outcome);
                verdicts.insert(id.into(), verdict);
            }
        }
        if !lacking.is_empty() {
            for (id, outcome) in self.fill_gap(origin, room, lacking).await {
                let verdict = verdict(&id, outcome);
                verdicts.insert(id.into(), verdict);
            }
        }
    }
}

/// An event that was judged is dealt with, as far as its server is concerned, even if it was rejected
/// or soft failed: sending it again changes nothing ("PDU Processing Result").
fn verdict(id: &EventId, outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::Accepted | Outcome::Known => Verdict::default(),
        Outcome::Rejected(why) => {
            tracing::debug!(%id, why, "an event is rejected");
            Verdict::default()
        }
        Outcome::SoftFailed(why) => {
            tracing::debug!(%id, why, "an event is soft failed");
            Verdict::default()
        }
        Outcome::Missing(ids) => Verdict::refused(format!(
            "{} events that it follows on cannot be had",
            ids.len()
        )),
    }
}

fn id_of(version: RoomVersion, raw: &RawValue) -> Option<String> {
    let pdu = Pdu::from_stranger(version, raw.get()).ok()?;
    Some(pdu.event_id().to_string())
}
