//! What was said before this server came into a room, fetched when somebody pages back to it.
//!
//! Specification: server-server API, "Backfilling and retrieving missing events".

use std::time::Duration;

use causeway_events::{Pdu, RoomVersion};
use causeway_rooms::receive::{Gap, History, Outcome, ReceiveError};
use causeway_store::RoomPlace;
use ruma::{OwnedEventId, RoomId, ServerName};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Federation;
use crate::links::{LinkError, Standing, segment};

/// Events that are asked for at a time.
const PAGE: usize = 100;

/// Servers of the room that are tried.
const MAX_SERVERS: usize = 4;

/// Gaps that are looked at: where several lines of history begin at one event.
const MAX_GAPS: usize = 20;

/// Longest time for one question, and for filling a gap: somebody is waiting.
const TIMEOUT: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(20);

/// Events of a state, and of what authorises events, that are asked for one by one.
const MAX_FETCHED: usize = 2_000;

/// Times that what is missing of these is asked for.
const MAX_ROUNDS: usize = 4;

/// Largest answers, in bytes: of events, and of ids.
const MAX_EVENTS_BYTES: usize = 16 * 1024 * 1024;
const MAX_IDS_BYTES: usize = 64 * 1024 * 1024;

#[derive(Deserialize)]
struct Page {
    pdus: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Ids {
    pdu_ids: Vec<OwnedEventId>,
}

/// Why a server did not help.
#[derive(Debug, thiserror::Error)]
enum NoHistory {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Rooms(#[from] ReceiveError),
    #[error("it has nothing that fits")]
    Nothing,
}

impl NoHistory {
    /// Whether the server did not answer at all: whoever waits shall not wait for it again soon.
    fn is_silence(&self) -> bool {
        matches!(self, Self::Link(error) if error.standing() != Standing::Answers)
    }
}

impl Federation {
    /// Fetches a page of history into the newest gap of a room's timeline at or before `newest`,
    /// unless that gap is not after `oldest`. Gives whether anything came: then the same part of the
    /// timeline holds more than before. A fixed number of requests to a few servers of the room,
    /// within [`LONGEST`]; servers that do not answer are left alone for a while, or until they speak.
    pub async fn fetch_history(
        &self,
        room: &RoomId,
        newest: RoomPlace,
        oldest: Option<RoomPlace>,
    ) -> bool {
        match self.rooms().gaps(room, Some(newest), MAX_GAPS).await {
            Ok(mut gaps) => {
                let Some(place) = gaps.first().map(|gap| gap.place) else {
                    return false;
                };
                if oldest.is_some_and(|oldest| place <= oldest) {
                    return false;
                }
                gaps.retain(|gap| gap.place == place);
                let filling = self.fill(room, &gaps);
                let filled = tokio::time::timeout(LONGEST, filling).await;
                filled.unwrap_or(false)
            }
            Err(error) => {
                tracing::warn!(%room, %error, "gaps of a room cannot be read");
                false
            }
        }
    }

    async fn fill(&self, room: &RoomId, gaps: &[Gap]) -> bool {
        let Ok(head) = self.rooms().head(room).await else {
            return false;
        };
        let version = head.version();
        let others = self.rooms().other_servers(head.room(), MAX_SERVERS).await;
        for server in others.unwrap_or_default() {
            if !self.patience().may_ask(&server, self.now_ms()) {
                continue;
            }
            let Err(error) = self.fill_from(&server, (room, version), gaps).await else {
                return true;
            };
            if error.is_silence() {
                self.patience().note(&server, false, self.now_ms());
            }
            tracing::info!(%server, %room, %error, "no history from a server");
        }
        false
    }

    async fn fill_from(
        &self,
        server: &ServerName,
        (room, version): (&RoomId, RoomVersion),
        gaps: &[Gap],
    ) -> Result<(), NoHistory> {
        let mut events = self.page_before(server, (room, version), gaps).await?;
        events.retain(|pdu| pdu.room_id() == room);
        let oldest = events.iter().min_by_key(|pdu| pdu.depth());
        let oldest = oldest.ok_or(NoHistory::Nothing)?;
        let state = if oldest.prev_events().is_empty() {
            Vec::new()
        } else {
            self.state_before(server, room, oldest).await?
        };
        let mut wanted = self.rooms().list_unknown(room, &state).await?;
        let mut state_events: Vec<Pdu> = Vec::new();
        for _ in 0..MAX_ROUNDS {
            if state_events.len() + wanted.len() > MAX_FETCHED {
                return Err(NoHistory::Nothing);
            }
            let asked = !wanted.is_empty();
            let fetched = self.fetch(server, version, wanted).await;
            if asked && fetched.is_empty() {
                return Err(NoHistory::Nothing);
            }
            state_events.extend(fetched);
            let history = History {
                events: events.clone(),
                state: state.clone(),
                state_events: state_events.clone(),
            };
            let outcomes = match self.rooms().take_history(room, history).await {
                // Somebody else was quicker.
                Err(ReceiveError::NotWanted) => return Ok(()),
                outcomes => outcomes?,
            };
            let came = |(_, outcome): &(_, Outcome)| !matches!(outcome, Outcome::Missing(_));
            if outcomes.iter().any(came) {
                return Ok(());
            }
            wanted = missing(outcomes, &events);
        }
        Err(NoHistory::Nothing)
    }

    /// What another server has of what leads up to the gaps, proved.
    async fn page_before(
        &self,
        server: &ServerName,
        (room, version): (&RoomId, RoomVersion),
        gaps: &[Gap],
    ) -> Result<Vec<Pdu>, LinkError> {
        let room = segment(room.as_str());
        let mut path = format!("/_matrix/federation/v1/backfill/{room}?limit={PAGE}");
        for gap in gaps {
            path.push_str("&v=");
            path.push_str(&segment(gap.wanted.as_str()));
        }
        let request = self.links().get(server, path).within(TIMEOUT);
        let mut page: Page = request.at_most(MAX_EVENTS_BYTES).send().await?.json()?;
        page.pdus.truncate(PAGE);
        Ok(self.proved(version, page.pdus).await)
    }

    async fn state_before(
        &self,
        server: &ServerName,
        room: &RoomId,
        event: &Pdu,
    ) -> Result<Vec<OwnedEventId>, LinkError> {
        let (room, id) = (segment(room.as_str()), segment(event.event_id().as_str()));
        let path = format!("/_matrix/federation/v1/state_ids/{room}?event_id={id}");
        let request = self.links().get(server, path).within(TIMEOUT);
        let ids: Ids = request.at_most(MAX_IDS_BYTES).send().await?.json()?;
        Ok(ids.pdu_ids)
    }
}

/// What events lack, without what is among them.
fn missing(outcomes: Vec<(OwnedEventId, Outcome)>, events: &[Pdu]) -> Vec<OwnedEventId> {
    let lacking = outcomes
        .into_iter()
        .filter_map(|(_, outcome)| match outcome {
            Outcome::Missing(ids) => Some(ids),
            _ => None,
        });
    let mut ids: Vec<OwnedEventId> = lacking.flatten().collect();
    ids.sort_unstable();
    ids.dedup();
    ids.retain(|id| events.iter().all(|pdu| *pdu.event_id() != **id));
    ids
}
