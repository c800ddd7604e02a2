//! `/messages`, and single events.

use std::collections::BTreeSet;

use causeway_store::rooms::find_room_of_event;
use causeway_store::timeline::{
    Direction, PageQuery, RoomToken, entries_at, find_row, find_rows_by_nid, near_time, page,
};
use causeway_store::{EventNid, StateRef};
use ruma::{EventId, OwnedEventId, RoomId};

use super::enter::Room;
use super::show::Shown;
use super::{Asker, EventFilter, ReadError, Reader, bounded};

/// Events that `/messages` gives when it is not told how many.
const DEFAULT_MESSAGES: u64 = 10;

/// Events near a time that are tried until one is found that the user may see.
const TRIED_NEAR_TIME: i64 = 50;

/// What `/messages` is asked.
#[derive(Debug, Clone)]
pub struct MessagesQuery<'a> {
    /// Which way.
    pub direction: Direction,
    /// Where to begin: the end of the room, or its start, if nothing is said.
    pub from: Option<&'a str>,
    /// Where to stop.
    pub to: Option<&'a str>,
    /// Events, at most.
    pub limit: Option<u64>,
    /// Which events.
    pub filter: EventFilter,
}

/// A page of events.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// Where the page begins.
    pub start: RoomToken,
    /// Where the next one begins; `None` at the start of the room, and at its end once nothing
    /// has come there.
    pub end: Option<RoomToken>,
    /// The events, as JSON.
    pub events: Vec<String>,
    /// Member events of the senders, where they are wanted.
    pub state: Vec<String>,
}

pub(super) fn token(
    text: Option<&str>,
    name: &'static str,
) -> Result<Option<RoomToken>, ReadError> {
    text.filter(|text| !text.is_empty())
        .map(|text| text.parse().map_err(|_| ReadError::BadToken(name)))
        .transpose()
}

/// The parts of a filter that the database looks at.
pub(super) struct Patterns {
    types: Option<Vec<String>>,
    not_types: Vec<String>,
}

impl Patterns {
    pub(super) fn of(filter: &EventFilter) -> Self {
        Self {
            types: filter.types.as_deref().map(EventFilter::type_patterns),
            not_types: EventFilter::type_patterns(&filter.not_types),
        }
    }
}

pub(super) fn page_query<'a>(
    room: &'a Room,
    direction: Direction,
    from: RoomToken,
    to: RoomToken,
    limit: i64,
    (filter, patterns): (&'a EventFilter, &'a Patterns),
) -> PageQuery<'a> {
    PageQuery {
        room: room.nid,
        direction,
        from,
        to,
        limit,
        types: patterns.types.as_deref(),
        not_types: &patterns.not_types,
        senders: filter.senders.as_deref(),
        not_senders: &filter.not_senders,
        ignored: &room.ignored,
        with_url: filter.contains_url == Some(true),
        related_by_types: filter.related_by_rel_types.as_deref(),
        related_by_senders: filter.related_by_senders.as_deref(),
        rel_types: filter.rel_types.as_deref(),
        not_rel_types: &filter.not_rel_types,
    }
}

impl Reader {
    /// A page of a room's history (client-server, `GET /rooms/{roomId}/messages`).
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn messages(
        &self,
        room_id: &RoomId,
        asker: &Asker,
        query: &MessagesQuery<'_>,
    ) -> Result<Chunk, ReadError> {
        let from = token(query.from, "from")?;
        let to = token(query.to, "to")?;
        let room = self.enter(room_id, asker).await?;
        let end = room.end_token();
        let is_backward = query.direction == Direction::Backward;
        let start = match (from, is_backward) {
            (Some(from), true) => from.min(end),
            (Some(from), false) => from,
            (None, true) => end,
            (None, false) => RoomToken::START,
        };
        let stop = match (to, is_backward) {
            (Some(to), true) => to,
            (Some(to), false) => to.min(end),
            (None, true) => RoomToken::START,
            (None, false) => end,
        };
        // What a client asks for outside the filter is the smaller of the two.
        let limit = match (query.limit, query.filter.limit) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let limit = bounded(limit, DEFAULT_MESSAGES);
        if !query.filter.passes_room(room_id) {
            return Ok(Chunk::empty(start));
        }
        let patterns = Patterns::of(&query.filter);
        let filter = (&query.filter, &patterns);
        let asked = page_query(&room, query.direction, start, stop, limit, filter);
        let page = page(&self.store, &asked).await?;
        let shown = self.show(&room, asker, &page.rows, &query.filter).await?;
        let oldest = if is_backward {
            page.rows.last()
        } else {
            page.rows.first()
        };
        // Towards the present there is more as soon as somebody says something.
        let last = page.rows.last().and_then(|row| row.place);
        let more_to_come = last
            .filter(|_| !is_backward && to.is_none() && room.end().is_none())
            .map(RoomToken::after);
        let state = match oldest {
            Some(oldest) if query.filter.lazy_load_members => {
                self.members_of(&room, oldest.state, &shown).await?
            }
            _ => Vec::new(),
        };
        let newest = page.rows.first().and_then(|row| row.place);
        let start = match newest {
            // The end of the room is a moving target: say where it was.
            Some(place) if start == RoomToken::END => RoomToken::after(place),
            _ => start,
        };
        Ok(Chunk {
            start,
            end: page.next.or(more_to_come),
            events: shown.into_iter().map(|shown| shown.json).collect(),
            state,
        })
    }

