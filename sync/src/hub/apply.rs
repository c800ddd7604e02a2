//! The log comes in.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use causeway_events::invites::INVITE_PERMISSION_TYPES;
use causeway_store::RoomNid;
use causeway_store::log::{
    AccountData, Entry, EventRecord, LogEntry, MemberChange, Membership, REJECTED, Receipt,
    SOFT_FAILED,
};
use ruma::OwnedUserId;

use super::user::Own;
use super::{Counted, DeviceNews, Hub, RingItem, RoomSummary};
use crate::event::RoomEvent;

/// What was read before a batch is taken in, because it is not in memory.
#[derive(Debug, Default)]
pub(crate) struct Prefetched {
    /// Rooms of users who are not online.
    pub rooms_of: HashMap<OwnedUserId, Arc<[RoomNid]>>,
    /// Member events of those who speak.
    pub members: Vec<(RoomNid, OwnedUserId, Arc<RoomEvent>)>,
    /// Rooms whose membership changed.
    pub summaries: HashMap<RoomNid, RoomSummary>,
    /// One-time keys of devices that sync.
    pub keys: Counted,
}

impl Hub {
    /// Takes in a batch and wakes those whom it concerns.
    pub(crate) fn apply(&mut self, entries: &[LogEntry], mut prefetched: Prefetched) {
        for (room, user, event) in std::mem::take(&mut prefetched.members) {
            if let Some(room) = self.rooms.get_mut(&room) {
                room.set_member(user, event);
            }
        }
        for (room, summary) in std::mem::take(&mut prefetched.summaries) {
            if let Some(room) = self.rooms.get_mut(&room) {
                room.summary = Some(Arc::new(summary));
            }
        }
        let mut touched: HashMap<RoomNid, i64> = HashMap::new();
        let mut woken: HashSet<OwnedUserId> = HashSet::new();
        for entry in entries {
            if entry.position.0 > self.position {
                self.take_in(entry, &prefetched, &mut touched, &mut woken);
                self.position = entry.position.0;
            }
        }
        self.wake_rooms(touched, &mut woken);
        for user in woken.iter().filter_map(|user| self.users.get(user)) {
            user.wake();
        }
        self.limit_rings();
    }

    fn wake_rooms(&mut self, touched: HashMap<RoomNid, i64>, woken: &mut HashSet<OwnedUserId>) {
        let mut touched: Vec<_> = touched.into_iter().collect();
        // A user's recent rooms are in the order of their positions.
        touched.sort_unstable_by_key(|(_, position)| *position);
        for (nid, position) in touched {
            let Some(room) = self.rooms.get(&nid) else {
                continue;
            };
            room.wake_observers();
            for user_id in &room.online {
                if let Some(user) = self.users.get_mut(user_id) {
                    user.note_room(position, nid);
                    if !user.waiters.is_empty() && !woken.contains(user_id) {
                        woken.insert(user_id.clone());
                    }
                }
            }
        }
    }

    fn take_in(
        &mut self,
        entry: &LogEntry,
        prefetched: &Prefetched,
        touched: &mut HashMap<RoomNid, i64>,
        woken: &mut HashSet<OwnedUserId>,
    ) {
        let position = entry.position.0;
        let rooms_of = &prefetched.rooms_of;
        let own = match &entry.entry {
            Entry::Event(record) => {
                self.take_event(position, record, rooms_of, woken);
                touched.insert(record.room, position);
                return;
            }
            Entry::Receipt(receipt) if receipt.receipt_type == "m.read" => {
                self.push(receipt.room, position, RingItem::Receipt(receipt.clone()));
                touched.insert(receipt.room, position);
                return;
            }
            Entry::DeviceList(user) => {
                for room in self.rooms_of(user, rooms_of).iter() {
                    self.push(*room, position, RingItem::DeviceChanged(user.clone()));
                    touched.insert(*room, position);
                }
                (user, Own::Devices)
            }
            Entry::SessionsEnded { user, which } => {
                if let Some(user) = self.users.get_mut(user) {
                    user.end_sessions(which);
                }
                return;
            }
            Entry::OneTimeKeys { user, device } => {
                if !self.keys_changed(user, device, &prefetched.keys) {
                    return;
                }
                (user, Own::Keys(device.clone()))
            }
            Entry::Signed { signer, users } => (signer, Own::Signed(users.clone())),
            Entry::Profile { .. } | Entry::ThreadSubscription { .. } => return,
            Entry::Receipt(receipt) => {
                (&receipt.user, Own::Receipt(receipt.clone() as Arc<Receipt>))
            }
            Entry::AccountData(data) => (
                &data.user,
                Own::AccountData(data.clone() as Arc<AccountData>),
            ),
            Entry::ToDevice(message) => (&message.user, Own::ToDevice(message.clone())),
        };
        self.note_own(position, own.0, own.1, woken);
    }

