//! What is unread to the users who sync, as the reader of push rules tells it (`store::push::Board`).
//!
//! It is a memory like the rings: what is not here is asked of the database, and what was heard of
//! it later is added up here.

use std::collections::{HashMap, HashSet, VecDeque};

use causeway_store::RoomNid;
use causeway_store::push::{Change, RoomCounts};
use ruma::{OwnedUserId, UserId};

use super::look::{News, RoomNews, room_news};
use super::{Hub, HubUser};
use crate::limits::{MAX_COUNTED, MAX_OWN_ENTRIES};
use crate::token::Token;

/// What is unread to one user in one room.
#[derive(Debug)]
struct Entry {
    counts: RoomCounts,
    /// Changes of the reader up to here are in it.
    at: i64,
    /// The last one that changed it.
    changed_at: i64,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct HubCounts {
    /// Where the reader of push rules is, as far as it has told.
    pub position: i64,
    rooms: HashMap<RoomNid, HashMap<OwnedUserId, Entry>>,
    entries: usize,
    /// Before this, nothing is known of any room.
    pub floor: i64,
    /// What users have read lately.
    read: HashMap<OwnedUserId, Read>,
}

/// Rooms that a user has read lately.
#[derive(Debug, Default)]
struct Read {
    rooms: VecDeque<(i64, RoomNid)>,
    /// They are complete after this position.
    floor: i64,
}

/// What an answer is to say of what is unread in a room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Nothing: it has not changed.
    #[default]
    Same,
    /// This much, which is not news by itself.
    Known(RoomCounts),
    /// This much, and that is news.
    New(RoomCounts),
    /// It has to be asked of the database.
    Ask,
}

impl HubCounts {
    /// Nothing is known before `position`.
    pub(crate) fn starting_at(position: i64) -> Self {
        Self {
            position,
            floor: position,
            ..Self::default()
        }
    }

    /// What the database says as of `at`, and a client that knows the counts up to `told` is told.
    /// It is kept only if nothing was heard since.
    pub(crate) fn put(
        &mut self,
        room: RoomNid,
        user: &OwnedUserId,
        counts: RoomCounts,
        at: i64,
        told: i64,
    ) {
        if at < self.position || self.entries >= MAX_COUNTED {
            return;
        }
        let users = self.rooms.entry(room).or_default();
        let entry = Entry {
            counts,
            at,
            changed_at: told,
        };
        if users.insert(user.clone(), entry).is_none() {
            self.entries += 1;
        }
    }

    /// A user is not in the room any more, or not online.
    pub(crate) fn forget(&mut self, room: RoomNid, user: &UserId) {
        if let Some(users) = self.rooms.get_mut(&room) {
            if users.remove(user).is_some() {
                self.entries -= 1;
            }
            if users.is_empty() {
                self.rooms.remove(&room);
            }
        }
    }

    /// A user is not online any more.
    pub(crate) fn forget_user(&mut self, user: &UserId) {
        self.read.remove(user);
    }

    fn forget_room(&mut self, room: RoomNid) {
        if let Some(users) = self.rooms.remove(&room) {
            self.entries -= users.len();
        }
    }

    /// Takes in what the reader tells.
    fn take_in(&mut self, change: &Change) {
        let position = change.position.0;
        self.position = self.position.max(position);
        if change.all_unknown {
            *self = Self::starting_at(self.position);
            return;
        }
        let before = self.before(change);
        for shared in &change.shared {
            let Some(users) = self.rooms.get_mut(&shared.room) else {
                continue;
            };
            let apart: HashSet<&str> = shared.except.iter().map(|user| &**user).collect();
            for (user, entry) in users {
                if !apart.contains(user.as_str()) {
                    entry.add(&shared.thread, 1, shared.highlight.into(), position);
                }
            }
        }
        for single in &change.users {
            if let Some(entry) = self.entry(single.room, &single.user) {
                entry.add(
                    &single.thread,
                    single.notified,
                    single.highlighted,
                    position,
                );
            }
        }
        for (room, user, counts, changed_at) in before {
            if let Some(entry) = self.entry(room, user)
                && entry.counts == counts
            {
                entry.changed_at = changed_at;
            }
        }
        for (room, user, counts) in &change.read {
            self.take_read(*room, user, counts, position);
        }
        for room in &change.unknown {
            self.forget_room(*room);
        }
    }

