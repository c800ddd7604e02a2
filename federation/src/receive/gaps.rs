//! Events that others follow on, and that are not here: asked for in bounded steps.
//!
//! Specification: server-server API, "Retrieving missing events in a room".

use std::collections::HashMap;
use std::time::Duration;

use causeway_events::{Pdu, RoomVersion};
use causeway_rooms::receive::{EventWithState, Outcome};
use futures::stream::{self, StreamExt as _};
use ruma::{EventId, OwnedEventId, RoomId, ServerName};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::Federation;
use crate::links::{LinkError, segment};

/// Steps backwards, from what came to what is here.
const MAX_STEPS: usize = 10;

/// Events of one step.
const STEP: usize = 50;

/// Longest time for one question.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Events of a transaction whose state is asked for when stepping back does not help.
const MAX_WITH_STATE: usize = 3;

/// Events of one state that are asked for one by one.
const MAX_FETCHED: usize = 2_000;

/// Events that are asked for at a time.
const AT_ONCE: usize = 16;

/// Times that what is missing of a state is asked for.
const MAX_ROUNDS: usize = 4;

/// Largest answer to a question for ids, in bytes: a million of them.
const MAX_IDS_BYTES: usize = 64 * 1024 * 1024;

type Outcomes = Vec<(OwnedEventId, Outcome)>;

#[derive(Deserialize)]
struct Missing {
    events: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Ids {
    pdu_ids: Vec<OwnedEventId>,
}

#[derive(Deserialize)]
struct One {
    pdus: Vec<Box<RawValue>>,
}

fn is_missing(outcomes: &[(OwnedEventId, Outcome)], id: &EventId) -> bool {
    let is_it = |(of, outcome): &(OwnedEventId, Outcome)| {
        **of == *id && matches!(outcome, Outcome::Missing(_))
    };
    outcomes.iter().any(is_it)
}

/// Events that the first `stepped` follow on, and that are neither here nor among all: a few.
fn outermost(
    open: &[Pdu],
    stepped: usize,
    outcomes: &[(OwnedEventId, Outcome)],
) -> Vec<OwnedEventId> {
    let mut found: Vec<OwnedEventId> = Vec::new();
    for pdu in open.iter().take(stepped) {
        let of_it = outcomes.iter().find(|(id, _)| **id == *pdu.event_id());
        let Some((_, Outcome::Missing(missing))) = of_it else {
            continue;
        };
        let before = missing.iter().filter(|id| pdu.prev_events().contains(id));
        for id in before {
            let is_given = open.iter().any(|pdu| *pdu.event_id() == **id);
            if !is_given && !found.contains(id) && found.len() < MAX_WITH_STATE {
                found.push(id.clone());
            }
        }
    }
    found
}

impl Federation {
    /// Fetches what events lack from the server that sent them, and takes them in. What cannot be
    /// had stays [`Outcome::Missing`].
    pub(super) async fn fill_gap(
        &self,
        origin: &ServerName,
        room: &RoomId,
        mut lacking: Vec<Pdu>,
    ) -> Outcomes {
        let mut done: HashMap<OwnedEventId, Outcome> = HashMap::new();
        let mut behind: Vec<Pdu> = Vec::new();
        for _ in 0..MAX_STEPS {
            let latest: Vec<&Pdu> = match behind.is_empty() {
                true => lacking.iter().collect(),
                false => behind.iter().collect(),
            };
            let Ok(found) = self.step_back(origin, room, &latest).await else {
                break;
            };
            if found.is_empty() {
                break;
            }
            let before = behind.len();
            behind = found.into_iter().chain(behind).collect();
            let all = behind.iter().chain(&lacking).cloned().collect();
            let Ok(outcomes) = self.rooms().receive(room, all).await else {
                break;
            };
            let is_open = |outcome: &Outcome| matches!(outcome, Outcome::Missing(_));
            let open: Vec<_> = outcomes.iter().filter(|(_, it)| is_open(it)).collect();
            let open: Vec<OwnedEventId> = open.into_iter().map(|(id, _)| id.clone()).collect();
            behind.retain(|pdu| open.iter().any(|id| **id == *pdu.event_id()));
            for (id, outcome) in outcomes.into_iter().filter(|(_, it)| !is_open(it)) {
                lacking.retain(|pdu| *pdu.event_id() != *id);
                done.insert(id, outcome);
            }
            // Nothing new, or all of it taken in.
            if lacking.is_empty() || (before > 0 && behind.len() == before) {
                break;
            }
        }
        let mut outcomes: Outcomes = done.into_iter().collect();
        if !lacking.is_empty() {
            let stepped = behind.len();
            let open: Vec<Pdu> = behind.into_iter().chain(lacking.iter().cloned()).collect();
            let bridged = self.bridge(origin, room, &open, stepped).await;
            let asked = |id: &EventId| lacking.iter().any(|pdu| pdu.event_id() == id);
            outcomes.extend(bridged.into_iter().filter(|(id, _)| asked(id)));
        }
        outcomes
    }

