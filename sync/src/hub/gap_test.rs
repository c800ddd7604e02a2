//! Answers that follow on each other, with the gaps filled, are the log.

use causeway_store::RoomNid;
use proptest::prelude::*;

use super::Prefetched;
use super::hub_test::{answer, hub, limit, message, shown, token};

/// What happens next in the made-up world.
#[derive(Debug, Clone)]
enum Step {
    Message(i64),
    Sync(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_i64..4).prop_map(Step::Message),
        1 => (0_u32..5).prop_map(Step::Sync),
    ];
    proptest::collection::vec(step, 0..150)
}

proptest! {
    #[test]
    fn answers_concatenate_to_the_log(steps in steps()) {
        let rooms = [RoomNid(1), RoomNid(2), RoomNid(3)];
        let mut hub = hub(&rooms);
        let mut since = token(&hub);
        let mut log: Vec<Vec<i64>> = vec![Vec::new(); rooms.len()];
        let mut told: Vec<Vec<i64>> = vec![Vec::new(); rooms.len()];
        let mut position = 0;
        for step in steps.into_iter().chain([Step::Sync(1)]) {
            match step {
                Step::Message(room) => {
                    position += 1;
                    hub.apply(&[message(RoomNid(room), position)], Prefetched::default());
                    log[usize::try_from(room - 1).unwrap_or(0)].push(position);
                }
                Step::Sync(most) => {
                    let answer = answer(&hub, since, &limit(most));
                    for (at, room) in rooms.iter().enumerate() {
                        let shown = shown(&answer, *room);
                        prop_assert!(shown.len() <= most as usize);
                        let found = answer.joined.iter().find(|found| found.nid == *room);
                        if let Some(found) = found.filter(|found| found.limited) {
                            // What a client fetches with `/messages` from `prev_batch` backwards,
                            // down to what it knows.
                            let known = told[at].last().copied().unwrap_or(0);
                            let gap = log[at].iter().copied().filter(|event| {
                                *event > known && *event < found.prev_batch.anchor
                            });
                            let gap: Vec<i64> = gap.collect();
                            prop_assert!(!gap.is_empty(), "limited without a gap");
                            told[at].extend(gap);
                        }
                        told[at].extend(shown);
                    }
                    since = answer.next;
                }
            }
        }
        prop_assert_eq!(told, log);
    }
}
