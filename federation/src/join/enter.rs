//! Joining, and knocking.

use std::collections::HashSet;
use std::time::Duration;

use causeway_events::{Pdu, RoomVersion};
use causeway_rooms::receive::{Import, Outcome, OutsideMembership, ReceiveError};
use ruma::{RoomId, ServerName};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::template::Kind;
use super::{JoinError, Wish};
use crate::Federation;
use crate::links::LinkError;

/// Longest time for the answer to a join: it holds the whole state of the room.
const TIMEOUT: Duration = Duration::from_secs(180);

/// Largest answer to a join, in bytes.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// Entries of a room's state that are shown to who knocks, at most.
const MAX_SHOWN: usize = 100;

#[derive(Deserialize)]
struct Joined {
    state: Vec<Box<RawValue>>,
    auth_chain: Vec<Box<RawValue>>,
    /// The join with further signatures; absent on old servers.
    event: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Knocked {
    knock_room_state: Vec<Box<RawValue>>,
}

impl Federation {
    /// Joins a room that no user of this server is in, or in which none of them can let the user in.
    /// When this returns, the room is as any other.
    /// It goes on to the end when the caller goes away.
    ///
    /// # Errors
    /// [`JoinError`] says what the last server that was tried said.
    pub async fn join(&self, wish: Wish) -> Result<(), JoinError> {
        let federation = self.clone();
        let joining = tokio::spawn(async move {
            let mut last = JoinError::NoServer;
            for server in wish.servers() {
                match federation.join_through(&server, &wish).await {
                    Ok(()) => return Ok(()),
                    Err(error) => {
                        tracing::info!(%server, room = %wish.room, %error, "no join through a server");
                        last = error;
                    }
                }
            }
            Err(last)
        });
        let crashed = |_| JoinError::Wrong("it could not be worked on".to_owned());
        joining.await.map_err(crashed)?
    }

    async fn join_through(&self, server: &ServerName, wish: &Wish) -> Result<(), JoinError> {
        let event = self.make(server, wish, Kind::Join).await?;
        let joined = self.send_join(server, &event).await?;
        let version = event.version();
        let event = self.with_signatures(event, joined.event).await?;
        let state = self.believed(version, &wish.room, joined.state).await?;
        let known: HashSet<_> = state
            .iter()
            .map(|pdu| pdu.owned_event_id().clone())
            .collect();
        let mut auth_chain = self
            .believed(version, &wish.room, joined.auth_chain)
            .await?;
        auth_chain.retain(|pdu| !known.contains(pdu.event_id()));
        let import = Import {
            room_id: wish.room.clone(),
            version,
            event: event.clone(),
            state,
            auth_chain,
        };
        match self.rooms().import(import).await {
            Ok(Outcome::Accepted | Outcome::Known) => Ok(()),
            Ok(outcome) => Err(JoinError::Wrong(format!(
                "the join does not stand: {outcome:?}"
            ))),
            // Another of our users was quicker, or none of them could let this one in.
            Err(ReceiveError::AlreadyIn) => {
                let mut outcomes = self.rooms().receive(&wish.room, vec![event]).await?;
                match outcomes.pop() {
                    Some((_, Outcome::Accepted | Outcome::Known)) => Ok(()),
                    outcome => Err(JoinError::Wrong(format!(
                        "the join does not stand: {outcome:?}"
                    ))),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn send_join(&self, server: &ServerName, event: &Pdu) -> Result<Joined, JoinError> {
        let path = Self::path_of(Kind::Join, event);
        let put = |prefix: &str| {
            let request = self.links().put(server, format!("{prefix}/{path}"));
            request
                .within(TIMEOUT)
                .at_most(MAX_BYTES)
                .json_text(event.json())
        };
        match put("/_matrix/federation/v2")?.send().await {
            Ok(answer) => Ok(answer.json()?),
            Err(error) if error.is_unrecognized() => {
                let answer = put("/_matrix/federation/v1")?.send().await?;
                let (_, joined): (u16, Joined) = answer.json()?;
                Ok(joined)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The join as the other server gives it back, if it is the same event with its signatures.
    async fn with_signatures(
        &self,
        event: Pdu,
        given: Option<Box<RawValue>>,
    ) -> Result<Pdu, JoinError> {
        let Some(given) = given else {
            return Ok(event);
        };
        let checked = self
            .ring()
            .check_events(vec![(event.version(), given)])
            .await?;
        match checked.into_iter().next() {
            Some(Ok(given)) if given.event_id() == event.event_id() => Ok(given),
            Some(Err(error)) => Err(JoinError::Wrong(error.to_string())),
            _ => Err(JoinError::Wrong("another event than was sent".to_owned())),
        }
    }

    /// Those of a stranger's events that are of the room and proved; what others hang on comes out
    /// when they are taken in.
    async fn believed(
        &self,
        version: RoomVersion,
        room: &RoomId,
        events: Vec<Box<RawValue>>,
    ) -> Result<Vec<Pdu>, JoinError> {
        let count = events.len();
        let events = events.into_iter().map(|raw| (version, raw)).collect();
        let checked = self.ring().check_events(events).await?;
        let mut seen = HashSet::new();
        let mut believed = Vec::with_capacity(count);
        let mut refused = 0_usize;
        for event in checked {
            match event {
                Ok(pdu) if pdu.room_id() == room => {
                    if seen.insert(pdu.owned_event_id().clone()) {
                        believed.push(pdu);
                    }
                }
                Ok(_) => refused += 1,
                Err(error) => {
                    tracing::debug!(%room, %error, "an event of a room is not believed");
                    refused += 1;
                }
            }
        }
        if refused > 0 {
            tracing::warn!(%room, refused, "events of a room are not believed");
        }
        Ok(believed)
    }

    /// Knocks on a room that no user of this server is in.
    ///
    /// # Errors
    /// As [`Self::join`].
    pub async fn knock(&self, wish: Wish) -> Result<(), JoinError> {
        let mut last = JoinError::NoServer;
        for server in wish.servers() {
            match self.knock_through(&server, &wish).await {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn knock_through(&self, server: &ServerName, wish: &Wish) -> Result<(), JoinError> {
        let event = self.make(server, wish, Kind::Knock).await?;
        let path = format!(
            "/_matrix/federation/v1/{}",
            Self::path_of(Kind::Knock, &event)
        );
        let request = self.links().put(server, path).json_text(event.json())?;
        let knocked: Result<Knocked, LinkError> = request.send().await?.json();
        let mut stripped = knocked?.knock_room_state;
        stripped.truncate(MAX_SHOWN);
        self.rooms()
            .receive_outside(OutsideMembership {
                room_id: wish.room.clone(),
                version: event.version(),
                event,
                stripped,
            })
            .await?;
        Ok(())
    }
}
