//! What lies beside the events of a room, for clients that ask for all of it at once
//! (client-server, `GET /rooms/{roomId}/initialSync`).

use causeway_store::rooms::list_joined_local;
use causeway_store::sync::{self as queries, Snapshot};
use causeway_store::{Position, RoomNid};
use ruma::{OwnedUserId, UserId};
use serde_json::value::RawValue;

use crate::answer::ShownReceipt;
use crate::engine::{Sync, SyncError};
use crate::limits::MAX_PRESENCE_ROOM;
use crate::presence::{Presence, Shown, State};
use crate::write;

/// See the module.
#[derive(Debug, Default)]
pub struct Beside {
    /// `m.presence` of the members; of the first ones in large rooms.
    pub presence: Vec<Box<RawValue>>,
    /// `m.receipt`, if there are receipts.
    pub receipts: Option<Box<RawValue>>,
    /// The reader's own account data for the room.
    pub account_data: Vec<Box<RawValue>>,
}

impl Sync {
    /// What lies beside the events of a room. Four queries.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn beside(&self, room: RoomNid, reader: &UserId) -> Result<Beside, SyncError> {
        let inner = &*self.inner;
        let limit = i64::try_from(MAX_PRESENCE_ROOM).unwrap_or(i64::MAX);
        let members = list_joined_local(&inner.store, room, false, limit).await?;
        let presence = self.presence_of(&members).await?;
        let mut snapshot = Snapshot::open(&inner.store).await?;
        let user = reader.as_str();
        let all = [(room, Position(0))];
        let receipts = queries::receipts(&mut snapshot, &all, user).await?;
        let receipts: Vec<_> = receipts.into_iter().map(ShownReceipt::from).collect();
        // Nothing of the user's other account data is after the end of the log.
        let end = Position(i64::MAX);
        let data = queries::account_data(&mut snapshot, user, end, &[room]).await?;
        let data = data
            .into_iter()
            .filter(|row| row.room == room && row.content != "{}");
        Ok(Beside {
            presence,
            receipts: (!receipts.is_empty())
                .then(|| write::receipt_event(&receipts))
                .and_then(write::raw),
            account_data: data
                .filter_map(|row| write::raw(write::typed_event(&row.event_type, &row.content)))
                .collect(),
        })
    }

    /// `m.presence` of each of these users. Whoever is not in memory is not connected.
    async fn presence_of(&self, users: &[OwnedUserId]) -> Result<Vec<Box<RawValue>>, SyncError> {
        let inner = &*self.inner;
        let stored = {
            let hub = inner.hub.lock();
            let away = users
                .iter()
                .filter(|user| !hub.presence.contains_key(*user));
            away.map(|user| user.to_string()).collect::<Vec<_>>()
        };
        let stored: Vec<&str> = stored.iter().map(String::as_str).collect();
        let rows = queries::load_presence(&inner.store, &stored).await?;
        let now_ms = inner.clock.now_ms();
        let hub = inner.hub.lock();
        let shown = users.iter().map(|user| {
            hub.shown_presence(user).unwrap_or_else(|| {
                let row = rows.iter().find(|row| row.user == user.as_str());
                Shown {
                    user: user.clone(),
                    presence: row.map_or(Presence::UNKNOWN, |row| Presence {
                        state: State::Offline,
                        status_msg: row.status_msg.clone(),
                        last_active_ms: u64::try_from(row.last_active_at).unwrap_or(0),
                    }),
                }
            })
        });
        let events = shown.map(|shown| shown.event(now_ms));
        Ok(events.filter_map(write::raw).collect())
    }
}
