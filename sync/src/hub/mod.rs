//! The hub: what is kept in memory about the users who sync and the rooms they are in.
//!
//! Laws: it is changed under one lock, held for as long as it takes to copy reference counts and
//! never across an await; a room is kept while somebody who is online is in it, and its ring is
//! complete from `floor` on; whoever asks for more reads the database.

mod apply;
mod counts;
mod ephemeral;
mod keys;
mod look;
mod outside;
mod room;
mod user;

use std::collections::{HashMap, HashSet};

use causeway_store::RoomNid;
use ruma::{OwnedRoomId, OwnedUserId};
use tokio::sync::mpsc;

pub(crate) use self::apply::Prefetched;
pub(crate) use self::counts::{HubCounts, Unread};
pub(crate) use self::ephemeral::{EphemeralNews, KnownPresence, Typing};
pub(crate) use self::keys::Counted;
pub(crate) use self::look::{Look, Looker, News, RoomNews};
pub(crate) use self::outside::RoomLook;
pub(crate) use self::room::{DeviceNews, HubRoom, RingItem, RoomSummary};
pub(crate) use self::user::{HubUser, Waiter};
use crate::fleeting::Fleeting;
use crate::limits::{MAX_RING_BYTES, MAX_WAITERS};

/// See the module.
#[derive(Debug)]
pub(crate) struct Hub {
    /// The log has been read up to here.
    pub position: i64,
    /// The counter of typing and presence.
    pub ephemeral: u64,
    /// The server is stopping: nobody may wait any more.
    pub is_draining: bool,
    pub rooms: HashMap<RoomNid, HubRoom>,
    pub room_ids: HashMap<OwnedRoomId, RoomNid>,
    pub users: HashMap<OwnedUserId, HubUser>,
    pub typing: HashMap<RoomNid, Typing>,
    pub presence: HashMap<OwnedUserId, KnownPresence>,
    pub presence_changed: HashSet<OwnedUserId>,
    pub ring_bytes: usize,
    pub counts: HubCounts,
    /// Where all is told of what lives for a moment, as far as there is room.
    pub outlet: Option<mpsc::Sender<Fleeting>>,
    next_waiter: u64,
}

impl Hub {
    /// A hub that has read the log up to `position`, as has the reader of push rules. The ephemeral
    /// counter starts above all tokens of earlier starts.
    pub(crate) fn new(position: i64, now_ms: u64) -> Self {
        Self {
            position,
            ephemeral: now_ms.saturating_mul(1_000),
            is_draining: false,
            rooms: HashMap::new(),
            room_ids: HashMap::new(),
            users: HashMap::new(),
            typing: HashMap::new(),
            presence: HashMap::new(),
            presence_changed: HashSet::new(),
            ring_bytes: 0,
            counts: HubCounts::starting_at(position),
            outlet: None,
            next_waiter: 0,
        }
    }

    /// Registers a request that is about to wait.
    pub(crate) fn park(&mut self, user: &OwnedUserId, waiter: std::sync::Arc<Waiter>) -> u64 {
        self.next_waiter += 1;
        let id = self.next_waiter;
        let user = self.users.entry(user.clone()).or_default();
        if user.waiters.len() >= MAX_WAITERS
            && let Some(oldest) = user.waiters.keys().next().copied()
            && let Some(waiter) = user.waiters.remove(&oldest)
        {
            waiter.give_up();
        }
        user.waiters.insert(id, waiter);
        id
    }

    /// Forgets a request.
    pub(crate) fn leave(&mut self, user: &OwnedUserId, id: u64, now_ms: u64) {
        if let Some(user) = self.users.get_mut(user) {
            user.waiters.remove(&id);
            user.last_seen_ms = now_ms;
        }
    }

    /// Requests that wait.
    pub(crate) fn parked(&self) -> usize {
        self.users.values().map(|user| user.waiters.len()).sum()
    }

    /// Wakes everybody.
    pub(crate) fn wake_all(&self) {
        self.users.values().for_each(HubUser::wake);
    }

    /// Starts anew at `position`, after entries were missed: everybody is loaded again and reads
    /// the database once.
    pub(crate) fn reset(&mut self, position: i64) {
        self.position = self.position.max(position);
        self.rooms.clear();
        self.room_ids.clear();
        self.ring_bytes = 0;
        self.counts = HubCounts::starting_at(self.counts.position);
        self.users.values_mut().for_each(HubUser::unload);
        self.wake_all();
    }

    /// Keeps the rings within their limit: each drops the older half of what it has.
    pub(crate) fn limit_rings(&mut self) {
        if self.ring_bytes <= MAX_RING_BYTES {
            return;
        }
        for room in self.rooms.values_mut() {
            let freed = room.halve();
            self.ring_bytes = self.ring_bytes.saturating_sub(freed);
        }
    }

    /// Takes out a user of whom nothing needs to be kept.
    pub(crate) fn remove_user(&mut self, user_id: &OwnedUserId) {
        let Some(user) = self.users.remove(user_id) else {
            return;
        };
        for room in user.rooms.keys() {
            self.take_offline(*room, user_id);
        }
        self.counts.forget_user(user_id);
    }

    /// Takes a user out of a room's online members; a room without any is kept no longer.
    pub(crate) fn take_offline(&mut self, nid: RoomNid, user: &OwnedUserId) {
        self.counts.forget(nid, user);
        let Some(room) = self.rooms.get_mut(&nid) else {
            return;
        };
        room.online.remove(user);
        self.drop_unused(nid);
    }

    /// Keeps a room no longer that nobody needs.
    fn drop_unused(&mut self, nid: RoomNid) {
        if let Some(room) = self.rooms.get(&nid)
            && room.is_unused()
        {
            self.ring_bytes = self.ring_bytes.saturating_sub(room.bytes());
            self.room_ids.remove(&room.room_id);
            self.rooms.remove(&nid);
        }
    }

    /// Puts a user among a room's online members.
    pub(crate) fn take_online(&mut self, nid: RoomNid, room_id: &OwnedRoomId, user: &OwnedUserId) {
        let room = self.kept_room(nid, room_id);
        room.online.insert(user.clone());
    }

    /// A room, which is kept from now on if it was not.
    fn kept_room(&mut self, nid: RoomNid, room_id: &OwnedRoomId) -> &mut HubRoom {
        let position = self.position;
        self.rooms.entry(nid).or_insert_with(|| {
            self.room_ids.insert(room_id.clone(), nid);
            HubRoom::new(room_id.clone(), position)
        })
    }
}

#[cfg(test)]
mod ephemeral_test;
#[cfg(test)]
mod gap_test;
#[cfg(test)]
mod hub_test;
