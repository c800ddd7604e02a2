//! Invites as whole events, which the first clients were shown.

use std::collections::HashMap;

use causeway_events::client::{ClientEvent, Format, Unsigned};
use causeway_events::{Pdu, RoomVersion};
use causeway_store::StoreError;
use causeway_store::timeline::{InviteEvent, list_invites};
use ruma::{OwnedEventId, RoomVersionId, UserId};

use super::Reader;

impl Reader {
    /// The member events by which a user is invited, as JSON, by room.
    ///
    /// # Errors
    /// If the database does not answer or a row is corrupt.
    pub async fn invites(&self, user: &UserId) -> Result<HashMap<String, String>, StoreError> {
        let invites = list_invites(&self.store, user).await?;
        invites.into_iter().map(shown).collect()
    }
}

fn shown(invite: InviteEvent) -> Result<(String, String), StoreError> {
    let pdu = RoomVersionId::try_from(invite.version.as_str())
        .ok()
        .and_then(|id| RoomVersion::find(&id))
        .zip(OwnedEventId::try_from(invite.event_id.as_str()).ok())
        .and_then(|(version, id)| Pdu::from_stored(version, id, invite.json).ok())
        .ok_or(StoreError::Corrupt {
            table: "events",
            id: invite.event_id,
        })?;
    let json = ClientEvent::new(&pdu).to_json(Format::Full, &Unsigned::default());
    Ok((invite.room_id, json))
}
