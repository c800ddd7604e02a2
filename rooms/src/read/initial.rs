//! A room as it is shown to somebody who just came: `/rooms/{roomId}/initialSync`.

use causeway_store::log::Membership;
use causeway_store::timeline::{Direction, RoomToken, page};
use causeway_store::{Position, RoomNid};
use ruma::RoomId;

use super::messages::{Patterns, page_query};
use super::{Asker, EventFilter, ReadError, Reader, bounded};

/// Events that are given when nothing is said about how many.
const DEFAULT_MESSAGES: u64 = 10;

/// A room's state and newest events.
#[derive(Debug, Clone)]
pub struct Initial {
    /// The room.
    pub room: RoomNid,
    /// The asker sees the room as it is now, and not as they left it.
    pub is_present: bool,
    /// The asker's membership.
    pub membership: Option<Membership>,
    /// Whether the room stands in this server's directory.
    pub published: bool,
    /// The state, as JSON.
    pub state: Vec<String>,
    /// The newest events, oldest first, as JSON.
    pub events: Vec<String>,
    /// Where older events begin.
    pub start: RoomToken,
    /// The end of the room.
    pub end: RoomToken,
}

impl Reader {
    /// A room's state and newest events up to a position of the log (client-server,
    /// `GET /rooms/{roomId}/initialSync`).
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn initial_sync(
        &self,
        room_id: &RoomId,
        limit: Option<u64>,
        asker: &Asker,
        now: Position,
    ) -> Result<Initial, ReadError> {
        let room = self.enter(room_id, asker).await?;
        let everything = EventFilter::default();
        let patterns = Patterns::of(&everything);
        let filters = (&everything, &patterns);
        let limit = bounded(limit, DEFAULT_MESSAGES);
        let from = room.end_token().min(RoomToken::after_position(now));
        let to = RoomToken::START;
        let query = page_query(&room, Direction::Backward, from, to, limit, filters);
        let newest = page(&self.store, &query).await?;
        let place = |place: Option<causeway_store::RoomPlace>| place.unwrap_or_default();
        let first = place(newest.rows.last().and_then(|row| row.place));
        let last = place(newest.rows.first().and_then(|row| row.place));
        let mut shown = self.show(&room, asker, &newest.rows, &everything).await?;
        shown.reverse();
        Ok(Initial {
            room: room.nid,
            is_present: room.end().is_none(),
            membership: room.membership,
            published: room.published,
            state: self.state_of(&room).await?,
            events: shown.into_iter().map(|shown| shown.json).collect(),
            start: RoomToken::before(first),
            end: RoomToken::after(last),
        })
    }
}
