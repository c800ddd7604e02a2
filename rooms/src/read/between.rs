//! What was said in a room between two positions of the log: for those who follow it from outside.

use causeway_store::Position;
use causeway_store::timeline::{Direction, RoomToken, page};
use ruma::RoomId;

use super::messages::{Patterns, page_query};
use super::{Asker, EventFilter, MAX_PAGE_EVENTS, ReadError, Reader, bounded};

/// Events between two positions.
#[derive(Debug, Clone)]
pub struct Between {
    /// The events, oldest first, as JSON.
    pub events: Vec<String>,
    /// There are more, after this position.
    pub more_after: Option<Position>,
}

impl Reader {
    /// Events of a room after one position of the log and up to another, as far as the asker may
    /// see them (client-server, Room Previews).
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn events_between(
        &self,
        room_id: &RoomId,
        asker: &Asker,
        after: Position,
        until: Position,
    ) -> Result<Between, ReadError> {
        let room = self.enter(room_id, asker).await?;
        let from = RoomToken::after_position(after);
        let to = room.end_token().min(RoomToken::after_position(until));
        let everything = EventFilter::default();
        let patterns = Patterns::of(&everything);
        let limit = bounded(None, MAX_PAGE_EVENTS);
        let filters = (&everything, &patterns);
        let query = page_query(&room, Direction::Forward, from, to, limit, filters);
        let page = page(&self.store, &query).await?;
        let shown = self.show(&room, asker, &page.rows, &everything).await?;
        // What comes after the present is not behind it in the log, so a place is a position.
        Ok(Between {
            events: shown.into_iter().map(|shown| shown.json).collect(),
            more_after: page.next.map(|next| Position(next.0.anchor)),
        })
    }
}
