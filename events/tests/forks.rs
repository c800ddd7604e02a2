//! Forks with a known end: state resolution v1, what a source has not loaded, the reset alarm.

#![allow(clippy::unwrap_used)]

mod sim;

use causeway_events::reset_alarm::{Alarm, Cause, Decision, Lost, alarms};
use causeway_events::resolve::{Conflict, Found, Question, ResolveError, ResolveSource, resolve};
use causeway_events::{Membership, Pdu, RoomVersion};
use proptest::prelude::*;
use ruma::EventId;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use sim::{Nid, Room, Source, State, Step, user};

fn version(id: &str) -> RoomVersion {
    RoomVersion::find(&id.try_into().unwrap()).unwrap()
}

fn topic(room: &mut Room, prev: Nid, who: usize, text: &str) -> Nid {
    room.add(
        &[prev],
        who,
        "m.room.topic",
        Some(""),
        json!({"topic": text}),
    )
    .unwrap()
}

fn member(room: &mut Room, prev: Nid, who: usize, whom: usize, membership: &str) -> Nid {
    let content = json!({"membership": membership});
    room.add(
        &[prev],
        who,
        "m.room.member",
        Some(user(whom).as_str()),
        content,
    )
    .unwrap()
}

fn levels(room: &mut Room, prev: Nid, who: usize, users: Value) -> Nid {
    let mut users = users;
    if !room.version.room_id_is_create_hash() {
        users[user(0).as_str()] = 100.into();
    }
    room.add(
        &[prev],
        who,
        "m.room.power_levels",
        Some(""),
        json!({"users": users}),
    )
    .unwrap()
}

fn merged(room: &Room, ends: &[Nid]) -> State {
    room.resolve_reduced(
        &ends
            .iter()
            .map(|n| room.states[*n].clone())
            .collect::<Vec<_>>(),
    )
}

#[test]
fn v1_takes_the_deepest_topic_and_the_smallest_hash() {
    let mut room = Room::new(version("1"));
    let shallow = topic(&mut room, 3, 0, "shallow");
    let middle = room
        .add(&[3], 0, "m.room.name", Some(""), json!({"name": "x"}))
        .unwrap();
    let deep = topic(&mut room, middle, 0, "deep");
    let state = merged(&room, &[shallow, deep]);
    assert_eq!(
        room.entry(&state, "m.room.topic", "").unwrap(),
        &room.events[deep]
    );
    assert_eq!(
        room.entry(&state, "m.room.name", "").unwrap(),
        &room.events[middle]
    );
    let others: Vec<Nid> = (0..6)
        .map(|n| topic(&mut room, 3, 0, &format!("{n}")))
        .collect();
    let hash = |n: &Nid| Sha1::digest(room.events[*n].event_id().as_bytes());
    let smallest = *others.iter().min_by_key(|n| hash(n)).unwrap();
    let state = merged(&room, &others);
    assert_eq!(
        room.entry(&state, "m.room.topic", "").unwrap(),
        &room.events[smallest]
    );
}

#[test]
fn v1_settles_power_before_what_it_authorises() {
    let mut room = Room::new(version("1"));
    let joined = member(&mut room, 3, 1, 1, "join");
    let strong = levels(&mut room, joined, 0, json!({ user(1): 50 }));
    // One fork takes the power away again, the other uses it, deeper.
    let weak = levels(&mut room, strong, 0, json!({ user(1): 0 }));
    let one = topic(&mut room, strong, 1, "one");
    let two = topic(&mut room, one, 1, "two");
    let state = merged(&room, &[weak, two]);
    assert_eq!(
        room.entry(&state, "m.room.power_levels", "").unwrap(),
        &room.events[weak]
    );
    // The topic is no conflict (only one fork has one), so it stands: known and fixed in v2.
    assert_eq!(
        room.entry(&state, "m.room.topic", "").unwrap(),
        &room.events[two]
    );
    let rival = topic(&mut room, weak, 0, "rival");
    let state = merged(&room, &[rival, two]);
    assert_eq!(
        room.entry(&state, "m.room.topic", "").unwrap(),
        &room.events[rival]
    );
}

#[test]
fn v1_stops_at_the_first_power_levels_that_are_not_allowed() {
    let mut room = Room::new(version("1"));
    let joined = member(&mut room, 3, 1, 1, "join");
    let strong = levels(&mut room, joined, 0, json!({ user(1): 50 }));
    let demoted = levels(&mut room, strong, 0, json!({ user(1): 0 }));
    let name = room
        .add(&[strong], 1, "m.room.name", Some(""), json!({"name": "x"}))
        .unwrap();
    let own = levels(&mut room, name, 1, json!({ user(1): 50, user(2): 10 }));
    let state = merged(&room, &[demoted, own]);
    // Deeper, but user 1 may not do that after the shallower one.
    assert_eq!(
        room.entry(&state, "m.room.power_levels", "").unwrap(),
        &room.events[demoted]
    );
}

