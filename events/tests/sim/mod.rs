//! A room grown at random: a graph of events with forks, each allowed by the state before it.

#![allow(dead_code, unused_imports, clippy::unwrap_used)]

mod steps;
pub mod talk;
mod whole;

pub use steps::Step;

use std::collections::{BTreeMap, HashMap};

use causeway_events::auth_index::{self, Coverage, Indexed, Place};
use causeway_events::resolve::{Answer, Conflict, Found, Question, ResolveSource, resolve, split};
use causeway_events::{Draft, Pdu, Placement, Reference, RoomVersion, ServerKey, auth};
use ruma::{EventId, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId};
use serde_json::{Value, json};

pub type Nid = usize;
pub type Key = (String, String);
pub type State = BTreeMap<u32, Nid>;

pub struct Room {
    pub version: RoomVersion,
    pub key: ServerKey,
    pub room_id: Option<OwnedRoomId>,
    pub events: Vec<Pdu>,
    pub numbers: HashMap<OwnedEventId, Nid>,
    /// State after each event.
    pub states: Vec<State>,
    /// State before each state event; empty for others.
    pub before: Vec<State>,
    pub keys: HashMap<Key, u32>,
    pub names: Vec<Key>,
    pub index: Vec<Option<Indexed>>,
    chain_ends: HashMap<u64, u32>,
    pub ts: u64,
}

/// From 100 on, users are of another server.
pub fn user(n: usize) -> OwnedUserId {
    let server = if n < 100 { "domain" } else { "other" };
    OwnedUserId::try_from(format!("@user{n}:{server}")).unwrap()
}

impl Room {
    /// A room that user 0 made and is in, with power levels and join rules.
    pub fn new(version: RoomVersion) -> Self {
        let mut room = Self::created(version, json!({}));
        let users = if version.room_id_is_create_hash() {
            json!({})
        } else {
            json!({ user(0): 100 })
        };
        room.add(
            &[1],
            0,
            "m.room.power_levels",
            Some(""),
            json!({ "users": users }),
        )
        .unwrap();
        room.add(
            &[2],
            0,
            "m.room.join_rules",
            Some(""),
            json!({"join_rule": "public"}),
        )
        .unwrap();
        room
    }

    /// A room that user 0 made and is in, and nothing else; `more` goes to the create event.
    pub fn created(version: RoomVersion, more: Value) -> Self {
        let key = ServerKey::generate("domain".try_into().unwrap(), "1").unwrap();
        let room_id = (!version.room_id_is_create_hash())
            .then(|| OwnedRoomId::try_from("!room:domain").unwrap());
        let mut room = Self {
            version,
            key,
            room_id,
            events: Vec::new(),
            numbers: HashMap::new(),
            states: Vec::new(),
            before: Vec::new(),
            keys: HashMap::new(),
            names: Vec::new(),
            index: Vec::new(),
            chain_ends: HashMap::new(),
            ts: 1_000_000,
        };
        let mut create = more;
        create["room_version"] = version.id().as_str().into();
        if !version.rules().authorization.use_room_create_sender {
            create["creator"] = user(0).as_str().into();
        }
        room.add(&[], 0, "m.room.create", Some(""), create).unwrap();
        room.room_id
            .get_or_insert_with(|| room.events[0].room_id().to_owned());
        room.add(
            &[0],
            0,
            "m.room.member",
            Some(user(0).as_str()),
            json!({"membership": "join"}),
        )
        .unwrap();
        room
    }

    pub fn room_id(&self) -> Option<&RoomId> {
        self.room_id.as_deref()
    }

    pub fn key_number(&mut self, event_type: &str, state_key: &str) -> u32 {
        let next = self.names.len() as u32;
        let name = (event_type.to_owned(), state_key.to_owned());
        *self.keys.entry(name.clone()).or_insert_with(|| {
            self.names.push(name);
            next
        })
    }

