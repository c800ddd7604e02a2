//! A user in the hub.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use causeway_events::invites::InvitePermission;
use causeway_store::RoomNid;
use causeway_store::log::Which;
use causeway_store::log::{AccountData, Receipt, ToDevice};
use causeway_store::sync::OnlineUser;
use causeway_store::users::one_time_keys::KeyCounts;
use ruma::{DeviceId, OwnedDeviceId, OwnedRoomId, OwnedUserId};
use serde::Deserialize;
use tokio::sync::Notify;

use super::{EphemeralNews, Hub};
use crate::limits::{
    MAX_DEVICES, MAX_EPHEMERAL_NEWS, MAX_MEMBERS_SENT, MAX_OWN_ENTRIES, MAX_RECENT_ROOMS,
};

/// A request that waits.
#[derive(Debug, Default)]
pub(crate) struct Waiter {
    pub notify: Notify,
    pub device: Option<OwnedDeviceId>,
    /// 0 waiting, 1 gone for another one, 2 the session ended.
    end: AtomicU8,
}

impl Waiter {
    /// For a device.
    pub(crate) fn new(device: Option<OwnedDeviceId>) -> Self {
        Self {
            device,
            ..Self::default()
        }
    }

    /// Answers at once, with what there is.
    pub(crate) fn give_up(&self) {
        self.end.fetch_max(1, Ordering::Relaxed);
        self.notify.notify_one();
    }

    fn end_session(&self) {
        self.end.fetch_max(2, Ordering::Relaxed);
        self.notify.notify_one();
    }

    /// Whether it has to answer at once.
    pub(crate) fn has_given_up(&self) -> bool {
        self.end.load(Ordering::Relaxed) > 0
    }

    /// Whether the session that it waits for has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.end.load(Ordering::Relaxed) == 2
    }
}

/// A user who syncs, or did so a moment ago.
#[derive(Debug, Default)]
pub(crate) struct HubUser {
    /// Whether what follows is complete from `floor` on.
    pub is_loaded: bool,
    pub floor: i64,
    /// Rooms the user is in.
    pub rooms: HashMap<RoomNid, OwnedRoomId>,
    /// Changes of membership that came while the user was being loaded: position, and the room if
    /// it was joined.
    pending: HashMap<RoomNid, (i64, Option<OwnedRoomId>)>,
    /// Rooms in which something happened, by the position at which it last did.
    pub recent: VecDeque<(i64, RoomNid)>,
    /// `recent` is complete after this position.
    pub recent_floor: i64,
    pub own: VecDeque<(i64, Own)>,
    /// `own` is complete after this position.
    pub own_floor: i64,
    pub news: VecDeque<(u64, EphemeralNews)>,
    /// `news` is complete after this number.
    pub news_floor: u64,
    pub ignored: Arc<HashSet<OwnedUserId>>,
    /// Whose invites they take, where they ever said something about it.
    pub invites: Option<Arc<InvitePermission>>,
    pub devices: HashMap<OwnedDeviceId, Device>,
    /// How often the one-time keys of a device have changed.
    pub key_changes: u64,
    pub waiters: BTreeMap<u64, Arc<Waiter>>,
    pub last_seen_ms: u64,
}

/// What happened to a user.
#[derive(Debug, Clone)]
pub(crate) enum Own {
    /// They came into a room, went, or were asked to come.
    Membership,
    AccountData(Arc<AccountData>),
    ToDevice(Arc<ToDevice>),
    /// A private receipt.
    Receipt(Arc<Receipt>),
    /// Their own devices changed.
    Devices,
    /// They signed others' keys.
    Signed(Arc<[OwnedUserId]>),
    /// A device of theirs runs out of one-time keys.
    Keys(OwnedDeviceId),
}

/// What is remembered of a device.
#[derive(Debug, Default)]
pub(crate) struct Device {
    /// Messages may be stored for it, the last at this position.
    pub waiting: Option<i64>,
    /// Its token proved that it has the messages up to here.
    pub arrived: i64,
    /// The one-time keys it has left, if they were counted.
    pub keys: Option<Arc<KeyCounts>>,
    /// Members it was sent, with the position of the answer.
    members: HashMap<(RoomNid, OwnedUserId), i64>,
}

impl Device {
    /// Whether whoever holds a token of this position has this member.
    pub(crate) fn knows(&self, room: RoomNid, user: &OwnedUserId, position: i64) -> bool {
        self.members
            .get(&(room, user.clone()))
            .is_some_and(|sent| *sent <= position)
    }

    /// Remembers members that are sent with the answer up to `position`.
    pub(crate) fn sent(&mut self, members: Vec<(RoomNid, OwnedUserId)>, position: i64) {
        if self.members.len() + members.len() > MAX_MEMBERS_SENT {
            self.members.clear();
        }
        for member in members.into_iter().take(MAX_MEMBERS_SENT) {
            // A member that is sent again may already be known from before.
            let sent = self.members.entry(member).or_insert(position);
            *sent = (*sent).min(position);
        }
    }

    /// A client that starts anew knows nobody.
    pub(crate) fn forget_members(&mut self) {
        self.members.clear();
    }
}

impl HubUser {
    /// Wakes all requests of the user.
    pub(crate) fn wake(&self) {
        self.waiters
            .values()
            .for_each(|waiter| waiter.notify.notify_one());
    }