    /// The member events of the senders of some events, in one state. Two queries.
    pub(super) async fn members_of(
        &self,
        room: &Room,
        state: StateRef,
        shown: &[Shown],
    ) -> Result<Vec<String>, ReadError> {
        let senders: BTreeSet<&str> = shown
            .iter()
            .map(|event| event.pdu.sender().as_str())
            .collect();
        let pairs: Vec<_> = senders
            .into_iter()
            .map(|sender| ("m.room.member", sender))
            .collect();
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        let entries = entries_at(&self.store, room.nid, &[state], &pairs).await?;
        let nids: Vec<EventNid> = entries.iter().map(|entry| entry.nid).collect();
        let rows = find_rows_by_nid(&self.store, room.nid, &nids).await?;
        self.show_state(room, &rows)
    }

    /// One event (client-server, `GET /rooms/{roomId}/event/{eventId}`).
    ///
    /// # Errors
    /// [`ReadError::EventNotFound`] if it is not there or not for this user.
    pub async fn event(
        &self,
        room_id: &RoomId,
        event_id: &EventId,
        asker: &Asker,
    ) -> Result<String, ReadError> {
        let room = self.enter(room_id, asker).await?;
        Ok(self.visible_event(&room, event_id, asker).await?.json)
    }

    /// One event, of whichever room (client-server, `GET /events/{eventId}`).
    ///
    /// # Errors
    /// [`ReadError::EventNotFound`] if it is not there or not for this user.
    pub async fn event_anywhere(
        &self,
        event_id: &EventId,
        asker: &Asker,
    ) -> Result<String, ReadError> {
        let room_id = find_room_of_event(&self.store, event_id).await?;
        let room_id = room_id.ok_or(ReadError::EventNotFound)?;
        match self.event(&room_id, event_id, asker).await {
            Err(ReadError::Forbidden) => Err(ReadError::EventNotFound),
            found => found,
        }
    }

    /// An event of a room that has been entered.
    pub(super) async fn visible_event(
        &self,
        room: &Room,
        event_id: &EventId,
        asker: &Asker,
    ) -> Result<Shown, ReadError> {
        let row = find_row(&self.store, room.nid, event_id.as_str())
            .await?
            .ok_or(ReadError::EventNotFound)?;
        let everything = EventFilter::default();
        let shown = self.show(room, asker, &[row], &everything).await?;
        shown.into_iter().next().ok_or(ReadError::EventNotFound)
    }

    /// The event that is nearest to a time: its id and its own time in milliseconds
    /// (client-server, `GET /rooms/{roomId}/timestamp_to_event`).
    ///
    /// # Errors
    /// [`ReadError::EventNotFound`] if there is none on that side of the time.
    pub async fn event_near(
        &self,
        room_id: &RoomId,
        ts_ms: u64,
        direction: Direction,
        asker: &Asker,
    ) -> Result<(OwnedEventId, u64), ReadError> {
        let room = self.enter(room_id, asker).await?;
        let rows = near_time(&self.store, room.nid, ts_ms, direction, TRIED_NEAR_TIME).await?;
        let shown = self
            .show(&room, asker, &rows, &EventFilter::default())
            .await?;
        let nearest = shown.into_iter().next().ok_or(ReadError::EventNotFound)?;
        Ok((
            nearest.pdu.owned_event_id().clone(),
            nearest.pdu.origin_ts_ms(),
        ))
    }
}

impl Chunk {
    fn empty(start: RoomToken) -> Self {
        Self {
            start,
            end: None,
            events: Vec::new(),
            state: Vec::new(),
        }
    }
}
