//! Events, states and chains of rooms, for other servers.

use causeway_events::Pdu;
use causeway_store::graph::{NodeRow, is_server_in, list_before, list_between};
use causeway_store::log::{OUTLIER, REJECTED};
use causeway_store::rooms::find_room_of_event;
use causeway_store::timeline::{Direction, near_time};
use causeway_store::{EventNid, state};
use ruma::{EventId, OwnedEventId, RoomId, ServerName};

use super::sight::state_before;
use super::{MAX_SERVED_EVENTS, ServeError};
use crate::head::Head;
use crate::heads::corrupt;
use crate::rooms::Rooms;

/// Events near a time that are tried, at most.
const TRIED_NEAR_TIME: i64 = 20;

/// Ids that one question may name, at most.
const MAX_NAMED: usize = 100;

/// A state by its ids.
#[derive(Debug, Clone)]
pub struct StateIds {
    /// The state's events.
    pub state: Vec<OwnedEventId>,
    /// What authorises them, with all that is behind it.
    pub auth_chain: Vec<OwnedEventId>,
}

impl Rooms {
    /// The room, for a server that has users in it.
    async fn enter_as_server(
        &self,
        room: &RoomId,
        server: &ServerName,
    ) -> Result<Head, ServeError> {
        let head = self.head(room).await?;
        self.check_served(&head).await?;
        if !is_server_in(self.store(), head.room(), server.as_str()).await? {
            return Err(ServeError::NotInRoom);
        }
        if !head.allows_server(server) {
            return Err(ServeError::Forbidden(
                "your server is not let in".to_owned(),
            ));
        }
        Ok(head)
    }

    /// One event, of whichever room (server-server, `GET /event/{eventId}`): redacted, if none of
    /// the server's users may see it.
    ///
    /// # Errors
    /// [`ServeError::NoSuchEvent`] if it is not here, or was rejected; [`ServeError::NotInRoom`] if
    /// the server is not in its room.
    pub async fn serve_event(
        &self,
        event: &EventId,
        server: &ServerName,
    ) -> Result<Pdu, ServeError> {
        let room = find_room_of_event(self.store(), event).await?;
        let room = room.ok_or(ServeError::NoSuchEvent)?;
        let head = self.enter_as_server(&room, server).await?;
        let node = self.node(&head, event).await?;
        if node.flags & REJECTED != 0 {
            return Err(ServeError::NoSuchEvent);
        }
        let mut pdus = self.for_server(&head, server, vec![node]).await?;
        pdus.pop().ok_or(ServeError::NoSuchEvent)
    }

    async fn placed(&self, head: &Head, event: &EventId) -> Result<NodeRow, ServeError> {
        let node = self.node(head, event).await?;
        if node.flags & (REJECTED | OUTLIER) != 0 {
            return Err(ServeError::NoSuchEvent);
        }
        Ok(node)
    }

    async fn state_nids(
        &self,
        room: &RoomId,
        event: &EventId,
        server: &ServerName,
    ) -> Result<(Head, Vec<EventNid>, Vec<EventNid>), ServeError> {
        let head = self.enter_as_server(room, server).await?;
        let node = self.placed(&head, event).await?;
        let state = state::load(self.store(), head.room(), state_before(&node)).await?;
        let state: Vec<EventNid> = state.into_iter().map(|(_, event)| event).collect();
        let chain = self.auth_chain(&head, &state).await?;
        Ok((head, state, chain))
    }

