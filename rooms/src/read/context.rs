//! `/context`: what came before and after an event.

use causeway_store::timeline::{Direction, RoomToken, page, state_events_at};
use ruma::{EventId, RoomId};

use super::messages::{Patterns, page_query};
use super::{Asker, EventFilter, ReadError, Reader, bounded};

/// Events that `/context` gives when it is not told how many.
const DEFAULT_CONTEXT: u64 = 10;

/// An event with what surrounds it, as JSON.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where to go on backwards.
    pub start: RoomToken,
    /// Where to go on forwards.
    pub end: RoomToken,
    /// The event.
    pub event: String,
    /// What came before, newest first.
    pub before: Vec<String>,
    /// What came after, oldest first.
    pub after: Vec<String>,
    /// The room's state at the last of these events.
    pub state: Vec<String>,
}

impl Reader {
    /// An event and its surroundings (client-server, `GET /rooms/{roomId}/context/{eventId}`).
    ///
    /// # Errors
    /// [`ReadError::EventNotFound`] if the event is not there or not for this user.
    pub async fn context(
        &self,
        room_id: &RoomId,
        event_id: &EventId,
        limit: Option<u64>,
        filter: &EventFilter,
        asker: &Asker,
    ) -> Result<Context, ReadError> {
        let room = self.enter(room_id, asker).await?;
        let event = self.visible_event(&room, event_id, asker).await?;
        let place = event.place.ok_or(ReadError::EventNotFound)?;
        let limit = bounded(limit.or(filter.limit), DEFAULT_CONTEXT);
        let (before, after) = (limit / 2, limit - limit / 2);
        let patterns = Patterns::of(filter);
        let filters = (filter, &patterns);
        let here = (RoomToken::before(place), RoomToken::after(place));
        let backward = Direction::Backward;
        let query = page_query(&room, backward, here.0, RoomToken::START, before, filters);
        let earlier = page(&self.store, &query).await?;
        let end = room.end_token();
        let query = page_query(&room, Direction::Forward, here.1, end, after, filters);
        let later = page(&self.store, &query).await?;
        // Both sides are looked at together, so that they cost the queries of one.
        let mut rows = earlier.rows;
        rows.extend(later.rows);
        let first = rows.iter().filter_map(|row| row.place).min();
        let last = rows.iter().filter_map(|row| row.place).max();
        let newest = rows
            .iter()
            .filter(|row| row.place == last && last > Some(place));
        let state_at = newest.map(|row| row.state).next().unwrap_or(event.state);
        let shown = self.show(&room, asker, &rows, filter).await?;
        let state = if filter.lazy_load_members {
            let mut all = shown.clone();
            all.push(event.clone());
            self.lazy_state(&room, state_at, &all).await?
        } else {
            let rows = state_events_at(&self.store, room.nid, state_at, None).await?;
            self.show_state(&room, &rows)?
        };
        let (earlier, later): (Vec<_>, Vec<_>) = shown
            .into_iter()
            .partition(|shown| shown.place < Some(place));
        Ok(Context {
            start: RoomToken::before(first.unwrap_or(place).min(place)),
            end: RoomToken::after(last.unwrap_or(place).max(place)),
            event: event.json,
            before: earlier.into_iter().map(|shown| shown.json).collect(),
            after: later.into_iter().map(|shown| shown.json).collect(),
            state,
        })
    }
}
