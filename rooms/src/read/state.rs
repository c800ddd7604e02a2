//! A room's state.

use std::collections::BTreeSet;

use causeway_store::StateRef;
use causeway_store::timeline::{
    TimelineRow, current_state, entries_at, find_rows_by_nid, state_events_at,
};
use ruma::RoomId;

use super::enter::Room;
use super::show::Shown;
use super::{Asker, ReadError, Reader};

impl Reader {
    /// The room's whole state as this user may see it: the current one, or the one of the moment
    /// they left (client-server, `GET /rooms/{roomId}/state`).
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn state(&self, room_id: &RoomId, asker: &Asker) -> Result<Vec<String>, ReadError> {
        let room = self.enter(room_id, asker).await?;
        self.state_of(&room).await
    }

    /// The same, for a room that has been entered.
    pub(super) async fn state_of(&self, room: &Room) -> Result<Vec<String>, ReadError> {
        let rows = match room.visible_state() {
            Some(left) => state_events_at(&self.store, room.nid, left, None).await?,
            None => current_state(&self.store, room.nid).await?,
        };
        self.show_state(room, &rows)
    }

    /// One event of that state: `(event, content)` as JSON
    /// (client-server, `GET /rooms/{roomId}/state/{eventType}/{stateKey}`).
    ///
    /// # Errors
    /// [`ReadError::StateNotFound`] if the room has none.
    pub async fn state_event(
        &self,
        room_id: &RoomId,
        event_type: &str,
        state_key: &str,
        asker: &Asker,
    ) -> Result<(String, String), ReadError> {
        let room = self.enter(room_id, asker).await?;
        let at = room.visible_state().unwrap_or(room.state);
        let entries = entries_at(&self.store, room.nid, &[at], &[(event_type, state_key)]).await?;
        let entry = entries.first().ok_or(ReadError::StateNotFound)?;
        let rows = find_rows_by_nid(&self.store, room.nid, &[entry.nid]).await?;
        let row = rows.first().ok_or(ReadError::StateNotFound)?;
        let content = row.pdu(room.version)?.content_json().to_owned();
        let event = self.show_state(&room, &rows)?.pop();
        Ok((event.ok_or(ReadError::StateNotFound)?, content))
    }

    /// A state with the members only that some events name.
    pub(super) async fn lazy_state(
        &self,
        room: &Room,
        state: StateRef,
        shown: &[Shown],
    ) -> Result<Vec<String>, ReadError> {
        let wanted: BTreeSet<&str> = shown
            .iter()
            .flat_map(|shown| {
                let target = (shown.pdu.event_type() == "m.room.member")
                    .then(|| shown.pdu.state_key())
                    .flatten();
                [Some(shown.pdu.sender().as_str()), target]
            })
            .flatten()
            .collect();
        let rows = state_events_at(&self.store, room.nid, state, None).await?;
        let mut kept: Vec<TimelineRow> = Vec::with_capacity(rows.len());
        for row in rows {
            let pdu = row.pdu(room.version)?;
            let is_member = pdu.event_type() == "m.room.member";
            if !is_member || pdu.state_key().is_some_and(|key| wanted.contains(key)) {
                kept.push(row);
            }
        }
        self.show_state(room, &kept)
    }
}
