//! What is new for somebody, out of memory.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use causeway_events::invites::InvitePermission;
use causeway_store::RoomNid;
use causeway_store::log::{AccountData, Receipt, ToDevice};
use ruma::{DeviceId, OwnedRoomId, OwnedUserId};

use super::user::Own;
use super::{DeviceNews, EphemeralNews, Hub, HubRoom, HubUser, RingItem, RoomSummary, Unread};
use crate::event::RoomEvent;
use crate::presence::Shown as ShownPresence;
use crate::token::Token;

/// What memory has to say about the time since a token.
#[derive(Debug)]
pub(crate) enum Look {
    /// Nothing has happened; the token stands for now.
    Nothing,
    /// This has.
    News(Box<News>),
    /// Memory does not reach back far enough, or the user's own rooms changed.
    Database,
    /// The user has to be loaded first.
    NotLoaded,
}

/// What is new, not yet filtered.
#[derive(Debug)]
pub(crate) struct News {
    pub position: i64,
    /// Up to where it is told what is unread.
    pub counted: i64,
    pub ephemeral: u64,
    pub rooms: Vec<RoomNews>,
    pub account_data: Vec<Arc<AccountData>>,
    pub to_device: Vec<Arc<ToDevice>>,
    pub devices_changed: BTreeSet<OwnedUserId>,
    pub devices_left: BTreeSet<OwnedUserId>,
    /// The device has to hear how many keys it has left.
    pub keys_run_out: bool,
    pub presence: Vec<ShownPresence>,
    /// Those who came into a room of the user.
    pub came: BTreeSet<OwnedUserId>,
    pub ignored: Arc<HashSet<OwnedUserId>>,
    pub invites: Option<Arc<InvitePermission>>,
}

/// What is new in a room.
#[derive(Debug)]
pub(crate) struct RoomNews {
    pub room: RoomNid,
    pub room_id: OwnedRoomId,
    pub events: Vec<Arc<RoomEvent>>,
    pub receipts: Vec<Arc<Receipt>>,
    pub typing: Option<Vec<OwnedUserId>>,
    pub account_data: Vec<Arc<AccountData>>,
    pub summary: Option<Arc<RoomSummary>>,
    /// Member events of those who sent the events, as far as the device does not have them.
    pub members: Vec<Arc<RoomEvent>>,
    pub unread: Unread,
}

/// Who looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looker<'a> {
    pub user: &'a OwnedUserId,
    pub device: Option<&'a DeviceId>,
    /// Whether the device wants members only when they speak, and then those it has, too.
    pub lazy_members: Option<bool>,
}

impl News {
    fn new(hub: &Hub, user: &HubUser) -> Self {
        Self {
            position: hub.position,
            counted: hub.counts.position,
            ephemeral: hub.ephemeral,
            rooms: Vec::new(),
            account_data: Vec::new(),
            to_device: Vec::new(),
            devices_changed: BTreeSet::new(),
            devices_left: BTreeSet::new(),
            keys_run_out: false,
            presence: Vec::new(),
            came: BTreeSet::new(),
            ignored: user.ignored.clone(),
            invites: user.invites.clone(),
        }
    }
}

impl RoomNews {
    fn new(room: RoomNid, room_id: OwnedRoomId) -> Self {
        Self {
            room,
            room_id,
            events: Vec::new(),
            receipts: Vec::new(),
            typing: None,
            account_data: Vec::new(),
            summary: None,
            members: Vec::new(),
            unread: Unread::Same,
        }
    }
}

impl Hub {
    /// Looks for what is new since a token.
    pub(crate) fn look(&self, looker: Looker<'_>, token: Token) -> Look {
        let Some(user) = self.users.get(looker.user).filter(|user| user.is_loaded) else {
            return Look::NotLoaded;
        };
        let since = token.position.0;
        let is_new = since < self.position;
        if is_new && (since < user.floor || since < user.own_floor) || token.to_device.is_some() {
            return Look::Database;
        }
        let is_counted = token.counted().0 >= self.counts.position;
        if !is_new && is_counted && token.ephemeral >= self.ephemeral {
            return Look::Nothing;
        }
        let mut news = News::new(self, user);
        // The database may have been ahead of the hub when the token was made.
        news.position = self.position.max(since);
        let complete = !is_new
            || (Self::look_at_own(user, looker, since, &mut news).is_some()
                && self.look_at_rooms(user, looker, since, &mut news).is_some());
        if !complete {
            return Look::Database;
        }
        self.look_at_ephemeral(user, looker.user, token.ephemeral, &mut news);
        let counted = self.look_at_counts(user, looker.user, token, &mut news);
        if counted.is_none() {
            return Look::Database;
        }
        self.add_newcomers(&mut news);
        Look::News(Box::new(news))
    }