    /// What is known of those to whom a change says something of their own: what it takes from one
    /// may be what it gives to all (their own message, somebody whom they ignore), and then nothing
    /// has changed to them.
    fn before<'c>(&mut self, change: &'c Change) -> Vec<(RoomNid, &'c str, RoomCounts, i64)> {
        let singles = change.users.iter();
        singles
            .filter_map(|single| {
                let entry = self.entry(single.room, &single.user)?;
                let counts = entry.counts.clone();
                Some((single.room, &*single.user, counts, entry.changed_at))
            })
            .collect()
    }

    fn entry(&mut self, room: RoomNid, user: &str) -> Option<&mut Entry> {
        let user = <&UserId>::try_from(user).ok()?;
        self.rooms.get_mut(&room)?.get_mut(user)
    }

    fn take_read(&mut self, room: RoomNid, user: &str, counts: &RoomCounts, position: i64) {
        let Some(entry) = self.entry(room, user) else {
            return;
        };
        if entry.at >= position || entry.counts == *counts {
            return;
        }
        entry.counts.clone_from(counts);
        entry.changed_at = position;
        let Ok(user) = OwnedUserId::try_from(user) else {
            return;
        };
        let read = self.read.entry(user).or_default();
        read.rooms.push_back((position, room));
        if read.rooms.len() > MAX_OWN_ENTRIES
            && let Some((dropped, _)) = read.rooms.pop_front()
        {
            read.floor = dropped;
        }
    }

    /// What is known of a room, and since when it is so.
    fn known(&self, room: RoomNid, user: &UserId) -> Option<(&RoomCounts, i64)> {
        let entry = self.rooms.get(&room)?.get(user)?;
        Some((&entry.counts, entry.changed_at))
    }

    /// Whether all that changed after `counted` is known here for a user.
    fn reaches(&self, user: &UserId, counted: i64) -> bool {
        counted >= self.floor && self.read.get(user).is_none_or(|read| counted >= read.floor)
    }
}

impl Entry {
    /// What was asked of the database holds the changes before.
    fn add(&mut self, thread: &str, notified: i32, highlighted: i32, position: i64) {
        if self.at < position {
            self.counts.add(thread, notified, highlighted);
            self.changed_at = position;
        }
    }
}

impl Hub {
    /// Takes in what the reader of push rules tells. If the entries of the log that it speaks of were
    /// shown before, wakes those to whom counts changed.
    pub(crate) fn count(&mut self, change: &Change) {
        let is_late = change.from.0 < self.position;
        self.counts.take_in(change);
        if !is_late {
            return;
        }
        let shared = change.shared.iter().map(|shared| shared.room);
        let rooms: HashSet<RoomNid> = shared.chain(change.unknown.iter().copied()).collect();
        let online = rooms.iter().filter_map(|room| self.rooms.get(room));
        let members = online.flat_map(|room| room.online.iter().map(|user| user.as_str()));
        let single = change.users.iter().map(|single| &*single.user);
        let read = change.read.iter().map(|(_, user, _)| &**user);
        let users: HashSet<&str> = members.chain(single).chain(read).collect();
        for user in users {
            if let Some(user) = <&UserId>::try_from(user)
                .ok()
                .and_then(|it| self.users.get(it))
            {
                user.wake();
            }
        }
        if change.all_unknown {
            self.wake_all();
        }
    }

    /// Adds what is unread. `None` if that is not all known here.
    pub(super) fn look_at_counts(
        &self,
        user: &HubUser,
        user_id: &OwnedUserId,
        token: Token,
        news: &mut News,
    ) -> Option<()> {
        let counts = &self.counts;
        let counted = token.counted().0;
        news.counted = counts.position;
        if counted < counts.position {
            if !counts.reaches(user_id, counted) {
                return None;
            }
            for room in self.counted_since(user, user_id, counted) {
                let Some(room_id) = user.rooms.get(&room) else {
                    continue;
                };
                let unread = counts.since(room, user_id, counted);
                if unread == Unread::Ask && counted < user.recent_floor {
                    // Nor is it known whether something happened there.
                    return None;
                }
                if unread != Unread::Same {
                    room_news(news, room, room_id).unread = unread;
                }
            }
        }
        for room in &mut news.rooms {
            counts.complete(room, user_id);
        }
        Some(())
    }

    /// Rooms in which the counts of a user may have changed.
    fn counted_since(&self, user: &HubUser, user_id: &UserId, counted: i64) -> Vec<RoomNid> {
        if counted < user.recent_floor {
            return user.rooms.keys().copied().collect();
        }
        let recent = user.recent.iter().rev();
        let recent = recent.take_while(|(position, _)| *position > counted);
        let read = self.counts.read.get(user_id).into_iter();
        let read = read.flat_map(|read| read.rooms.iter().rev());
        let read = read.take_while(|(position, _)| *position > counted);
        let mut rooms: Vec<RoomNid> = recent.chain(read).map(|(_, room)| *room).collect();
        rooms.sort_unstable();
        rooms.dedup();
        rooms
    }
}

impl HubCounts {
    /// What a user is told of a room in which something happened after `counted`.
    fn since(&self, room: RoomNid, user: &UserId, counted: i64) -> Unread {
        match self.known(room, user) {
            Some((counts, changed_at)) if changed_at > counted => Unread::New(counts.clone()),
            Some(_) => Unread::Same,
            None => Unread::Ask,
        }
    }

    /// What a user is told of a room that is shown for another reason.
    fn complete(&self, room: &mut RoomNews, user: &UserId) {
        if room.unread != Unread::Same {
            return;
        }
        if let Some((counts, _)) = self.known(room.room, user) {
            room.unread = Unread::Known(counts.clone());
        } else if !room.events.is_empty() {
            room.unread = Unread::Ask;
        }
    }
}

#[cfg(test)]
#[path = "counts_test.rs"]
mod counts_test;
