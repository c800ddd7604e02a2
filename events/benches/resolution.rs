//! State resolution in a room of 50,000 members: two forks that disagree on ten entries, with
//! the states in memory. And the cost of building and allowing a message.
//!
//! `cargo bench -p causeway-events`

#![allow(clippy::unwrap_used)]

#[path = "../tests/sim/mod.rs"]
mod sim;

use std::collections::HashMap;
use std::hint::black_box;

use causeway_events::auth_index::{self, Coverage, Indexed, Place};
use causeway_events::client::{ClientEvent, Format, Unsigned};
use causeway_events::resolve::{Conflict, Question, resolve, split};
use causeway_events::{Draft, Pdu, Placement, Reference, RoomVersion, auth};
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use sim::{Nid, Room, Source, State, user};

const MEMBERS: usize = 50_000;

/// The room, and the states of its two forks.
fn room(version: RoomVersion) -> (Room, State, State) {
    let mut room = Room::new(version);
    let mut state = room.states[3].clone();
    // All follow one event: a state that is kept per event would not fit in memory.
    for n in 1..MEMBERS {
        let id = user(n);
        let join = json!({"membership": "join", "displayname": format!("User {n}")});
        let number = room
            .add(&[3], n, "m.room.member", Some(id.as_str()), join)
            .unwrap();
        state.insert(
            room.keys[&("m.room.member".to_owned(), id.to_string())],
            number,
        );
        room.states[number] = State::new();
    }
    let trunk = room
        .add(&[3], 0, "m.room.topic", Some(""), json!({"topic": "trunk"}))
        .unwrap();
    state.insert(
        room.keys[&("m.room.topic".to_owned(), String::new())],
        trunk,
    );
    room.states[trunk] = state;
    let mut left = trunk;
    let mut right = trunk;
    for n in 1..10 {
        let id = user(n);
        let leave = json!({"membership": "leave"});
        left = room
            .add(&[left], n, "m.room.member", Some(id.as_str()), leave)
            .unwrap();
        let ban = json!({"membership": "ban"});
        right = room
            .add(&[right], 0, "m.room.member", Some(id.as_str()), ban)
            .unwrap();
    }
    left = room
        .add(
            &[left],
            0,
            "m.room.topic",
            Some(""),
            json!({"topic": "left"}),
        )
        .unwrap();
    right = room
        .add(
            &[right],
            0,
            "m.room.topic",
            Some(""),
            json!({"topic": "right"}),
        )
        .unwrap();
    let (left, right) = (room.states[left].clone(), room.states[right].clone());
    (room, left, right)
}

fn packed(state: &State) -> Vec<(u32, Nid)> {
    state.iter().map(|(key, event)| (*key, *event)).collect()
}

/// What a server has in memory when it comes to resolve.
struct Memory {
    room: Room,
    forks: [State; 2],
    packed: [Vec<(u32, Nid)>; 2],
    /// Kept with the room's current state, hence not part of what is measured.
    coverage: Coverage,
    at_place: HashMap<Place, Nid>,
}

impl Memory {
    fn new(version: RoomVersion) -> Self {
        let (room, left, right) = room(version);
        let coverage = left
            .values()
            .map(|n| room.index[*n].as_ref().unwrap())
            .collect();
        let places = room.index.iter().enumerate();
        let at_place = places
            .filter_map(|(n, entry)| Some((entry.as_ref()?.place, n)))
            .collect();
        let packed = [packed(&left), packed(&right)];
        Self {
            room,
            forks: [left, right],
            packed,
            coverage,
            at_place,
        }
    }

    fn entry(&self, n: Nid) -> &Indexed {
        self.room.index[n].as_ref().unwrap()
    }

    fn split(&self) -> Vec<Conflict<u32, Nid>> {
        split(&[black_box(&self.packed[0]), &self.packed[1]])
    }

    fn question(&self, conflicts: Vec<Conflict<u32, Nid>>) -> Question<u32, Nid> {
        let forks = self.forks.each_ref().map(|fork| -> Vec<&Indexed> {
            let events = conflicts
                .iter()
                .filter_map(|conflict| fork.get(&conflict.key));
            events.map(|n| self.entry(*n)).collect()
        });
        let common = |chain| self.coverage.extent_without(chain, &forks[0]);
        let auth_difference = auth_index::auth_difference(&forks, common)
            .iter()
            .flat_map(|p| {
                (p.after + 1..=p.up_to).map(|seq| Place {
                    chain: p.chain,
                    seq,
                })
            })
            .map(|place| self.at_place[&place])
            .collect();
        let all: Vec<Nid> = conflicts.iter().flat_map(|c| c.events.clone()).collect();
        let look_up = |n: Nid| Some((self.entry(n).clone(), self.room.auth_numbers(n)));
        let subgraph = auth_index::conflicted_subgraph(&all, look_up).unwrap();
        Question {
            conflicts,
            auth_difference,
            subgraph,
        }
    }
}