    /// `None` if the user's rooms changed.
    fn look_at_own(user: &HubUser, looker: Looker<'_>, since: i64, news: &mut News) -> Option<()> {
        let from = user.own.partition_point(|(position, _)| *position <= since);
        let device = looker.device.and_then(|device| user.devices.get(device));
        let arrived = device.map_or(0, |device| device.arrived);
        for (position, own) in user.own.range(from..) {
            match own {
                Own::Membership => return None,
                Own::AccountData(data) => match &data.room {
                    None => news.account_data.push(data.clone()),
                    Some((room, room_id)) => {
                        // Rooms that the user is not in are not shown.
                        if user.rooms.contains_key(room) {
                            room_news(news, *room, room_id)
                                .account_data
                                .push(data.clone());
                        }
                    }
                },
                Own::ToDevice(message) => {
                    // Whoever goes back to an older token does not get them again.
                    if looker.device == Some(&message.device) && *position > arrived {
                        news.to_device.push(message.clone());
                    }
                }
                Own::Receipt(receipt) => {
                    if user.rooms.contains_key(&receipt.room) {
                        room_news(news, receipt.room, &receipt.room_id)
                            .receipts
                            .push(receipt.clone());
                    }
                }
                Own::Devices => {
                    news.devices_changed.insert(looker.user.clone());
                }
                Own::Signed(users) => news.devices_changed.extend(users.iter().cloned()),
                Own::Keys(device) => news.keys_run_out |= looker.device == Some(device),
            }
        }
        Some(())
    }

    /// `None` if a ring does not reach back far enough.
    fn look_at_rooms(
        &self,
        user: &HubUser,
        looker: Looker<'_>,
        since: i64,
        news: &mut News,
    ) -> Option<()> {
        let mut rooms: Vec<RoomNid> = if since >= user.recent_floor {
            let recent = user.recent.iter().rev();
            let changed = recent.take_while(|(position, _)| *position > since);
            changed.map(|(_, room)| *room).collect()
        } else {
            let changed = user
                .rooms
                .keys()
                .filter(|nid| self.rooms.get(nid).is_some_and(|room| room.last > since));
            changed.copied().collect()
        };
        rooms.sort_unstable();
        rooms.dedup();
        for nid in rooms {
            // A room that the user has left since is told of by the database.
            let (true, Some(room)) = (user.rooms.contains_key(&nid), self.rooms.get(&nid)) else {
                continue;
            };
            if since < room.floor {
                return None;
            }
            look_at_room(user, room, nid, looker, since, news)?;
        }
        Some(())
    }

    fn look_at_ephemeral(
        &self,
        user: &HubUser,
        user_id: &OwnedUserId,
        since: u64,
        news: &mut News,
    ) {
        if since < user.news_floor {
            for (room, typing) in self.typing_of(user_id, since) {
                let room_id = &user.rooms[&room];
                room_news(news, room, room_id).typing = Some(typing);
            }
            news.presence = self.all_presence(user_id);
            return;
        }
        let from = user.news.partition_point(|(number, _)| *number <= since);
        let mut seen = HashSet::new();
        for (_, change) in user.news.range(from..) {
            match change {
                EphemeralNews::Typing(room) => {
                    if let Some(room_id) = user.rooms.get(room) {
                        let typing = self.typing.get(room).map(super::Typing::users);
                        room_news(news, *room, room_id).typing = Some(typing.unwrap_or_default());
                    }
                }
                EphemeralNews::Presence(who) => {
                    if seen.insert(who) {
                        news.presence.extend(self.shown_presence(who));
                    }
                }
            }
        }
    }

    /// Those who came: the user has not heard of them yet.
    fn add_newcomers(&self, news: &mut News) {
        for who in &news.came {
            let known = news.presence.iter().any(|shown| shown.user == *who);
            news.presence
                .extend(self.newcomers_presence(who).filter(|_| !known));
        }
    }

