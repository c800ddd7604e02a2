//! The reduced question has the answer of the whole one.

#![allow(clippy::unwrap_used)]

mod sim;

use std::cell::Cell;
use std::collections::BTreeSet;

use causeway_events::RoomVersion;
use causeway_events::resolve::Conflict;
use proptest::prelude::*;
use sim::{Nid, Room, State, Step};

fn step() -> impl Strategy<Value = Step> {
    let prev = prop_oneof![
        3 => prop::collection::vec(0_usize..3, 1..2),
        2 => prop::collection::vec(0_usize..25, 1..2),
        2 => prop::collection::vec(0_usize..12, 1..4),
    ];
    let level = prop_oneof![Just(0_i64), Just(50), Just(100), -5_i64..101];
    (0_u8..16, 0_usize..5, 0_usize..5, level, prev).prop_map(
        |(what, sender, target, value, prev)| Step {
            what,
            sender,
            target,
            value,
            prev,
        },
    )
}

fn forks(room: &Room, picks: &[usize]) -> Vec<State> {
    let events: BTreeSet<Nid> = picks.iter().map(|pick| pick % room.events.len()).collect();
    events
        .into_iter()
        .filter(|n| *n >= 3)
        .map(|n| room.states[n].clone())
        .collect()
}

/// The keys on which the forks disagree, straight from the definition.
fn split_by_definition(forks: &[State]) -> Vec<Conflict<u32, Nid>> {
    let keys: BTreeSet<u32> = forks.iter().flat_map(|fork| fork.keys().copied()).collect();
    let mut conflicts = Vec::new();
    for key in keys {
        let entries: BTreeSet<Option<Nid>> =
            forks.iter().map(|fork| fork.get(&key).copied()).collect();
        if entries.len() > 1 {
            conflicts.push(Conflict {
                key,
                events: entries.into_iter().flatten().collect(),
            });
        }
    }
    conflicts
}

/// Resolutions that had something to decide, and those that were about power.
type Decided = Cell<(u64, u64)>;

fn check(
    version: RoomVersion,
    steps: &[Step],
    picks: &[Vec<usize>],
    decided: &Decided,
) -> Result<(), TestCaseError> {
    let mut room = Room::new(version);
    for step in steps {
        room.step(step);
    }
    for picks in picks {
        let mut forks = forks(&room, picks);
        if forks.len() < 2 {
            continue;
        }
        prop_assert_eq!(sim::split_states(&forks), split_by_definition(&forks));
        let (answer, common) = room.ask(&forks);
        let walked: BTreeSet<Nid> = room.walked_difference(&forks);
        let indexed: BTreeSet<Nid> = room
            .indexed_difference(&forks, &common)
            .into_iter()
            .collect();
        prop_assert_eq!(indexed, walked, "auth difference");
        let reduced = room.resolve_reduced(&forks);
        prop_assert_eq!(&reduced, &room.resolve_full(&forks), "whole and reduced");
        let power = answer
            .iter()
            .any(|(key, _)| room.names[*key as usize].0 == "m.room.power_levels");
        decided.set({
            let (all, powerful) = decided.get();
            (
                all + u64::from(!answer.is_empty()),
                powerful + u64::from(power),
            )
        });
        forks.reverse();
        prop_assert_eq!(&reduced, &room.resolve_reduced(&forks), "order of forks");
        forks.push(forks[0].clone());
        prop_assert_eq!(&reduced, &room.resolve_reduced(&forks), "a fork twice");
    }
    Ok(())
}

fn run(version: &str, cases: u32) {
    let version = RoomVersion::find(&version.try_into().unwrap()).unwrap();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    });
    let input = (
        prop::collection::vec(step(), 10..70),
        prop::collection::vec(prop::collection::vec(any::<usize>(), 2..5), 4..8),
    );
    let count = Decided::default();
    runner
        .run(&input, |(steps, picks)| {
            check(version, &steps, &picks, &count)
        })
        .unwrap();
    let (decided, power) = count.get();
    assert!(
        decided > u64::from(cases),
        "only {decided} resolutions had a conflict"
    );
    assert!(
        power > u64::from(cases) / 10,
        "only {power} resolutions were about power"
    );
}

#[test]
fn v2_reduced_equals_whole() {
    run("11", 150);
}

#[test]
fn v2_1_reduced_equals_whole() {
    run("12", 150);
}

#[test]
fn v2_of_old_rooms_reduced_equals_whole() {
    run("6", 60);
}
