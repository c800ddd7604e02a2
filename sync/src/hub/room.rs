//! A room in the hub: its online members and the ring of what happened lately.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use causeway_store::RoomNid;
use causeway_store::log::Receipt;
use ruma::{EventId, OwnedRoomId, OwnedUserId, UserId};

use super::Waiter;
use crate::event::RoomEvent;
use crate::limits::{MAX_OBSERVERS, MAX_RING_ENTRIES, MAX_ROOM_MEMBERS};

/// Bytes that an entry takes besides its event.
const ENTRY_BYTES: usize = 128;

/// A room that somebody who is online is in, or looks into.
#[derive(Debug)]
pub(crate) struct HubRoom {
    pub room_id: OwnedRoomId,
    pub online: HashSet<OwnedUserId>,
    /// Requests of those who look into the room from outside.
    observers: BTreeMap<u64, Arc<Waiter>>,
    ring: VecDeque<RingEntry>,
    /// The ring has everything after this position.
    pub floor: i64,
    /// The last position at which something happened.
    pub last: i64,
    bytes: usize,
    /// Member events, for those who are sent members only when these speak.
    members: HashMap<OwnedUserId, Arc<RoomEvent>>,
    /// As it was when the membership last changed.
    pub summary: Option<Arc<RoomSummary>>,
}

/// How many are in a room, and by whom it may be called.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoomSummary {
    pub joined: i32,
    pub invited: i32,
    /// Candidates, with whether they are there.
    pub heroes: Vec<(OwnedUserId, bool)>,
}

#[derive(Debug)]
struct RingEntry {
    position: i64,
    bytes: usize,
    item: RingItem,
}

/// What happened in a room.
#[derive(Debug, Clone)]
pub(crate) enum RingItem {
    /// An event came.
    Event {
        event: Arc<RoomEvent>,
        /// What it means for those who keep lists of devices.
        devices: Option<DeviceNews>,
        /// Whether the room is to be called otherwise, or has other numbers of members.
        changes_summary: bool,
    },
    /// Somebody has read something.
    Receipt(Arc<Receipt>),
    /// A member's devices changed.
    DeviceChanged(OwnedUserId),
}

/// A member came or went.
#[derive(Debug, Clone)]
pub(crate) enum DeviceNews {
    /// Came.
    Came(OwnedUserId),
    /// Went, and is still in these rooms.
    Went(OwnedUserId, Arc<[RoomNid]>),
}

impl HubRoom {
    /// A room of which everything after `position` will be known.
    pub(crate) fn new(room_id: OwnedRoomId, position: i64) -> Self {
        Self {
            room_id,
            online: HashSet::new(),
            observers: BTreeMap::new(),
            ring: VecDeque::new(),
            floor: position,
            last: 0,
            bytes: 0,
            members: HashMap::new(),
            summary: None,
        }
    }

    /// Whether nobody needs the room here.
    pub(crate) fn is_unused(&self) -> bool {
        self.online.is_empty() && self.observers.is_empty()
    }

    /// A request waits for what happens in the room.
    pub(crate) fn observe(&mut self, id: u64, waiter: Arc<Waiter>) {
        self.observers.insert(id, waiter);
        if self.observers.len() > MAX_OBSERVERS
            && let Some((_, oldest)) = self.observers.pop_first()
        {
            oldest.give_up();
        }
    }

    /// A request waits no longer.
    pub(crate) fn stop_observing(&mut self, id: u64) {
        self.observers.remove(&id);
    }

    /// Wakes those who look into the room from outside.
    pub(crate) fn wake_observers(&self) {
        let waiters = self.observers.values();
        waiters.for_each(|waiter| waiter.notify.notify_one());
    }

    /// Bytes in the ring.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds what happened. Gives by how much the ring has grown, in bytes.
    pub(crate) fn push(&mut self, position: i64, item: RingItem) -> isize {
        let before = self.bytes;
        let bytes = ENTRY_BYTES
            + match &item {
                RingItem::Event { event, .. } => event.weight(),
                RingItem::Receipt(_) | RingItem::DeviceChanged(_) => ENTRY_BYTES,
            };
        self.ring.push_back(RingEntry {
            position,
            bytes,
            item,
        });
        self.bytes += bytes;
        self.last = position;
        while self.ring.len() > MAX_RING_ENTRIES {
            self.drop_oldest();
        }
        self.bytes.cast_signed() - before.cast_signed()
    }

    fn drop_oldest(&mut self) {
        if let Some(entry) = self.ring.pop_front() {
            self.floor = self.floor.max(entry.position);
            self.bytes -= entry.bytes;
        }
    }

    /// Drops the older half. Gives how many bytes that was.
    pub(crate) fn halve(&mut self) -> usize {
        let before = self.bytes;
        for _ in 0..self.ring.len().div_ceil(2) {
            self.drop_oldest();
        }
        before - self.bytes
    }

    /// The state changed in a way that no event here tells: whoever is behind reads it from the
    /// database. Gives how many bytes were dropped.
    pub(crate) fn start_anew(&mut self) -> usize {
        let before = self.bytes;
        while !self.ring.is_empty() {
            self.drop_oldest();
        }
        self.members.clear();
        before - self.bytes
    }

    /// An event was taken away: if it is here, whoever still needs it reads it from the database,
    /// where it is blank. Gives how many bytes were dropped.
    pub(crate) fn forget(&mut self, target: &EventId) -> usize {
        let before = self.bytes;
        let found = self.ring.iter().rposition(|entry| {
            matches!(&entry.item, RingItem::Event { event, .. } if event.pdu.event_id() == target)
        });
        for _ in 0..found.map_or(0, |at| at + 1) {
            self.drop_oldest();
        }
        self.members
            .retain(|_, event| event.pdu.event_id() != target);
        before - self.bytes
    }

    /// Something relates to an event: if it is here, whoever is shown it is shown that too.
    pub(crate) fn mark_parent(&self, parent: &EventId) {
        let events = self
            .ring
            .iter()
            .rev()
            .filter_map(|entry| match &entry.item {
                RingItem::Event { event, .. } => Some(event),
                _ => None,
            });
        let mut found = events.filter(|event| event.pdu.event_id() == parent);
        if let Some(event) = found.next() {
            event.is_parent.store(true, Ordering::Relaxed);
        }
    }

    /// What happened after `position`, oldest first. Complete if `position` is at least `floor`.
    pub(crate) fn since(&self, position: i64) -> impl Iterator<Item = &RingItem> {
        let from = self
            .ring
            .partition_point(|entry| entry.position <= position);
        self.ring.range(from..).map(|entry| &entry.item)
    }

    /// The member event of a user, if it is here.
    pub(crate) fn member(&self, user: &UserId) -> Option<&Arc<RoomEvent>> {
        self.members.get(user)
    }

    /// Keeps a member event.
    pub(crate) fn set_member(&mut self, user: OwnedUserId, event: Arc<RoomEvent>) {
        if self.members.len() >= MAX_ROOM_MEMBERS {
            self.members.clear();
        }
        self.members.insert(user, event);
    }
}