    /// Typing and presence since `number`; 0 is before everything.
    pub(crate) fn ephemeral_since(&self, user_id: &OwnedUserId, number: u64) -> News {
        let nobody = HubUser::default();
        let user = self.users.get(user_id).unwrap_or(&nobody);
        let mut news = News::new(self, user);
        self.look_at_ephemeral(user, user_id, number, &mut news);
        news
    }

    /// Who types in the rooms of a user, and where nobody does any more who did at `since` (0: never
    /// heard of anybody).
    fn typing_of(&self, user: &OwnedUserId, since: u64) -> Vec<(RoomNid, Vec<OwnedUserId>)> {
        let Some(user) = self.users.get(user) else {
            return Vec::new();
        };
        let typing = self.typing.iter();
        typing
            .filter(|(_, typing)| !typing.is_empty() || since > 0 && typing.changed > since)
            .filter(|(room, _)| user.rooms.contains_key(room))
            .map(|(room, typing)| (*room, typing.users()))
            .collect()
    }
}

fn look_at_room(
    user: &HubUser,
    room: &HubRoom,
    nid: RoomNid,
    looker: Looker<'_>,
    since: i64,
    news: &mut News,
) -> Option<()> {
    let mut found = RoomNews::new(nid, room.room_id.clone());
    let mut with_summary = false;
    for item in room.since(since) {
        match item {
            RingItem::Event {
                event,
                devices,
                changes_summary,
            } => {
                with_summary |= changes_summary;
                match devices {
                    Some(DeviceNews::Came(who)) => {
                        news.devices_left.remove(who);
                        news.came.insert(who.clone());
                        news.devices_changed.insert(who.clone());
                    }
                    Some(DeviceNews::Went(who, rooms))
                        if !rooms.iter().any(|other| user.rooms.contains_key(other)) =>
                    {
                        news.devices_changed.remove(who);
                        news.devices_left.insert(who.clone());
                    }
                    Some(DeviceNews::Went(..)) | None => {}
                }
                found.events.push(event.clone());
            }
            RingItem::Receipt(receipt) => found.receipts.push(receipt.clone()),
            RingItem::DeviceChanged(who) => {
                news.devices_changed.insert(who.clone());
            }
        }
    }
    if with_summary {
        // Without it the numbers have to be counted.
        found.summary = Some(room.summary.clone()?);
    }
    if let Some(redundant) = looker.lazy_members {
        found.members = lazy_members(user, room, nid, looker, since, &found, redundant)?;
    }
    let known = room_news(news, nid, &room.room_id);
    known.events = found.events;
    known.receipts.extend(found.receipts);
    known.summary = found.summary;
    known.members = found.members;
    Some(())
}

/// The member events that go with what is new. `None` if one is not in memory.
fn lazy_members(
    user: &HubUser,
    room: &HubRoom,
    nid: RoomNid,
    looker: Looker<'_>,
    since: i64,
    news: &RoomNews,
    redundant: bool,
) -> Option<Vec<Arc<RoomEvent>>> {
    let device = looker.device.and_then(|device| user.devices.get(device));
    let mut seen: HashSet<OwnedUserId> = HashSet::new();
    let mut members = Vec::new();
    let senders = news
        .events
        .iter()
        .map(|event| event.pdu.sender().to_owned());
    let heroes = news.summary.iter().flat_map(|summary| &summary.heroes);
    let heroes = heroes.map(|(hero, _)| hero.clone()).collect::<Vec<_>>();
    for (who, must) in senders
        .map(|who| (who, true))
        .chain(heroes.into_iter().map(|who| (who, false)))
    {
        let known = device.is_some_and(|device| device.knows(nid, &who, since));
        if (known && !redundant) || seen.contains(&who) {
            continue;
        }
        match room.member(&who) {
            Some(event) => members.push(event.clone()),
            None if must => return None,
            None => {}
        }
        seen.insert(who);
    }
    Some(members)
}

pub(super) fn room_news<'a>(
    news: &'a mut News,
    room: RoomNid,
    room_id: &OwnedRoomId,
) -> &'a mut RoomNews {
    let at = match news.rooms.iter().position(|known| known.room == room) {
        Some(at) => at,
        None => {
            news.rooms.push(RoomNews::new(room, room_id.clone()));
            news.rooms.len() - 1
        }
    };
    &mut news.rooms[at]
}