    fn note_own(
        &mut self,
        position: i64,
        user_id: &OwnedUserId,
        own: Own,
        woken: &mut HashSet<OwnedUserId>,
    ) {
        let Some(user) = self.users.get_mut(user_id) else {
            return;
        };
        match &own {
            Own::AccountData(data)
                if data.room.is_none() && data.event_type == "m.ignored_user_list" =>
            {
                user.set_ignored(&data.content);
            }
            Own::AccountData(data)
                if data.room.is_none()
                    && INVITE_PERMISSION_TYPES.contains(&data.event_type.as_str()) =>
            {
                user.set_invites(&data.event_type, &data.content);
            }
            Own::ToDevice(message) => user.device(&message.device).waiting = Some(position),
            _ => {}
        }
        user.note_own(position, own);
        woken.insert(user_id.clone());
    }

    fn take_event(
        &mut self,
        position: i64,
        record: &EventRecord,
        rooms_of: &HashMap<OwnedUserId, Arc<[RoomNid]>>,
        woken: &mut HashSet<OwnedUserId>,
    ) {
        if record.flags & (REJECTED | SOFT_FAILED) != 0 {
            return;
        }
        let transition = record
            .member
            .as_ref()
            .filter(|change| change.before != Some(change.after));
        if let Some(change) = transition {
            self.take_member(position, record, change, woken);
        }
        let devices = transition.and_then(|change| self.device_news(change, rooms_of));
        let Some(room) = self.rooms.get_mut(&record.room) else {
            return;
        };
        let event = Arc::new(RoomEvent::from_record(
            causeway_store::Position(position),
            record,
        ));
        if let Some(change) = &record.member {
            room.set_member(change.user.clone(), event.clone());
        }
        if let Some(target) = &record.redacts {
            let freed = room.forget(target);
            self.ring_bytes = self.ring_bytes.saturating_sub(freed);
        }
        if let Some(relation) = &record.relation {
            room.mark_parent(&relation.parent);
        }
        let renames = matches!(
            record.pdu.event_type(),
            "m.room.name" | "m.room.canonical_alias"
        );
        let item = RingItem::Event {
            changes_summary: transition.is_some() || (renames && record.key.is_some()),
            event,
            devices,
        };
        self.push(record.room, position, item);
        self.take_resolved(position, record, woken);
    }

    /// Resolving forks changed more than the event says.
    fn take_resolved(
        &mut self,
        position: i64,
        record: &EventRecord,
        woken: &mut HashSet<OwnedUserId>,
    ) {
        if record.resolved.is_empty() {
            return;
        }
        let changes = record
            .resolved
            .iter()
            .filter_map(|entry| entry.member.as_ref());
        for change in changes.filter(|change| change.before != Some(change.after)) {
            self.take_member(position, record, change, woken);
        }
        if let Some(room) = self.rooms.get_mut(&record.room) {
            let freed = room.start_anew();
            self.ring_bytes = self.ring_bytes.saturating_sub(freed);
        }
    }

    fn push(&mut self, room: RoomNid, position: i64, item: RingItem) {
        if let Some(room) = self.rooms.get_mut(&room) {
            let grown = room.push(position, item);
            self.ring_bytes = self.ring_bytes.saturating_add_signed(grown);
        }
    }

    fn take_member(
        &mut self,
        position: i64,
        record: &EventRecord,
        change: &MemberChange,
        woken: &mut HashSet<OwnedUserId>,
    ) {
        let Some(user) = self.users.get_mut(&change.user) else {
            return;
        };
        let room_id = record.pdu.room_id().to_owned();
        let joined = change.after == Membership::Join;
        user.note_own(position, Own::Membership);
        woken.insert(change.user.clone());
        if !user.is_loaded {
            user.note_pending(position, record.room, joined.then_some(room_id));
            return;
        }
        if joined {
            user.rooms.insert(record.room, room_id.clone());
            self.take_online(record.room, &room_id, &change.user);
        } else if user.rooms.remove(&record.room).is_some() {
            self.take_offline(record.room, &change.user);
            self.stop_typing(record.room, &change.user);
        }
    }

    fn device_news(
        &self,
        change: &MemberChange,
        rooms_of: &HashMap<OwnedUserId, Arc<[RoomNid]>>,
    ) -> Option<DeviceNews> {
        let user = change.user.clone();
        match (change.before, change.after) {
            (_, Membership::Join) => Some(DeviceNews::Came(user)),
            (Some(Membership::Join), _) => {
                let rooms = self.rooms_of(&user, rooms_of);
                Some(DeviceNews::Went(user, rooms))
            }
            _ => None,
        }
    }

    fn rooms_of(
        &self,
        user_id: &OwnedUserId,
        rooms_of: &HashMap<OwnedUserId, Arc<[RoomNid]>>,
    ) -> Arc<[RoomNid]> {
        match self.users.get(user_id).filter(|user| user.is_loaded) {
            Some(user) => user.rooms.keys().copied().collect(),
            None => rooms_of.get(user_id).cloned().unwrap_or_default(),
        }
    }
}
