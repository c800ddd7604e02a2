//! What lives for a moment, for other parts of the server.

use ruma::{OwnedRoomId, OwnedUserId};
use tokio::sync::mpsc;

use crate::{Presence, Sync};

/// Things that wait to be taken; further ones are lost.
const MAX_WAITING: usize = 1_024;

/// Something that lives for a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fleeting {
    /// Somebody types in a room, goes on typing, or stops.
    Typing {
        /// The room.
        room: OwnedRoomId,
        /// Who.
        user: OwnedUserId,
        /// Whether they type.
        is_typing: bool,
    },
    /// Whether somebody is there has changed.
    Presence {
        /// Who.
        user: OwnedUserId,
        /// As it is now.
        presence: Presence,
    },
}

impl Sync {
    /// What lives for a moment from now on, of all users. Whoever takes it too slowly misses some. Only
    /// the newest listener is told.
    pub fn fleeting(&self) -> mpsc::Receiver<Fleeting> {
        let (outlet, listener) = mpsc::channel(MAX_WAITING);
        self.inner.hub.lock().outlet = Some(outlet);
        listener
    }
}