    /// Takes events in behind a gap that was not closed by stepping back: the state on its far side
    /// is asked for. Best is that before an event which they follow on and which is not here, for it
    /// is then an event as any other, and states are resolved; else that before themselves. The
    /// first `stepped` of the events came by stepping back; a server that shows no history at all is
    /// not asked for events that it did not send.
    async fn bridge(
        &self,
        origin: &ServerName,
        room: &RoomId,
        open: &[Pdu],
        stepped: usize,
    ) -> Outcomes {
        let mut outcomes = self.judged(room, open).await;
        let mut asked = 0;
        for id in outermost(open, stepped, &outcomes) {
            let Some(version) = open.first().map(Pdu::version) else {
                break;
            };
            let fetched = self.fetch(origin, version, vec![id]).await.pop();
            let Some(event) = fetched.filter(|event| event.room_id() == room) else {
                continue;
            };
            self.take_with_state(origin, room, event).await;
            asked += 1;
        }
        if asked > 0 {
            outcomes = self.judged(room, open).await;
        }
        for pdu in open.iter().take(MAX_WITH_STATE) {
            if !is_missing(&outcomes, pdu.event_id()) {
                continue;
            }
            let taken = self.take_with_state(origin, room, pdu.clone()).await;
            if taken.is_some() {
                outcomes = self.judged(room, open).await;
            }
        }
        outcomes
    }

    /// What becomes of events when they are all offered. Those that were taken before stay so.
    async fn judged(&self, room: &RoomId, open: &[Pdu]) -> Outcomes {
        match self.rooms().receive(room, open.to_vec()).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                tracing::warn!(%room, %error, "events behind a gap are not taken in");
                let missing = |pdu: &Pdu| Outcome::Missing(pdu.prev_events().to_vec());
                let each = open.iter();
                each.map(|pdu| (pdu.owned_event_id().clone(), missing(pdu)))
                    .collect()
            }
        }
    }

    /// The events that these follow on, as the other server tells, proved.
    async fn step_back(
        &self,
        origin: &ServerName,
        room: &RoomId,
        latest: &[&Pdu],
    ) -> Result<Vec<Pdu>, LinkError> {
        let Some(version) = latest.first().map(|pdu| pdu.version()) else {
            return Ok(Vec::new());
        };
        let ids: Vec<_> = latest.iter().take(STEP).map(|pdu| pdu.event_id()).collect();
        // What is here need not be sent again.
        let head = self.rooms().head(room).await.ok();
        let known: Vec<&EventId> = head.iter().flat_map(|head| head.ends()).collect();
        let body = json!({
            "earliest_events": known, "latest_events": ids, "limit": STEP, "min_depth": 0,
        });
        let room_id = segment(room.as_str());
        let path = format!("/_matrix/federation/v1/get_missing_events/{room_id}");
        let request = self.links().post(origin, path).within(TIMEOUT);
        let mut found: Missing = request.json(&body)?.send().await?.json()?;
        found.events.truncate(STEP);
        let mut proved = self.proved(version, found.events).await;
        proved.retain(|pdu| latest.iter().all(|one| one.event_id() != pdu.event_id()));
        Ok(proved)
    }

    /// Those of a stranger's events that are proved.
    pub(crate) async fn proved(
        &self,
        version: RoomVersion,
        events: Vec<Box<RawValue>>,
    ) -> Vec<Pdu> {
        let events = events.into_iter().map(|raw| (version, raw)).collect();
        match self.ring().check_events(events).await {
            Ok(checked) => checked.into_iter().flatten().collect(),
            Err(error) => {
                tracing::error!(%error, "keys of servers cannot be read");
                Vec::new()
            }
        }
    }

    /// Takes an event in with the state before it, as the other server tells that.
    async fn take_with_state(
        &self,
        origin: &ServerName,
        room: &RoomId,
        event: Pdu,
    ) -> Option<Outcome> {
        let (room_id, id) = (segment(room.as_str()), segment(event.event_id().as_str()));
        let path = format!("/_matrix/federation/v1/state_ids/{room_id}?event_id={id}");
        let request = self.links().get(origin, path).within(TIMEOUT);
        let answer = request.at_most(MAX_IDS_BYTES).send().await;
        let told: Ids = answer.and_then(|answer| answer.json()).ok()?;
        let mut events: Vec<Pdu> = Vec::new();
        for _ in 0..MAX_ROUNDS {
            let given = EventWithState {
                event: event.clone(),
                state: told.pdu_ids.clone(),
                events: events.clone(),
            };
            let outcome = self.rooms().receive_with_state(room, given).await.ok()?;
            let Outcome::Missing(ids) = outcome else {
                return Some(outcome);
            };
            if events.len() + ids.len() > MAX_FETCHED {
                return None;
            }
            let fetched = self.fetch(origin, event.version(), ids).await;
            if fetched.is_empty() {
                return None;
            }
            events.extend(fetched);
        }
        None
    }

    /// Events by their ids, proved: those that the other server has.
    pub(crate) async fn fetch(
        &self,
        origin: &ServerName,
        version: RoomVersion,
        ids: Vec<OwnedEventId>,
    ) -> Vec<Pdu> {
        let requests = ids.iter().map(|id| {
            let id = segment(id.as_str());
            let path = format!("/_matrix/federation/v1/event/{id}");
            self.links().get(origin, path).within(TIMEOUT)
        });
        let requests: Vec<_> = requests.collect();
        let answers: Vec<_> = stream::iter(requests)
            .map(|request| async move { request.send().await?.json::<One>() })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let found = answers.into_iter().flatten();
        let found = found
            .filter_map(|one| one.pdus.into_iter().next())
            .collect();
        let mut proved = self.proved(version, found).await;
        proved.retain(|pdu| ids.iter().any(|id| **id == *pdu.event_id()));
        proved
    }
}
