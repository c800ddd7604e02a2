//! `/relations` and `/threads`.

use causeway_store::timeline::{
    Direction, RelationQuery, RoomToken, find_rows_by_nid, related, thread_roots,
};
use ruma::{EventId, RoomId};

use super::messages::token;
use super::{Asker, EventFilter, ReadError, Reader, bounded};

/// Events that these endpoints give when they are not told how many.
const DEFAULT_RELATED: u64 = 20;

/// What `/relations` is asked.
#[derive(Debug, Clone, Copy)]
pub struct RelationsQuery<'a> {
    /// How events relate.
    pub rel_type: Option<&'a str>,
    /// Their type.
    pub event_type: Option<&'a str>,
    /// Which way.
    pub direction: Direction,
    /// Where to begin.
    pub from: Option<&'a str>,
    /// Where to stop.
    pub to: Option<&'a str>,
    /// Events, at most.
    pub limit: Option<u64>,
    /// Whether relations of relations count.
    pub recurse: bool,
}

/// A page of events that relate to another one.
#[derive(Debug, Clone)]
pub struct RelatedChunk {
    /// The events, as JSON.
    pub events: Vec<String>,
    /// Where the page begins, if that is not where all begins.
    pub prev: Option<RoomToken>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<RoomToken>,
    /// How far relations of relations were followed.
    pub recursion_depth: Option<i32>,
}

impl Reader {
    /// Events that relate to an event (client-server, Relationships API).
    ///
    /// # Errors
    /// [`ReadError::EventNotFound`] if that event is not there or not for this user.
    pub async fn relations(
        &self,
        room_id: &RoomId,
        event_id: &EventId,
        query: RelationsQuery<'_>,
        asker: &Asker,
    ) -> Result<RelatedChunk, ReadError> {
        let from = token(query.from, "from")?;
        let to = token(query.to, "to")?;
        let room = self.enter(room_id, asker).await?;
        let everything = EventFilter::default();
        self.visible_event(&room, event_id, asker).await?;
        let end = room.end_token();
        let (start, stop) = match query.direction {
            Direction::Backward => (
                from.map_or(end, |from| from.min(end)),
                to.unwrap_or(RoomToken::START),
            ),
            Direction::Forward => (
                from.unwrap_or(RoomToken::START),
                to.map_or(end, |to| to.min(end)),
            ),
        };
        let asked = RelationQuery {
            room: room.nid,
            parent_id: event_id.as_str(),
            rel_type: query.rel_type,
            event_type: query.event_type,
            ignored: &room.ignored,
            recurse: query.recurse,
            direction: query.direction,
            from: start,
            to: stop,
            limit: bounded(query.limit, DEFAULT_RELATED),
        };
        let page = related(&self.store, &asked).await?;
        let shown = self.show(&room, asker, &page.rows, &everything).await?;
        Ok(RelatedChunk {
            events: shown.into_iter().map(|shown| shown.json).collect(),
            prev: from,
            next: page.next,
            recursion_depth: query
                .recurse
                .then_some(causeway_store::timeline::FOLLOWED_RELATIONS),
        })
    }

    /// Roots of threads, the one with the newest event first
    /// (client-server, `GET /rooms/{roomId}/threads`).
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn threads(
        &self,
        room_id: &RoomId,
        participated: bool,
        from: Option<&str>,
        limit: Option<u64>,
        asker: &Asker,
    ) -> Result<RelatedChunk, ReadError> {
        let from = token(from, "from")?;
        let room = self.enter(room_id, asker).await?;
        let end = room.end_token();
        let before = from.map_or(end, |from| from.min(end));
        let participant = participated.then_some(&*asker.user);
        let limit = bounded(limit, DEFAULT_RELATED).max(1);
        let store = &self.store;
        let mut threads = thread_roots(
            store,
            room.nid,
            before,
            participant,
            &room.ignored,
            limit + 1,
        )
        .await?;
        let wanted = usize::try_from(limit).unwrap_or(0);
        let is_more = threads.len() > wanted;
        threads.truncate(wanted);
        let next = threads
            .last()
            .filter(|_| is_more)
            .map(|thread| RoomToken::before(thread.newest));
        let nids: Vec<_> = threads.iter().map(|thread| thread.root_nid).collect();
        let rows = find_rows_by_nid(store, room.nid, &nids).await?;
        let shown = self
            .show(&room, asker, &rows, &EventFilter::default())
            .await?;
        Ok(RelatedChunk {
            events: shown.into_iter().map(|shown| shown.json).collect(),
            prev: None,
            next,
            recursion_depth: None,
        })
    }
}
