//! Random rooms in random orders: two servers come to the same state, which is the model's.

use causeway_rooms::receive::Outcome;
use serde_json::json;

use crate::sim::{Nid, Room, Step, user};
use crate::stand::{OURS, Stand, add_join, expected, id_of, version};

/// Numbers that look random and follow from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % sides
    }

    fn step(&mut self) -> Step {
        let people = [0, 1, 2, 3, OURS, 101];
        let ends = 1 + self.roll(3);
        Step {
            what: u8::try_from(self.roll(17)).unwrap(),
            sender: people[self.roll(people.len())],
            target: people[self.roll(people.len())],
            value: i64::try_from(self.roll(100)).unwrap(),
            prev: (0..ends).map(|_| self.roll(6)).collect(),
        }
    }

    fn shuffle(&mut self, events: &mut [Nid]) {
        for n in (1..events.len()).rev() {
            events.swap(n, self.roll(n + 1));
        }
    }
}

/// A random room: the event by which our server joins, and all after it, of which the last follows
/// on everything.
fn grow(dice: &mut Dice, id: &str, steps: usize) -> (Room, Nid) {
    let mut room = Room::new(version(id));
    let join = add_join(&mut room, &[3], OURS);
    for who in [1, 2] {
        let last = room.events.len() - 1;
        add_join(&mut room, &[last], who);
    }
    for _ in 0..steps {
        let mut step = dice.step();
        // Everything comes after the join.
        let most = room.events.len() - 1 - join;
        step.prev.iter_mut().for_each(|back| *back %= most + 1);
        room.step(&step);
    }
    loop {
        let named: std::collections::HashSet<_> = room
            .events
            .iter()
            .flat_map(|pdu| pdu.prev_events().to_vec())
            .collect();
        let mut ends: Vec<Nid> = (0..room.events.len())
            .filter(|n| !named.contains(room.events[*n].event_id()))
            .collect();
        if ends.len() == 1 {
            return (room, join);
        }
        ends.truncate(10);
        let someone = [0, 1, 2, 3, OURS, 101].into_iter().find(|who| {
            room.add(&ends, *who, "m.room.message", None, json!({"body": "all"}))
                .is_ok()
        });
        if someone.is_none() {
            // Nobody is left: somebody may still come.
            let id = user(OURS);
            let content = json!({"membership": "leave"});
            let left = room.add(&ends, OURS, "m.room.member", Some(id.as_str()), content);
            assert!(left.is_ok(), "nobody can say anything any more");
        }
    }
}

async fn deliver(stand: &Stand, dice: &mut Dice, room: &Room, join: Nid) {
    let last = room.events.len() - 1;
    let mut open: Vec<Nid> = (join + 1..last).collect();
    dice.shuffle(&mut open);
    let mut rounds = 0;
    while !open.is_empty() {
        rounds += 1;
        assert!(rounds < 10_000, "events stay missing");
        let count = (1 + dice.roll(7)).min(open.len());
        let some: Vec<Nid> = open.drain(..count).collect();
        for (id, outcome) in stand.receive(room, &some).await {
            if let Outcome::Missing(ids) = outcome {
                assert!(!ids.is_empty());
                open.push(room.numbers[&id]);
            }
        }
    }
    let outcome = stand.take(room, last).await;
    assert!(
        matches!(outcome, Outcome::Accepted | Outcome::SoftFailed(_)),
        "{outcome:?}"
    );
}

async fn agree(id: &str, seed: u64, steps: usize) {
    println!("version {id}, seed {seed}");
    let mut dice = Dice(seed);
    let (room, join) = grow(&mut dice, id, steps);
    let last = room.events.len() - 1;
    let (one, two) = (Stand::open().await, Stand::open().await);
    for stand in [&one, &two] {
        stand.import(&room, join).await;
        deliver(stand, &mut dice, &room, join).await;
        let state = &room.states[last];
        let ends = stand.ends(id_of(&room)).await;
        let only = room.events[last].event_id().to_string();
        if ends.contains(&only) && ends.len() == 1 {
            assert_eq!(
                stand.current(id_of(&room)).await,
                expected(&room, state),
                "version {id}, seed {seed}"
            );
        }
        check_states(stand, &room, join, seed).await;
    }
}

/// The state after each event is the model's, whatever the order in which it came.
async fn check_states(stand: &Stand, room: &Room, join: Nid, seed: u64) {
    let nid = stand.nid(id_of(room)).await;
    for n in join..room.events.len() {
        let pdu = &room.events[n];
        let row = causeway_store::rooms::find_event(&stand.store, nid, pdu.event_id()).await;
        let row = row.unwrap().expect("the event is here");
        assert_eq!(
            row.flags & causeway_store::log::REJECTED,
            0,
            "{pdu:?}, seed {seed}"
        );
        let state =
            causeway_store::timeline::state_events_at(&stand.store, nid, row.state, None).await;
        let mut ids: Vec<String> = state.unwrap().into_iter().map(|row| row.event_id).collect();
        let mut model: Vec<String> = room.states[n]
            .values()
            .map(|n| room.events[*n].event_id().to_string())
            .collect();
        ids.sort_unstable();
        model.sort_unstable();
        assert_eq!(ids, model, "after {pdu:?}, seed {seed}");
    }
}

#[tokio::test]
async fn random_rooms_in_random_orders_come_to_one_state() {
    for (n, id) in ["1", "2", "6", "10", "11", "12", "12", "11"]
        .into_iter()
        .enumerate()
    {
        let seed = 0x9e37_79b9_7f4a_7c15 ^ (u64::try_from(n).unwrap() << 32);
        agree(id, seed, 60).await;
    }
}