    pub fn entry(&self, state: &State, event_type: &str, state_key: &str) -> Option<&Pdu> {
        let key = self
            .keys
            .get(&(event_type.to_owned(), state_key.to_owned()))?;
        state.get(key).map(|number| &self.events[*number])
    }

    /// Adds an event after `prev`, if it is allowed there.
    pub fn add(
        &mut self,
        prev: &[Nid],
        sender: usize,
        event_type: &str,
        state_key: Option<&str>,
        content: Value,
    ) -> Result<Nid, String> {
        let before = match prev {
            [] => State::new(),
            [one] => self.states[*one].clone(),
            many => self.resolve_reduced(
                &many
                    .iter()
                    .map(|n| self.states[*n].clone())
                    .collect::<Vec<_>>(),
            ),
        };
        let content = serde_json::value::to_raw_value(&content).unwrap();
        let sender = user(sender);
        let types = auth::auth_types(self.version, event_type, &sender, state_key, &content)
            .map_err(|error| error.to_string())?;
        let auth_events: Vec<_> = types
            .iter()
            .filter_map(|(event_type, key)| self.entry(&before, event_type, key))
            .map(|event| Reference::to(self.version, event))
            .collect();
        let prev_events: Vec<_> = prev
            .iter()
            .map(|n| Reference::to(self.version, &self.events[*n]))
            .collect();
        self.ts += 1;
        let draft = Draft {
            event_type: event_type.to_owned(),
            state_key: state_key.map(str::to_owned),
            sender,
            content,
            redacts: None,
            // Servers' clocks disagree; no two events have one time, and so one id.
            origin_ts_ms: self.ts ^ ((self.ts >> 3).wrapping_mul(5) & 7),
        };
        let depth = prev
            .iter()
            .map(|n| self.events[*n].depth())
            .max()
            .unwrap_or(0)
            + 1;
        let placement = Placement {
            room_id: self.room_id(),
            prev_events: &prev_events,
            auth_events: &auth_events,
            depth,
        };
        let pdu = draft.build(self.version, &placement, &self.key).unwrap();
        auth::authorise(self.version, &pdu, |t, k| {
            self.entry(&before, t, k).cloned()
        })
        .map_err(|error| error.to_string())?;
        Ok(self.push(pdu, before))
    }

    fn push(&mut self, pdu: Pdu, before: State) -> Nid {
        let number = self.events.len();
        self.before.push(if pdu.state_key().is_some() {
            before.clone()
        } else {
            State::new()
        });
        let mut after = before;
        let mut indexed = None;
        if let Some(state_key) = pdu.state_key() {
            let key = self.key_number(pdu.event_type(), state_key);
            indexed = Some(self.index_entry(&pdu));
            after.insert(key, number);
        }
        let known = self.numbers.insert(pdu.owned_event_id().clone(), number);
        assert_eq!(known, None, "{pdu:?} twice");
        self.index.push(indexed);
        self.events.push(pdu);
        self.states.push(after);
        number
    }

    fn index_entry(&mut self, pdu: &Pdu) -> Indexed {
        let auth: Vec<(&Pdu, &Indexed)> = pdu
            .auth_events()
            .iter()
            .map(|id| self.numbers[id])
            .map(|n| (&self.events[n], self.index[n].as_ref().unwrap()))
            .collect();
        let replaces = auth
            .iter()
            .find(|(event, _)| event.is_state(pdu.event_type(), pdu.state_key().unwrap()))
            .map(|(_, entry)| *entry);
        let entries: Vec<&Indexed> = auth.iter().map(|(_, entry)| *entry).collect();
        let number = self.index.len() as u64;
        let is_end = |place: Place| self.chain_ends[&place.chain] == place.seq;
        let entry = auth_index::assign(&entries, replaces, is_end, number);
        self.chain_ends.insert(entry.place.chain, entry.place.seq);
        entry
    }

