//! Threads, as those want to know of them who follow one (MSC4306).

use causeway_store::timeline::find_row;
use causeway_store::{Position, RoomNid};
use ruma::{EventId, RoomId};
use serde::Deserialize;

use super::{Asker, EventFilter, ReadError, Reader, Room};

impl Reader {
    /// The room of a thread that somebody may see.
    ///
    /// # Errors
    /// [`ReadError::EventNotFound`] if there is none, or not for this user.
    pub async fn thread(
        &self,
        room_id: &RoomId,
        root: &EventId,
        asker: &Asker,
    ) -> Result<RoomNid, ReadError> {
        Ok(self.enter_thread(room_id, root, asker).await?.nid)
    }

    /// The room of a thread, and where an event of the thread stands in the room's order; `None` if
    /// it is not of the thread.
    ///
    /// # Errors
    /// [`ReadError::EventNotFound`] if one of the two is not there, or not for this user.
    pub async fn event_in_thread(
        &self,
        room_id: &RoomId,
        root: &EventId,
        event: &EventId,
        asker: &Asker,
    ) -> Result<(RoomNid, Option<Position>), ReadError> {
        #[derive(Deserialize)]
        struct Content {
            #[serde(rename = "m.relates_to")]
            relates_to: Relation,
        }
        #[derive(Deserialize)]
        struct Relation {
            rel_type: String,
            event_id: String,
        }
        let room = self.enter_thread(room_id, root, asker).await?;
        let row = find_row(&self.store, room.nid, event.as_str()).await?;
        let row = row.ok_or(ReadError::EventNotFound)?;
        let place = row.place;
        let everything = EventFilter::default();
        let shown = self.show(&room, asker, &[row], &everything).await?;
        let shown = shown.into_iter().next().ok_or(ReadError::EventNotFound)?;
        let relation = shown.pdu.content_as::<Content>();
        let is_in = relation.is_ok_and(|content| {
            content.relates_to.rel_type == "m.thread"
                && content.relates_to.event_id == root.as_str()
        });
        let place = place.filter(|_| is_in).map(|place| Position(place.anchor));
        Ok((room.nid, place))
    }

    async fn enter_thread(
        &self,
        room_id: &RoomId,
        root: &EventId,
        asker: &Asker,
    ) -> Result<Room, ReadError> {
        let room = match self.enter(room_id, asker).await {
            Err(ReadError::Forbidden) => Err(ReadError::EventNotFound),
            entered => entered,
        }?;
        self.visible_event(&room, root, asker).await?;
        Ok(room)
    }
}
