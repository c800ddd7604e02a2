use std::sync::Arc;

use causeway_store::RoomNid;
use causeway_store::outbox::OutEvent;
use ruma::{owned_room_id, owned_server_name, owned_user_id, server_name};

use super::*;

fn event() -> Item {
    Item::Event(Arc::new(OutEvent {
        room: RoomNid(1),
        json: "{}".to_owned(),
        let_go: None,
        from: None,
    }))
}

fn post(board: &mut Board, position: i64) {
    let to = vec![owned_server_name!("b.test")];
    board.post(Position(position), vec![(Position(position), event(), to)]);
}

fn b() -> &'static ServerName {
    server_name!("b.test")
}

fn turn(board: &mut Board, now_ms: u64) -> Task {
    assert!(board.due(now_ms).iter().any(|(name, _)| name == b()));
    assert!(board.take_turn(b()));
    assert!(!board.take_turn(b()), "one courier at a time");
    board.next(b(), VecDeque::len)
}

#[test]
fn what_is_under_way_holds_the_cursor_back() {
    let mut board = Board::new(Position(10), Vec::new());
    post(&mut board, 11);
    post(&mut board, 12);
    assert_eq!(board.floor(), Position(10));
    let Task::Send(items, _) = turn(&mut board, 0) else {
        panic!("something is to be sent");
    };
    assert_eq!(items.len(), 2);
    post(&mut board, 13);
    assert_eq!(board.floor(), Position(10));
    board.succeed(b(), 0, None);
    assert_eq!(board.floor(), Position(12));
    assert!(matches!(board.next(b(), VecDeque::len), Task::Send(items, _) if items.len() == 1));
    board.succeed(b(), 0, None);
    assert!(matches!(board.next(b(), VecDeque::len), Task::Done));
    assert_eq!(board.floor(), Position(13));
    assert!(board.servers.is_empty(), "who lacks nothing is forgotten");
}

#[test]
fn who_fails_is_behind_and_delays_nobody() {
    let mut board = Board::new(Position(10), Vec::new());
    post(&mut board, 11);
    turn(&mut board, 0);
    board.fail(b(), 1_000, None, "gone".to_owned());
    assert_eq!(board.floor(), Position(10), "until the row is written");
    let rows = board.unwritten();
    assert_eq!(rows[0].behind_from, Some(Position(10)));
    board.written(&rows[0]);
    assert_eq!(board.floor(), Position(11));
    post(&mut board, 12);
    assert_eq!(
        board.servers[b()].queue.len(),
        0,
        "what comes is looked up later"
    );
    assert!(board.due(1_001).is_empty(), "it is left alone for a while");
    assert!(board.hurry(b()));
    let Task::CatchUp(from, to) = turn(&mut board, 1_002) else {
        panic!("it has missed something");
    };
    assert_eq!((from, to), (Position(10), Position(12)));
    post(&mut board, 13);
    board.succeed(b(), 1_003, Some(to));
    assert!(
        matches!(board.next(b(), VecDeque::len), Task::CatchUp(from, _) if from == Position(12)),
        "something came in meanwhile"
    );
    board.succeed(b(), 1_004, Some(Position(13)));
    post(&mut board, 14);
    assert!(matches!(board.next(b(), VecDeque::len), Task::Send(items, _) if items.len() == 1));
}

#[test]
fn pauses_become_longer_and_end_somewhere() {
    let mut board = Board::new(Position(10), Vec::new());
    post(&mut board, 11);
    turn(&mut board, 0);
    let mut pauses = Vec::new();
    for _ in 0..40 {
        board.fail(b(), 0, None, String::new());
        pauses.push(board.servers[b()].next_try_ms);
    }
    assert!(pauses.is_sorted());
    assert!(pauses[0] >= FIRST_PAUSE_MS && pauses[0] < 2 * FIRST_PAUSE_MS);
    assert!(pauses[39] >= LONGEST_PAUSE_MS && pauses[39] < 2 * LONGEST_PAUSE_MS);
    board.fail(b(), 0, Some(u64::MAX), String::new());
    assert_eq!(board.servers[b()].next_try_ms, u64::MAX);
}

#[test]
fn a_slow_server_has_no_endless_queue() {
    let mut board = Board::new(Position(0), Vec::new());
    for position in 1..=2 * MAX_QUEUE as i64 {
        post(&mut board, position);
    }
    let server = &board.servers[b()];
    assert_eq!(server.queue.len(), 0);
    assert_eq!(server.behind_from, Some(Position(0)));
}

fn typing(is_typing: bool) -> HashMap<OwnedServerName, Moments> {
    let key = (owned_room_id!("!a:a.test"), owned_user_id!("@a:a.test"));
    let mut moments = Moments::default();
    moments.typing.insert(key, is_typing);
    [(owned_server_name!("b.test"), moments)].into()
}

#[test]
fn what_lives_for_a_moment_goes_alone_or_along_and_the_last_word_counts() {
    let mut board = Board::new(Position(10), Vec::new());
    board.post_moments(typing(true), 0);
    board.post_moments(typing(false), 0);
    let Task::Send(items, moments) = turn(&mut board, 0) else {
        panic!("something is to be sent");
    };
    assert!(items.is_empty());
    assert_eq!(moments.typing.into_values().collect::<Vec<_>>(), [false]);
    assert_eq!(board.floor(), Position(10), "it holds nothing back");
    board.succeed(b(), 0, None);
    assert!(matches!(board.next(b(), VecDeque::len), Task::Done));
    post(&mut board, 11);
    board.post_moments(typing(true), 0);
    assert!(matches!(turn(&mut board, 0), Task::Send(items, moments)
        if items.len() == 1 && moments.typing.len() == 1));
}

#[test]
fn a_server_that_fails_misses_what_lives_for_a_moment() {
    let mut board = Board::new(Position(10), Vec::new());
    board.post_moments(typing(true), 0);
    assert!(matches!(turn(&mut board, 0), Task::Send(..)));
    board.post_moments(typing(false), 0);
    board.fail(b(), 0, None, "gone".to_owned());
    assert!(board.due(100_000).is_empty(), "nothing is kept for it");
    board.post_moments(typing(true), 1);
    assert!(board.due(100_000).is_empty(), "nor gathered while it fails");
    // When it would be tried again, what is said then may be tried with.
    board.post_moments(typing(true), 100_000);
    assert!(matches!(turn(&mut board, 100_000), Task::Send(..)));
    board.succeed(b(), 100_000, None);
    assert!(matches!(board.next(b(), VecDeque::len), Task::Done));

    post(&mut board, 11);
    assert!(matches!(turn(&mut board, 200_000), Task::Send(..)));
    board.fail(b(), 200_000, None, "gone".to_owned());
    board.post_moments(typing(true), 900_000_000);
    assert!(matches!(turn(&mut board, 900_000_000), Task::CatchUp(..)));
    board.succeed(b(), 900_000_000, Some(Position(11)));
    assert!(matches!(board.next(b(), VecDeque::len), Task::Done));
}
