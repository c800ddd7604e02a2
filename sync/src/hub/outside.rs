//! A room as those see it who look into it from outside.

use std::sync::Arc;

use causeway_store::RoomNid;
use causeway_store::log::Receipt;
use ruma::{OwnedRoomId, OwnedUserId};

use super::{Hub, RingItem, Typing, Waiter};
use crate::limits::MAX_PRESENCE_ROOM;
use crate::presence::Shown;
use crate::token::Token;

/// What memory has to say about a room since a token.
#[derive(Debug)]
pub(crate) struct RoomLook {
    /// Up to where.
    pub next: Token,
    /// Whether memory reaches back to the token. Otherwise events and receipts are in the
    /// database.
    pub is_complete: bool,
    /// Whether there are events.
    pub has_events: bool,
    pub receipts: Vec<Arc<Receipt>>,
    pub typing: Option<Vec<OwnedUserId>>,
    pub presence: Vec<Shown>,
}

impl RoomLook {
    /// Whether nothing has happened.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_complete
            && !self.has_events
            && self.receipts.is_empty()
            && self.typing.is_none()
            && self.presence.is_empty()
    }
}

impl Hub {
    /// A request waits for what happens in a room, from now on.
    pub(crate) fn observe(
        &mut self,
        nid: RoomNid,
        room_id: &OwnedRoomId,
        id: u64,
        waiter: Arc<Waiter>,
    ) {
        self.kept_room(nid, room_id).observe(id, waiter);
    }

    /// A request waits no longer.
    pub(crate) fn stop_observing(&mut self, nid: RoomNid, id: u64) {
        if let Some(room) = self.rooms.get_mut(&nid) {
            room.stop_observing(id);
            self.drop_unused(nid);
        }
    }

    /// Looks for what is new in a room since a token, for `reader`.
    pub(crate) fn look_into(&self, nid: RoomNid, reader: &OwnedUserId, since: Token) -> RoomLook {
        let after = since.position.0;
        let mut look = RoomLook {
            next: Token {
                position: causeway_store::Position(self.position.max(after)),
                ephemeral: self.ephemeral,
                to_device: None,
                counts: None,
            }
            .with_counts(causeway_store::Position(self.counts.position)),
            is_complete: after >= self.position,
            has_events: false,
            receipts: Vec::new(),
            typing: None,
            presence: Vec::new(),
        };
        let Some(room) = self.rooms.get(&nid) else {
            return look;
        };
        look.is_complete |= after >= room.floor;
        for item in room.since(after) {
            match item {
                RingItem::Event { .. } => look.has_events = true,
                RingItem::Receipt(receipt) => look.receipts.push(receipt.clone()),
                RingItem::DeviceChanged(_) => {}
            }
        }
        let typing = self.typing.get(&nid);
        let typing = typing.filter(|typing| typing.changed > since.ephemeral);
        look.typing = typing.map(Typing::users);
        if room.online.len() <= MAX_PRESENCE_ROOM {
            let ignored = self.users.get(reader).map(|user| &user.ignored);
            let members = room.online.iter();
            let heard = members.filter(|user| !ignored.is_some_and(|them| them.contains(*user)));
            look.presence
                .extend(heard.filter_map(|user| self.presence_since(user, since.ephemeral)));
        }
        look
    }

    /// The presence of somebody, if it has changed since.
    fn presence_since(&self, user: &OwnedUserId, since: u64) -> Option<Shown> {
        let known = self.presence.get(user)?;
        (known.changed > since).then(|| Shown {
            user: user.clone(),
            presence: known.presence.clone(),
        })
    }
}