    /// What the crate makes of forks: only the conflict is looked at.
    pub fn resolve_reduced(&self, forks: &[State]) -> State {
        let (answer, mut state) = self.ask(forks);
        for (key, event) in answer {
            match event {
                Some(event) => state.insert(key, event),
                None => state.remove(&key),
            };
        }
        state
    }

    /// The answer, and what all forks agree on.
    pub fn ask(&self, forks: &[State]) -> (Answer<u32, Nid>, State) {
        let conflicts = split_states(forks);
        let mut common = forks[0].clone();
        for conflict in &conflicts {
            common.remove(&conflict.key);
        }
        let source = Source {
            room: self,
            common: &common,
        };
        let question = self.question(forks, &common, conflicts);
        (resolve(self.version, &source, &question).unwrap(), common)
    }

    pub fn question(
        &self,
        forks: &[State],
        common: &State,
        conflicts: Vec<Conflict<u32, Nid>>,
    ) -> Question<u32, Nid> {
        Question {
            auth_difference: self.indexed_difference(forks, common),
            subgraph: self.indexed_subgraph(&conflicts),
            conflicts,
        }
    }

    pub fn indexed_difference(&self, forks: &[State], common: &State) -> Vec<Nid> {
        let in_conflict: Vec<Vec<&Indexed>> = forks
            .iter()
            .map(|fork| {
                fork.iter()
                    .filter(|(key, _)| !common.contains_key(key))
                    .map(|(_, n)| self.index[*n].as_ref().unwrap())
                    .collect()
            })
            .collect();
        let coverage: Coverage = common
            .values()
            .map(|n| self.index[*n].as_ref().unwrap())
            .collect();
        let pieces = auth_index::auth_difference(&in_conflict, |chain| coverage.extent(chain));
        let mut found: Vec<Nid> = (0..self.events.len())
            .filter(|n| {
                self.index[*n].as_ref().is_some_and(|entry| {
                    let Place { chain, seq } = entry.place;
                    pieces
                        .iter()
                        .any(|p| p.chain == chain && p.after < seq && seq <= p.up_to)
                })
            })
            .collect();
        found.sort_unstable();
        found
    }

    fn indexed_subgraph(&self, conflicts: &[Conflict<u32, Nid>]) -> Vec<Nid> {
        let conflicted: Vec<Nid> = conflicts.iter().flat_map(|c| c.events.clone()).collect();
        auth_index::conflicted_subgraph(&conflicted, |n| {
            Some((self.index[n].clone().unwrap(), self.auth_numbers(n)))
        })
        .unwrap()
    }

    pub fn auth_numbers(&self, n: Nid) -> Vec<Nid> {
        self.events[n]
            .auth_events()
            .iter()
            .map(|id| self.numbers[id])
            .collect()
    }
}

pub fn split_states(forks: &[State]) -> Vec<Conflict<u32, Nid>> {
    let packed: Vec<Vec<(u32, Nid)>> = forks
        .iter()
        .map(|fork| fork.iter().map(|(k, e)| (*k, *e)).collect())
        .collect();
    split(&packed.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

pub struct Source<'a> {
    pub room: &'a Room,
    pub common: &'a State,
}

impl ResolveSource for Source<'_> {
    type Key = u32;
    type Event = Nid;

    fn event(&self, event: Nid) -> Found<Pdu> {
        self.room.events.get(event).cloned().into()
    }

    fn event_by_id(&self, id: &EventId) -> Found<Pdu> {
        self.room
            .numbers
            .get(id)
            .map(|n| self.room.events[*n].clone())
            .into()
    }

    fn number(&self, id: &EventId) -> Option<Nid> {
        self.room.numbers.get(id).copied()
    }

    fn key(&self, event_type: &str, state_key: &str) -> Found<u32> {
        self.room
            .keys
            .get(&(event_type.to_owned(), state_key.to_owned()))
            .copied()
            .into()
    }

    fn unconflicted(&self, key: u32) -> Found<Nid> {
        self.common.get(&key).copied().into()
    }
}
