//! A room's head: what the next write must know, in memory.

use std::sync::Arc;

use causeway_events::auth_index::Indexed;
use causeway_events::limits::MAX_PREV_EVENTS;
use causeway_events::power::PowerLevels;
use causeway_events::{Pdu, Reference, RoomVersion};
use causeway_store::log::{HeadRow, Membership, NewLine};
use causeway_store::{EventNid, KeyNid, RoomNid, StateRef};
use ruma::{EventId, OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde::Deserialize;

/// Members that a head remembers, at most; beyond, it forgets them all and asks again.
const REMEMBERED_MEMBERS: usize = 4096;

/// An entry of a room's state.
#[derive(Debug, Clone)]
pub struct StateEntry {
    /// The key's number.
    pub key: KeyNid,
    /// The event's number.
    pub nid: EventNid,
    /// The event.
    pub pdu: Pdu,
    /// Its place in the index of auth chains.
    pub(crate) index: Option<Arc<Indexed>>,
    /// Whether that is the end of its chain.
    pub(crate) is_end: bool,
}

/// One of a room's ends (forward extremities).
#[derive(Debug, Clone)]
pub(crate) struct End {
    /// The event.
    pub(crate) nid: EventNid,
    /// The event, as the next one names it.
    pub(crate) reference: Reference,
    /// The state after it.
    pub(crate) state: StateRef,
}

type ByStateKey = imbl::HashMap<Arc<str>, StateEntry>;

/// The end of a room. Cloning shares everything that is large.
#[derive(Debug, Clone)]
pub struct Head {
    room: RoomNid,
    room_id: OwnedRoomId,
    version: RoomVersion,
    partial_state: bool,
    pub(crate) row: HeadRow,
    /// The room's ends, in the order of `row.extremities`.
    pub(crate) ends: Vec<End>,
    /// The last step of the line that the current state is on, and the lines below that one.
    pub(crate) line_end: i32,
    pub(crate) line_height: i32,
    /// The current state without the members.
    state: imbl::HashMap<Arc<str>, ByStateKey>,
    /// Members that were asked for; `None` has no membership.
    members: imbl::HashMap<OwnedUserId, Option<StateEntry>>,
}

impl Head {
    pub(crate) fn new(
        room: RoomNid,
        room_id: OwnedRoomId,
        version: RoomVersion,
        partial_state: bool,
        row: HeadRow,
        ends: Vec<End>,
    ) -> Self {
        Self {
            room,
            room_id,
            version,
            partial_state,
            line_end: row.state.step,
            line_height: 0,
            row,
            ends,
            state: imbl::HashMap::new(),
            members: imbl::HashMap::new(),
        }
    }

    /// The room's number.
    pub fn room(&self) -> RoomNid {
        self.room
    }

    /// The room.
    pub fn room_id(&self) -> &RoomId {
        &self.room_id
    }

    /// The room version.
    pub fn version(&self) -> RoomVersion {
        self.version
    }

    /// Whether the member list is still arriving.
    pub fn is_partial(&self) -> bool {
        self.partial_state
    }

    /// Members who have joined.
    pub fn joined_members(&self) -> u64 {
        u64::try_from(self.row.joined_members).unwrap_or(0)
    }

    /// Members who are invited.
    pub fn invited_members(&self) -> u64 {
        u64::try_from(self.row.invited_members).unwrap_or(0)
    }

    /// An entry of the current state, members apart.
    pub fn state(&self, event_type: &str, state_key: &str) -> Option<&StateEntry> {
        self.state.get(event_type)?.get(state_key)
    }

    /// All entries of the current state of one type, members apart.
    pub fn state_of_type(&self, event_type: &str) -> impl Iterator<Item = (&str, &StateEntry)> {
        let entries = self.state.get(event_type).into_iter().flatten();
        entries.map(|(key, entry)| (&**key, entry))
    }

    /// All entries of the current state, members apart.
    pub fn all_state(&self) -> impl Iterator<Item = &StateEntry> {
        self.state.values().flat_map(imbl::HashMap::values)
    }

    /// The content of an entry with an empty state key, where there is one that parses.
    pub fn content<'a, T: Deserialize<'a>>(&'a self, event_type: &str) -> Option<T> {
        self.state(event_type, "")?.pdu.content_as().ok()
    }

    /// The user's member event: `None` if the head does not remember the user,
    /// `Some(None)` if the user has no membership.
    pub fn remembered_member(&self, user: &UserId) -> Option<Option<&StateEntry>> {
        self.members.get(user).map(Option::as_ref)
    }

    /// Who may do what.
    pub fn power(&self) -> PowerLevels {
        let create = self.state("m.room.create", "").map(|entry| &entry.pdu);
        let levels = self
            .state("m.room.power_levels", "")
            .map(|entry| &entry.pdu);
        PowerLevels::read(self.version, create, levels)
    }

    /// An entry as the rules of authorisation ask for it. Members must have been remembered.
    pub(crate) fn entry(&self, event_type: &str, state_key: &str) -> Option<&StateEntry> {
        if event_type != "m.room.member" {
            return self.state(event_type, state_key);
        }
        let user = <&UserId>::try_from(state_key).ok()?;
        self.members.get(user)?.as_ref()
    }

    /// Takes an entry into the state; gives the one that it replaces.
    pub(crate) fn set(&mut self, entry: StateEntry) -> Option<StateEntry> {
        let state_key = entry.pdu.state_key().unwrap_or_default();
        if entry.pdu.event_type() == "m.room.member"
            && let Ok(user) = UserId::parse(state_key)
        {
            return self.remember(user, Some(entry));
        }
        let event_type: Arc<str> = entry.pdu.event_type().into();
        let state_key: Arc<str> = state_key.into();
        self.state
            .entry(event_type)
            .or_default()
            .insert(state_key, entry)
    }

    /// Remembers a member, or that a user is none.
    pub(crate) fn remember(
        &mut self,
        user: OwnedUserId,
        entry: Option<StateEntry>,
    ) -> Option<StateEntry> {
        if self.members.len() >= REMEMBERED_MEMBERS && !self.members.contains_key(&user) {
            self.members.clear();
        }
        self.members.insert(user, entry).flatten()
    }

    /// The events that nothing here follows on, as far as one question may name them.
    pub fn ends(&self) -> impl Iterator<Item = &EventId> {
        let ends = self.ends.iter().take(MAX_PREV_EVENTS);
        ends.map(|end| end.reference.event_id())
    }

    /// Sets the room's ends.
    pub(crate) fn set_ends(&mut self, ends: Vec<End>) {
        self.row.extremities = ends.iter().map(|end| end.nid).collect();
        self.ends = ends;
    }

    /// The ends that the next event follows on: all, or as many as an event may name. Those are
    /// chosen so that each state that an end has is among theirs.
    pub(crate) fn next_prev(&self) -> Vec<&End> {
        let mut chosen: Vec<&End> = Vec::with_capacity(self.ends.len().min(MAX_PREV_EVENTS));
        let mut same: Vec<&End> = Vec::new();
        for end in &self.ends {
            if chosen.iter().any(|known| known.state == end.state) {
                same.push(end);
            } else {
                chosen.push(end);
            }
        }
        chosen.extend(same);
        chosen.truncate(MAX_PREV_EVENTS);
        chosen
    }

    /// The next step of the current state: on its line, or, where another state has gone on from
    /// there, on a new line.
    pub(crate) fn next_step(&mut self) -> (StateRef, Option<NewLine>) {
        let row = &mut self.row;
        if row.state.step == self.line_end {
            row.state.step += 1;
            self.line_end += 1;
            return (row.state, None);
        }
        let line = NewLine {
            line: row.next_line,
            parent: Some(row.state),
            height: self.line_height + 1,
        };
        row.next_line += 1;
        row.state = StateRef {
            line: line.line,
            step: 1,
        };
        self.line_end = 1;
        self.line_height = line.height;
        (row.state, Some(line))
    }

    /// Takes an entry out of the state.
    pub(crate) fn unset(&mut self, event_type: &str, state_key: &str) {
        if event_type == "m.room.member" {
            if let Ok(user) = UserId::parse(state_key) {
                self.remember(user, None);
            }
            return;
        }
        if let Some(entries) = self.state.get_mut(event_type) {
            entries.remove(state_key);
        }
    }

    /// Notes that another event follows on an entry in the index of auth chains.
    pub(crate) fn note_followed(&mut self, event_type: &str, state_key: &str, nid: EventNid) {
        let entry = self.entry(event_type, state_key);
        if let Some(mut entry) = entry.filter(|entry| entry.nid == nid).cloned() {
            entry.is_end = false;
            self.set(entry);
        }
    }

    /// Replaces an event of the state by what a redaction left of it.
    pub(crate) fn replace_redacted(&mut self, target: EventNid, pdu: &Pdu) {
        let Some(state_key) = pdu.state_key() else {
            return;
        };
        let entry = self
            .entry(pdu.event_type(), state_key)
            .filter(|entry| entry.nid == target);
        if let Some(mut entry) = entry.cloned() {
            entry.pdu = pdu.clone();
            self.set(entry);
        }
    }
}

/// The membership that a member event says.
pub(crate) fn membership(pdu: &Pdu) -> Option<Membership> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        membership: std::borrow::Cow<'a, str>,
    }
    let content: Content<'_> = pdu.content_as().ok()?;
    Membership::from_word(&content.membership)
}

impl StateEntry {
    /// The membership, if this is a member event.
    pub fn membership(&self) -> Option<Membership> {
        membership(&self.pdu)
    }
}