    /// The state before an event (server-server, `GET /state`): the state's events, and what
    /// authorises them.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn serve_state(
        &self,
        room: &RoomId,
        event: &EventId,
        server: &ServerName,
    ) -> Result<(Vec<Pdu>, Vec<Pdu>), ServeError> {
        let (head, state, chain) = self.state_nids(room, event, server).await?;
        let state = self.pdus(&head, &state).await?;
        Ok((state, self.pdus(&head, &chain).await?))
    }

    /// The same by ids (server-server, `GET /state_ids`).
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn serve_state_ids(
        &self,
        room: &RoomId,
        event: &EventId,
        server: &ServerName,
    ) -> Result<StateIds, ServeError> {
        let (head, state, chain) = self.state_nids(room, event, server).await?;
        let ids = |rows: Vec<NodeRow>| {
            let ids = rows.into_iter().map(|row| row.event_id.try_into().ok());
            ids.collect::<Option<Vec<OwnedEventId>>>()
        };
        let state = ids(self.nodes(&head, &state).await?);
        let auth_chain = ids(self.nodes(&head, &chain).await?);
        match (state, auth_chain) {
            (Some(state), Some(auth_chain)) => Ok(StateIds { state, auth_chain }),
            _ => Err(ServeError::Store(corrupt("events", head.room()))),
        }
    }

    /// What authorises an event, with all that is behind it (server-server, `GET /event_auth`).
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn serve_auth_chain(
        &self,
        room: &RoomId,
        event: &EventId,
        server: &ServerName,
    ) -> Result<Vec<Pdu>, ServeError> {
        let head = self.enter_as_server(room, server).await?;
        let node = self.node(&head, event).await?;
        let chain = self.auth_chain(&head, &node.auth).await?;
        Ok(self.pdus(&head, &chain).await?)
    }

    /// Events up to some events, those included, newest first (server-server, `GET /backfill`): at
    /// most [`MAX_SERVED_EVENTS`].
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn serve_backfill(
        &self,
        room: &RoomId,
        from: &[OwnedEventId],
        limit: usize,
        server: &ServerName,
    ) -> Result<Vec<Pdu>, ServeError> {
        let head = self.enter_as_server(room, server).await?;
        let from: Vec<&str> = from.iter().take(MAX_NAMED).map(|id| id.as_str()).collect();
        let limit = i64::try_from(limit.min(MAX_SERVED_EVENTS)).unwrap_or(0);
        let nids = list_before(self.store(), head.room(), &from, limit).await?;
        let rows = self.nodes(&head, &nids).await?;
        Ok(self.for_server(&head, server, rows).await?)
    }

    /// What `latest` follow on, back to and without `earliest` (server-server,
    /// `POST /get_missing_events`): oldest first, at most [`MAX_SERVED_EVENTS`].
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn serve_missing(
        &self,
        room: &RoomId,
        earliest: &[OwnedEventId],
        latest: &[OwnedEventId],
        (limit, min_depth): (usize, u64),
        server: &ServerName,
    ) -> Result<Vec<Pdu>, ServeError> {
        let head = self.enter_as_server(room, server).await?;
        let earliest = earliest.iter().take(MAX_NAMED);
        let earliest: Vec<&str> = earliest.map(|id| id.as_str()).collect();
        let latest = latest.iter().take(MAX_NAMED);
        let latest: Vec<&str> = latest.map(|id| id.as_str()).collect();
        let limit = i32::try_from(limit.min(MAX_SERVED_EVENTS)).unwrap_or(0);
        let min_depth = i64::try_from(min_depth).unwrap_or(i64::MAX);
        let mut nids = list_between(
            self.store(),
            head.room(),
            &earliest,
            &latest,
            min_depth,
            limit,
        )
        .await?;
        nids.reverse();
        let rows = self.nodes(&head, &nids).await?;
        Ok(self.for_server(&head, server, rows).await?)
    }

    /// The event that is nearest to a time, with its own time (server-server,
    /// `GET /timestamp_to_event`).
    ///
    /// # Errors
    /// [`ServeError::NoSuchEvent`] if there is none on that side.
    pub async fn serve_event_near(
        &self,
        room: &RoomId,
        ts_ms: u64,
        direction: Direction,
        server: &ServerName,
    ) -> Result<(OwnedEventId, u64), ServeError> {
        let head = self.enter_as_server(room, server).await?;
        let rows = near_time(self.store(), head.room(), ts_ms, direction, TRIED_NEAR_TIME).await?;
        let row = rows.into_iter().next().ok_or(ServeError::NoSuchEvent)?;
        let id = OwnedEventId::try_from(row.event_id).map_err(|_| ServeError::NoSuchEvent)?;
        Ok((id, row.origin_ts_ms))
    }
}
