//! State resolution in a room of 50,000 members: two forks that disagree on ten entries, with
//! the states in memory. And the cost of building and allowing a message.
//!
//! `cargo bench -p causeway-events`

#![allow(clippy::unwrap_used)]

#[path = "../tests/sim/mod.rs"]
mod sim;

use std::hint::black_box;

use causeway_events::auth_index::{self, Coverage, Indexed, Place};
use causeway_events::client::{ClientEvent, Format, Unsigned};
use causeway_events::resolve::{Question, resolve, split};
use causeway_events::{Draft, Pdu, Placement, RoomVersion, auth};
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

fn resolution(c: &mut Criterion) {
    for id in ["11", "12"] {
        let version = RoomVersion::find(&id.try_into().unwrap()).unwrap();
        let (room, left, right) = room(version);
        let (a, b) = (packed(&left), packed(&right));
        let conflicts = split(&[&a, &b]);
        assert_eq!(conflicts.len(), 10);
        let mut common = left.clone();
        for conflict in &conflicts {
            common.remove(&conflict.key);
        }
        let entry = |n: &Nid| room.index[*n].as_ref().unwrap();
        // Kept with the room's current state, hence not part of what is measured.
        let coverage: Coverage = left.values().map(entry).collect();
        let at_place: std::collections::HashMap<Place, Nid> = room
            .index
            .iter()
            .enumerate()
            .filter_map(|(n, entry)| Some((entry.as_ref()?.place, n)))
            .collect();
        let source = Source {
            room: &room,
            common: &common,
        };

        let mut group = c.benchmark_group(format!("room version {id}, {} entries", a.len()));
        group.bench_function("split", |bench| {
            bench.iter(|| split(&[black_box(&a), &b]));
        });
        let question = |conflicts: Vec<causeway_events::resolve::Conflict<u32, Nid>>| {
            let fork = |state: &State| -> Vec<&Indexed> {
                conflicts
                    .iter()
                    .filter_map(|c| state.get(&c.key))
                    .map(entry)
                    .collect()
            };
            let forks = [fork(&left), fork(&right)];
            let without = forks[0].clone();
            let pieces = auth_index::auth_difference(&forks, |chain| {
                coverage.extent_without(chain, &without)
            });
            let auth_difference = pieces
                .iter()
                .flat_map(|p| {
                    (p.after + 1..=p.up_to).map(|seq| Place {
                        chain: p.chain,
                        seq,
                    })
                })
                .map(|place| at_place[&place])
                .collect();
            let all: Vec<Nid> = conflicts.iter().flat_map(|c| c.events.clone()).collect();
            let look_up = |n: Nid| Some((entry(&n).clone(), room.auth_numbers(n)));
            let subgraph = auth_index::conflicted_subgraph(&all, look_up).unwrap();
            Question {
                conflicts,
                auth_difference,
                subgraph,
            }
        };
        group.bench_function("auth difference and subgraph", |bench| {
            bench.iter(|| question(black_box(conflicts.clone())));
        });
        let asked = question(conflicts.clone());
        group.bench_function("resolve", |bench| {
            bench.iter(|| resolve(version, &source, black_box(&asked)).unwrap());
        });
        group.bench_function("all", |bench| {
            bench.iter(|| {
                let conflicts = split(&[black_box(&a), &b]);
                resolve(version, &source, &question(conflicts)).unwrap()
            });
        });
        group.finish();
    }
}

fn message(c: &mut Criterion) {
    for id in ["11", "12"] {
        let version = RoomVersion::find(&id.try_into().unwrap()).unwrap();
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
        let state = room.states[at].clone();
        let draft = Draft {
            event_type: "m.room.message".into(),
            state_key: None,
            sender: user(0),
            content: serde_json::value::to_raw_value(&json!({
                "msgtype": "m.text", "body": "Good morning, what is new in here?"
            }))
            .unwrap(),
            redacts: None,
            origin_ts_ms: 1_700_000_000_000,
        };
        let last = [room.events[at].owned_event_id().clone()];
        let auth_events: Vec<_> = [1, at]
            .iter()
            .map(|n| room.events[*n].owned_event_id().clone())
            .collect();
        let placement = Placement {
            room_id: room.room_id(),
            prev_events: &last,
            auth_events: &auth_events,
            depth: 6,
        };
        let mut group = c.benchmark_group(format!("room version {id}, a message"));
        group.bench_function("build", |bench| {
            bench.iter(|| {
                black_box(&draft)
                    .build(version, &placement, &room.key)
                    .unwrap()
            });
        });
        let pdu = draft.build(version, &placement, &room.key).unwrap();
        group.bench_function("authorise, 500 users in the power levels", |bench| {
            bench.iter(|| {
                auth::authorise(version, black_box(&pdu), |t, k| {
                    room.entry(&state, t, k).cloned()
                })
                .unwrap();
            });
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
        let rendered = ClientEvent::new(&pdu);
        let mut out = Vec::with_capacity(1024);
        group.bench_function("write for a client", |bench| {
            bench.iter(|| {
                out.clear();
                let unsigned = Unsigned {
                    now_ms: Some(1_700_000_000_100),
                    ..Unsigned::default()
                };
                black_box(&rendered).write(Format::Sync, &unsigned, &mut out);
                out.len()
            });
        });
        group.finish();
    }
}

criterion_group!(benches, resolution, message);
criterion_main!(benches);
