//! Typing and presence: state, not history. They never enter the log.

use std::collections::HashSet;

use causeway_store::RoomNid;
use ruma::OwnedUserId;

use super::{Hub, HubRoom};
use crate::fleeting::Fleeting;
use crate::limits::{
    MAX_PRESENCE, MAX_PRESENCE_ROOM, MAX_TYPING, OFFLINE_AFTER_MS, UNLOAD_AFTER_MS,
};
use crate::presence::{Presence, Shown, State};

/// Who types in a room.
#[derive(Debug, Default)]
pub(crate) struct Typing {
    /// With the time at which each stops.
    users: Vec<(OwnedUserId, u64)>,
    /// When nobody has typed for a while the room is dropped.
    changed_ms: u64,
    /// The number of the last change.
    pub changed: u64,
}

/// What somebody is told besides the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EphemeralNews {
    /// Who types in a room has changed.
    Typing(RoomNid),
    /// The presence of somebody has changed.
    Presence(OwnedUserId),
}

/// Somebody's presence, and whether it is stored.
#[derive(Debug)]
pub(crate) struct KnownPresence {
    pub presence: Presence,
    /// The number of the last change.
    pub changed: u64,
    pub is_stored: bool,
}

impl Typing {
    /// Who types.
    pub(crate) fn users(&self) -> Vec<OwnedUserId> {
        self.users.iter().map(|(user, _)| user.clone()).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

impl Hub {
    /// Somebody begins, goes on (until `until_ms`) or stops typing.
    pub(crate) fn set_typing(
        &mut self,
        room: RoomNid,
        user: &OwnedUserId,
        until_ms: Option<u64>,
        now_ms: u64,
    ) {
        let typing = self.typing.entry(room).or_default();
        let at = typing.users.iter().position(|(typist, _)| typist == user);
        let changed = match (at, until_ms) {
            (Some(at), Some(until)) => {
                typing.users[at].1 = until;
                false
            }
            (Some(at), None) => {
                typing.users.remove(at);
                true
            }
            (None, Some(until)) if typing.users.len() < MAX_TYPING => {
                typing.users.push((user.clone(), until));
                true
            }
            (None, _) => false,
        };
        let is_typing = typing.users.iter().any(|(typist, _)| typist == user);
        if changed {
            typing.changed_ms = now_ms;
            self.tell_typing(room);
        }
        // Also that somebody goes on: others wait for it.
        if changed || is_typing {
            self.let_out_typing(room, user, is_typing);
        }
    }

    /// Tells other parts of the server who types, or has stopped.
    fn let_out_typing(&self, room: RoomNid, user: &OwnedUserId, is_typing: bool) {
        if let (Some(outlet), Some(room)) = (&self.outlet, self.rooms.get(&room)) {
            // Where too much waits already, this is lost.
            let _ = outlet.try_send(Fleeting::Typing {
                room: room.room_id.clone(),
                user: user.clone(),
                is_typing,
            });
        }
    }

    /// Somebody left.
    pub(crate) fn stop_typing(&mut self, room: RoomNid, user: &OwnedUserId) {
        if let Some(typing) = self.typing.get_mut(&room) {
            let before = typing.users.len();
            typing.users.retain(|(typist, _)| typist != user);
            if typing.users.len() < before {
                self.tell_typing(room);
            }
        }
    }

    fn tell_typing(&mut self, nid: RoomNid) {
        self.ephemeral += 1;
        if let Some(typing) = self.typing.get_mut(&nid) {
            typing.changed = self.ephemeral;
        }
        let Some(room) = self.rooms.get(&nid) else {
            return;
        };
        room.wake_observers();
        for user in &room.online {
            if let Some(user) = self.users.get_mut(user) {
                user.note_ephemeral(self.ephemeral, EphemeralNews::Typing(nid));
                user.wake();
            }
        }
    }

    /// Ends what has not been said again in time.
    pub(crate) fn expire_typing(&mut self, now_ms: u64) {
        let mut changed = Vec::new();
        for (room, typing) in &mut self.typing {
            let over = typing.users.extract_if(.., |(_, until)| *until <= now_ms);
            let over: Vec<OwnedUserId> = over.map(|(user, _)| user).collect();
            if !over.is_empty() {
                typing.changed_ms = now_ms;
                changed.push((*room, over));
            }
        }
        for (room, over) in changed {
            self.tell_typing(room);
            for user in &over {
                self.let_out_typing(room, user, false);
            }
        }
        self.typing.retain(|_, typing| {
            !typing.users.is_empty() || now_ms.saturating_sub(typing.changed_ms) < UNLOAD_AFTER_MS
        });
    }

    /// Sets what is known of somebody. `status_msg` stays as it is where it is not given.
    pub(crate) fn set_presence(
        &mut self,
        user: &OwnedUserId,
        state: State,
        status_msg: Option<Option<String>>,
        now_ms: u64,
    ) {
        let known = self
            .presence
            .entry(user.clone())
            .or_insert_with(|| KnownPresence {
                presence: Presence {
                    state: State::Offline,
                    status_msg: None,
                    last_active_ms: now_ms,
                },
                changed: 0,
                is_stored: true,
            });
        if state == State::Online {
            known.presence.last_active_ms = now_ms;
        }
        let new_status = status_msg.filter(|message| *message != known.presence.status_msg);
        if known.presence.state == state && new_status.is_none() {
            return;
        }
        known.presence.state = state;
        if let Some(message) = new_status {
            known.presence.status_msg = message;
        }
        known.is_stored = false;
        self.presence_changed.insert(user.clone());
    }

    /// What somebody said before the server started.
    pub(crate) fn remember_status(&mut self, user: &OwnedUserId, status_msg: Option<String>) {
        if let Some(known) = self.presence.get_mut(user)
            && known.presence.status_msg.is_none()
        {
            known.presence.status_msg = status_msg;
        }
    }

    /// Tells those who share a room of what has changed since the last time.
    pub(crate) fn spread_presence(&mut self) {
        for changed in std::mem::take(&mut self.presence_changed) {
            self.ephemeral += 1;
            if let Some(known) = self.presence.get_mut(&changed) {
                known.changed = self.ephemeral;
                if let Some(outlet) = &self.outlet {
                    // Where too much waits already, this is lost.
                    let _ = outlet.try_send(Fleeting::Presence {
                        user: changed.clone(),
                        presence: known.presence.clone(),
                    });
                }
            }
            for reader in self.acquaintances(&changed) {
                if let Some(user) = self.users.get_mut(&reader) {
                    user.note_ephemeral(self.ephemeral, EphemeralNews::Presence(changed.clone()));
                    user.wake();
                }
            }
            for room in self.small_rooms_of(&changed) {
                room.wake_observers();
            }
        }
    }

    /// Rooms of a user that presence spreads through.
    fn small_rooms_of(&self, user_id: &OwnedUserId) -> impl Iterator<Item = &HubRoom> {
        let user = self.users.get(user_id).into_iter();
        let rooms = user.flat_map(|user| user.rooms.keys());
        rooms
            .filter_map(|room| self.rooms.get(room))
            .filter(|room| room.online.len() <= MAX_PRESENCE_ROOM)
    }

    /// Those online who share a room with a user, and the user. Very large rooms do not count.
    fn acquaintances(&self, user_id: &OwnedUserId) -> HashSet<OwnedUserId> {
        let mut found = HashSet::from([user_id.clone()]);
        for room in self.small_rooms_of(user_id) {
            found.extend(room.online.iter().cloned());
        }
        found
    }

    /// The presence of all who share a room with a user and are there.
    pub(crate) fn all_presence(&self, user: &OwnedUserId) -> Vec<Shown> {
        let users = self.acquaintances(user).into_iter();
        users
            .filter_map(|user| self.shown_presence(&user))
            .filter(|shown| shown.presence.state != State::Offline)
            .take(MAX_PRESENCE)
            .collect()
    }

    /// The presence of those online in rooms that somebody has just come into.
    pub(crate) fn presence_in(&self, rooms: &[RoomNid], user: &OwnedUserId) -> Vec<Shown> {
        let rooms = rooms.iter().filter_map(|room| self.rooms.get(room));
        let small = rooms.filter(|room| room.online.len() <= MAX_PRESENCE_ROOM);
        let met: HashSet<&OwnedUserId> = small.flat_map(|room| &room.online).collect();
        let others = met.into_iter().filter(|met| *met != user);
        others
            .filter_map(|met| self.newcomers_presence(met))
            .take(MAX_PRESENCE)
            .collect()
    }

    /// The presence of somebody who has not been heard of before: also that they are offline.
    pub(crate) fn newcomers_presence(&self, user: &OwnedUserId) -> Option<Shown> {
        self.shown_presence(user).or_else(|| {
            self.users.contains_key(user).then(|| Shown {
                user: user.clone(),
                presence: Presence::UNKNOWN,
            })
        })
    }

    /// The presence of one user.
    pub(crate) fn shown_presence(&self, user: &OwnedUserId) -> Option<Shown> {
        self.presence.get(user).map(|known| Shown {
            user: user.clone(),
            presence: known.presence.clone(),
        })
    }

    /// Those who have gone are offline; of those who are long gone nothing is kept.
    pub(crate) fn sweep(&mut self, now_ms: u64) {
        let idle = |seen: u64| now_ms.saturating_sub(seen);
        let gone: Vec<(OwnedUserId, u64)> = self
            .users
            .iter()
            .filter(|(_, user)| {
                user.waiters.is_empty() && idle(user.last_seen_ms) >= OFFLINE_AFTER_MS
            })
            .map(|(user_id, user)| (user_id.clone(), user.last_seen_ms))
            .collect();
        for (user, seen) in gone {
            if idle(seen) >= UNLOAD_AFTER_MS {
                self.remove_user(&user);
            } else if self.presence.contains_key(&user) {
                self.set_presence(&user, State::Offline, None, now_ms);
            }
        }
        let users = &self.users;
        self.presence.retain(|user, known| {
            users.contains_key(user) || !known.is_stored || known.presence.state != State::Offline
        });
    }
}