fn resolution(c: &mut Criterion) {
    for id in ["11", "12"] {
        let version = RoomVersion::find(&id.try_into().unwrap()).unwrap();
        let memory = Memory::new(version);
        let conflicts = memory.split();
        assert_eq!(conflicts.len(), 10);
        let mut common = memory.forks[0].clone();
        for conflict in &conflicts {
            common.remove(&conflict.key);
        }
        let source = Source {
            room: &memory.room,
            common: &common,
        };
        let asked = memory.question(conflicts.clone());
        let entries = memory.packed[0].len();
        let mut group = c.benchmark_group(format!("room version {id}, {entries} entries"));
        group.bench_function("split", |bench| bench.iter(|| memory.split()));
        group.bench_function("auth difference and subgraph", |bench| {
            bench.iter(|| memory.question(black_box(conflicts.clone())));
        });
        group.bench_function("resolve", |bench| {
            bench.iter(|| resolve(version, &source, black_box(&asked)).unwrap());
        });
        group.bench_function("all", |bench| {
            bench.iter(|| resolve(version, &source, &memory.question(memory.split())).unwrap());
        });
        group.finish();
    }
}

/// A room whose power levels name 500 users, and the number of the event that does.
fn large_levels(version: RoomVersion) -> (Room, Nid) {
    let mut room = Room::new(version);
    let mut users: serde_json::Map<String, serde_json::Value> =
        (1..500).map(|n| (user(n).to_string(), 50.into())).collect();
    if !version.room_id_is_create_hash() {
        users.insert(user(0).to_string(), 100.into());
    }
    let levels = json!({ "users": users });
    let at = room
        .add(&[3], 0, "m.room.power_levels", Some(""), levels)
        .unwrap();
    (room, at)
}

fn hello() -> Draft {
    let content = json!({"msgtype": "m.text", "body": "Good morning, what is new in here?"});
    Draft {
        event_type: "m.room.message".into(),
        state_key: None,
        sender: user(0),
        content: serde_json::value::to_raw_value(&content).unwrap(),
        redacts: None,
        origin_ts_ms: 1_700_000_000_000,
    }
}

fn message(c: &mut Criterion) {
    for id in ["11", "12"] {
        let version = RoomVersion::find(&id.try_into().unwrap()).unwrap();
        let (room, at) = large_levels(version);
        let state = room.states[at].clone();
        let id_of = |n: &Nid| Reference::to(version, &room.events[*n]);
        let (last, auth_events) = ([id_of(&at)], [id_of(&1), id_of(&at)]);
        let placement = Placement {
            room_id: room.room_id(),
            prev_events: &last,
            auth_events: &auth_events,
            depth: 6,
        };
        let draft = hello();
        let pdu = draft.build(version, &placement, &room.key).unwrap();
        let mut group = c.benchmark_group(format!("room version {id}, a message"));
        group.bench_function("build", |bench| {
            bench.iter(|| {
                black_box(&draft)
                    .build(version, &placement, &room.key)
                    .unwrap()
            });
        });
        let entry = |t: &str, k: &str| room.entry(&state, t, k).cloned();
        group.bench_function("authorise, 500 users in the power levels", |bench| {
            bench.iter(|| auth::authorise(version, black_box(&pdu), entry).unwrap());
        });
        group.bench_function("from_stored", |bench| {
            bench.iter(|| {
                let id = pdu.owned_event_id().clone();
                Pdu::from_stored(version, id, black_box(pdu.json()).to_owned()).unwrap()
            });
        });
        group.bench_function("from_stranger", |bench| {
            bench.iter(|| Pdu::from_stranger(version, black_box(pdu.json())).unwrap());
        });
        group.finish();
    }
}

fn client(c: &mut Criterion) {
    let version = RoomVersion::all().last().unwrap();
    let (room, at) = large_levels(version);
    let placement = Placement {
        room_id: room.room_id(),
        prev_events: &[],
        auth_events: &[],
        depth: 6,
    };
    let pdu = hello().build(version, &placement, &room.key).unwrap();
    let unsigned = Unsigned {
        now_ms: Some(1_700_000_000_100),
        ..Unsigned::default()
    };
    let mut out = Vec::with_capacity(1 << 16);
    for (name, pdu) in [("a message", &pdu), ("500 power levels", &room.events[at])] {
        let rendered = ClientEvent::new(pdu);
        c.bench_function(&format!("{name}, written for a client"), |bench| {
            bench.iter(|| {
                out.clear();
                black_box(&rendered).write(Format::Sync, &unsigned, &mut out);
                out.len()
            });
        });
    }
}

criterion_group!(benches, resolution, message, client);
criterion_main!(benches);