/// Knows only some of the events, as a server that loads on demand.
struct Partly<'a> {
    inner: Source<'a>,
    loaded: std::collections::BTreeSet<Nid>,
    keys: std::collections::BTreeSet<(String, String)>,
}

impl ResolveSource for Partly<'_> {
    type Key = u32;
    type Event = Nid;

    fn event(&self, event: Nid) -> Found<Pdu> {
        if self.loaded.contains(&event) {
            self.inner.event(event)
        } else {
            Found::NotLoaded
        }
    }

    fn event_by_id(&self, id: &EventId) -> Found<Pdu> {
        match self.inner.number(id) {
            Some(number) => self.event(number),
            None => Found::Absent,
        }
    }

    fn number(&self, id: &EventId) -> Option<Nid> {
        self.inner.number(id)
    }

    fn key(&self, event_type: &str, state_key: &str) -> Found<u32> {
        if self
            .keys
            .contains(&(event_type.to_owned(), state_key.to_owned()))
        {
            self.inner.key(event_type, state_key)
        } else {
            Found::NotLoaded
        }
    }

    fn unconflicted(&self, key: u32) -> Found<Nid> {
        self.inner.unconflicted(key)
    }
}

#[test]
fn what_is_not_loaded_is_asked_for_until_it_is_there() {
    for version in RoomVersion::all() {
        let mut room = Room::new(version);
        let joined = member(&mut room, 3, 1, 1, "join");
        let mut trunk = joined;
        for n in 1..6 {
            trunk = levels(&mut room, trunk, 0, json!({ user(1): 50 + n }));
        }
        let left = topic(&mut room, trunk, 1, "left");
        let left = member(&mut room, left, 2, 2, "join");
        let right = levels(&mut room, trunk, 0, json!({ user(1): 0 }));
        let right = topic(&mut room, right, 0, "right");
        let forks = [room.states[left].clone(), room.states[right].clone()];
        let (expected, common) = room.ask(&forks);
        let conflicts = sim::split_states(&forks);
        assert_eq!(conflicts.len(), 3);
        let question = room.question(&forks, &common, conflicts);
        let mut source = Partly {
            inner: Source {
                room: &room,
                common: &common,
            },
            loaded: Default::default(),
            keys: Default::default(),
        };
        let mut rounds = 0;
        let answer = loop {
            match resolve(version, &source, &question) {
                Ok(answer) => break answer,
                Err(ResolveError::Missing(missing)) => {
                    rounds += 1;
                    let before = (source.loaded.len(), source.keys.len());
                    source.loaded.extend(missing.events);
                    source
                        .loaded
                        .extend(missing.ids.iter().map(|id| room.numbers[id]));
                    source.keys.extend(missing.keys);
                    assert_ne!(
                        (source.loaded.len(), source.keys.len()),
                        before,
                        "no progress"
                    );
                }
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(answer, expected, "{version:?}");
        assert!(rounds <= 12, "{rounds} rounds");
        assert!(source.loaded.len() < room.events.len() + 1);
    }
}

#[test]
fn no_conflict_is_no_question() {
    let room = Room::new(version("11"));
    let common = room.states[3].clone();
    let source = Source {
        room: &room,
        common: &common,
    };
    assert_eq!(
        resolve(room.version, &source, &Question::default()).unwrap(),
        []
    );
    assert_eq!(Conflict::of(1, [Some(5), Some(5)]), None);
    assert_eq!(Conflict::of(1, [None::<Nid>, None]), None);
    let conflict = Conflict::of(1, [Some(7), None, Some(5), Some(7)]).unwrap();
    assert_eq!(conflict.events, [5, 7]);
}

fn alarms_of(room: &Room, before: &State, ends: &[Nid], now: &State) -> Vec<Alarm> {
    let forks: Vec<&State> = ends.iter().map(|n| &room.states[*n]).collect();
    let event = |state: &State, key: &u32| state.get(key).map(|n| room.events[*n].clone());
    let keys: std::collections::BTreeSet<u32> = before.keys().chain(now.keys()).copied().collect();
    let rows: Vec<_> = keys
        .iter()
        .map(|key| {
            let had: Vec<_> = forks.iter().map(|fork| event(fork, key)).collect();
            (event(before, key), event(now, key), had)
        })
        .collect();
    let decisions: Vec<_> = rows
        .iter()
        .map(|(before, after, forks)| Decision {
            before: before.as_ref(),
            after: after.as_ref(),
            forks,
        })
        .collect();
    alarms(room.version, Some(&room.events[0]), &decisions, |event| {
        let before = &room.before[room.numbers[event.event_id()]];
        room.entry(before, event.event_type(), event.state_key()?)
            .cloned()
    })
}

#[test]
fn what_goes_on_raises_no_alarm() {
    let mut room = Room::new(version("11"));
    let joined = member(&mut room, 3, 1, 1, "join");
    let left = member(&mut room, joined, 1, 1, "leave");
    let demoted = levels(&mut room, left, 0, json!({ user(1): -1 }));
    let mut end = demoted;
    for rule in ["invite", "knock", "public", "invite"] {
        let rule = json!({ "join_rule": rule });
        end = room
            .add(&[end], 0, "m.room.join_rules", Some(""), rule)
            .unwrap();
    }
    let (before, now) = (room.states[joined].clone(), room.states[end].clone());
    assert_eq!(alarms_of(&room, &before, &[joined, end], &now).len(), 0);
}

#[test]
fn what_is_taken_back_raises_an_alarm_that_says_why() {
    let mut room = Room::new(version("11"));
    let joined = member(&mut room, 3, 1, 1, "join");
    let strong = levels(&mut room, joined, 0, json!({ user(1): 50 }));
    let acl = json!({"allow": ["*"], "deny": ["evil"]});
    let acl = room
        .add(&[strong], 0, "m.room.server_acl", Some(""), acl)
        .unwrap();
    let banned = member(&mut room, acl, 0, 2, "ban");
    let closed = json!({"join_rule": "invite"});
    let closed = room
        .add(&[banned], 0, "m.room.join_rules", Some(""), closed)
        .unwrap();
    let before = room.states[closed].clone();
    // As if a resolution had brought back the state at the join.
    let now = room.states[joined].clone();
    let alarms = alarms_of(&room, &before, &[closed, joined], &now);
    let lost: Vec<&Lost> = alarms.iter().map(|alarm| &alarm.lost).collect();
    let user_2 = user(2).to_string();
    assert_eq!(lost.len(), 4, "{lost:?}");
    assert!(lost.contains(&&Lost::Power {
        users: vec![user(1).to_string()]
    }));
    assert!(lost.contains(&&Lost::JoinRules) && lost.contains(&&Lost::ServerAcl));
    assert!(lost.contains(&&Lost::Membership {
        user_id: user_2.clone(),
        before: Membership::Ban,
        after: Membership::Leave,
    }));
    for alarm in &alarms {
        let gone = matches!(alarm.lost, Lost::ServerAcl | Lost::Membership { .. });
        assert_eq!(
            alarm.cause,
            if gone {
                Cause::NothingAllowed
            } else {
                Cause::WentBack
            }
        );
        assert_eq!(alarm.forks, [1], "the second fork had it so");
        let text = alarm.to_string();
        assert!(text.contains(alarm.before.event_id().as_str()), "{text}");
    }
    assert!(
        alarms
            .iter()
            .any(|alarm| alarm.to_string().contains(&user_2))
    );
}

#[test]
fn a_fork_that_wins_over_another_is_named() {
    let mut room = Room::new(version("11"));
    let joined = member(&mut room, 3, 1, 1, "join");
    let strong = levels(&mut room, joined, 0, json!({ user(1): 50 }));
    let weak = levels(&mut room, joined, 0, json!({ user(1): 1 }));
    let (before, now) = (room.states[strong].clone(), room.states[weak].clone());
    let alarms = alarms_of(&room, &before, &[strong, weak], &now);
    assert_eq!(alarms.len(), 1);
    assert_eq!(alarms[0].cause, Cause::OtherFork);
    assert_eq!(alarms[0].forks, [1]);
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(60)
    })]

    /// v1 has no reference here: its answer is one of the events in question, for every key, and
    /// does not hang on the order of the forks.
    #[test]
    fn v1_does_not_hang_on_order(
        steps in prop::collection::vec(
            (0_u8..16, 0_usize..5, 0_usize..5, -5_i64..101, prop::collection::vec(0_usize..12, 1..3)),
            10..50,
        ),
        picks in prop::collection::vec(any::<usize>(), 2..5),
    ) {
        let mut room = Room::new(version("1"));
        for (what, sender, target, value, prev) in steps {
            room.step(&Step { what, sender, target, value, prev });
        }
        let count = room.events.len() - 3;
        let mut forks: Vec<State> =
            picks.iter().map(|pick| room.states[3 + pick % count].clone()).collect();
        let (answer, _) = room.ask(&forks);
        for (conflict, (key, event)) in sim::split_states(&forks).iter().zip(&answer) {
            prop_assert_eq!(conflict.key, *key);
            prop_assert!(event.is_some_and(|event| conflict.events.contains(&event)));
        }
        forks.reverse();
        prop_assert_eq!(room.ask(&forks).0, answer);
    }
}