    /// Everything has to be loaded again.
    pub(crate) fn unload(&mut self) {
        self.is_loaded = false;
        self.rooms.clear();
        self.pending.clear();
        self.recent.clear();
        self.own.clear();
        self.news.clear();
        self.devices.clear();
    }

    /// Something happened in a room of the user.
    pub(crate) fn note_room(&mut self, position: i64, room: RoomNid) {
        if let Some((last, back)) = self.recent.back_mut()
            && *back == room
        {
            *last = position;
        } else {
            self.recent.push_back((position, room));
        }
        if self.recent.len() > MAX_RECENT_ROOMS
            && let Some((dropped, _)) = self.recent.pop_front()
        {
            self.recent_floor = self.recent_floor.max(dropped);
        }
    }

    /// Something happened to the user.
    pub(crate) fn note_own(&mut self, position: i64, own: Own) {
        self.own.push_back((position, own));
        if self.own.len() > MAX_OWN_ENTRIES
            && let Some((dropped, _)) = self.own.pop_front()
        {
            self.own_floor = self.own_floor.max(dropped);
        }
    }

    /// Somebody types, or came, or went.
    pub(crate) fn note_ephemeral(&mut self, number: u64, news: EphemeralNews) {
        self.news.push_back((number, news));
        if self.news.len() > MAX_EPHEMERAL_NEWS
            && let Some((dropped, _)) = self.news.pop_front()
        {
            self.news_floor = self.news_floor.max(dropped);
        }
    }

    /// What is remembered of a device.
    pub(crate) fn device(&mut self, device: &DeviceId) -> &mut Device {
        if self.devices.len() >= MAX_DEVICES && !self.devices.contains_key(device) {
            // Members are sent again, whether messages wait is asked again, and keys are counted
            // again: no loss.
            let waiting = self.devices.extract_if(|_, known| known.waiting.is_none());
            drop(waiting.collect::<Vec<_>>());
        }
        self.devices.entry(device.to_owned()).or_default()
    }

    /// Ends the requests of devices whose sessions have ended.
    pub(crate) fn end_sessions(&mut self, which: &Which) {
        self.devices.retain(|device, _| !which.contains(device));
        let waiters = self.waiters.values();
        waiters
            .filter(|waiter| {
                waiter
                    .device
                    .as_deref()
                    .is_some_and(|id| which.contains(id))
            })
            .for_each(|waiter| waiter.end_session());
    }

    /// The user's list of those they do not want to hear of.
    pub(crate) fn set_ignored(&mut self, content: &str) {
        self.ignored = Arc::new(ignored_users(content));
    }

    /// Account data that says whose invites the user takes.
    pub(crate) fn set_invites(&mut self, event_type: &str, content: &str) {
        let mut invites = self.invites.as_deref().cloned().unwrap_or_default();
        invites.set(event_type, content);
        self.invites = Some(Arc::new(invites));
    }

    /// A change of membership while the user is being loaded.
    pub(crate) fn note_pending(
        &mut self,
        position: i64,
        room: RoomNid,
        joined: Option<OwnedRoomId>,
    ) {
        if !self.is_loaded {
            self.pending.insert(room, (position, joined));
        }
    }
}

/// The users in an `m.ignored_user_list`.
pub(crate) fn ignored_users(content: &str) -> HashSet<OwnedUserId> {
    #[derive(Deserialize)]
    struct Content {
        #[serde(default)]
        ignored_users: HashMap<String, serde::de::IgnoredAny>,
    }
    let Ok(content) = serde_json::from_str::<Content>(content) else {
        return HashSet::new();
    };
    let users = content.ignored_users.into_keys();
    users.filter_map(|user| user.try_into().ok()).collect()
}

impl Hub {
    /// Takes in what was loaded about a user, unless that has happened meanwhile.
    pub(crate) fn load(&mut self, user_id: &OwnedUserId, loaded: OnlineUser) {
        let (position, ephemeral) = (self.position, self.ephemeral);
        let user = self.users.entry(user_id.clone()).or_default();
        if user.is_loaded {
            return;
        }
        user.is_loaded = true;
        (user.floor, user.recent_floor, user.own_floor) = (position, position, position);
        user.news_floor = ephemeral;
        if let Some(content) = &loaded.ignored {
            user.set_ignored(content);
        }
        if !loaded.invites.is_empty() {
            user.invites = Some(Arc::new(loaded.invites));
        }
        for device in loaded.waiting_devices {
            user.device(device.as_str().into()).waiting = Some(position);
        }
        let mut rooms: HashMap<RoomNid, OwnedRoomId> = HashMap::new();
        let mut pending = std::mem::take(&mut user.pending);
        for row in loaded.rooms {
            match pending.get(&row.room) {
                Some((at, _)) if *at > row.position.0 => {}
                _ => {
                    pending.remove(&row.room);
                    rooms.insert(row.room, row.room_id);
                }
            }
        }
        let joined = pending.into_iter();
        rooms.extend(joined.filter_map(|(room, (_, room_id))| Some((room, room_id?))));
        user.rooms.clone_from(&rooms);
        for (room, room_id) in rooms {
            self.take_online(room, &room_id, user_id);
        }
        self.remember_status(user_id, loaded.status_msg);
    }
}
