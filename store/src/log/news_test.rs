use crate::Position;
use crate::log::{Committed, Entry, LogEntry};
use ruma::user_id;
use tokio::sync::broadcast;

use super::News;

fn batch(positions: std::ops::RangeInclusive<i64>) -> Committed {
    let entry = |position| LogEntry {
        position: Position(position),
        entry: Entry::DeviceList(user_id!("@a:b").to_owned()),
    };
    positions.map(entry).collect::<Vec<_>>().into()
}

fn after(news: &mut News, cursor: i64, limit: usize) -> Vec<i64> {
    let entries = news.after(Position(cursor), limit);
    entries.iter().map(|entry| entry.position.0).collect()
}

fn tail_of(batches: impl IntoIterator<Item = Committed>) -> (broadcast::Sender<Committed>, News) {
    let (sender, tail) = broadcast::channel(4);
    for batch in batches {
        sender.send(batch).expect("the tail is there");
    }
    (sender, News::of(tail))
}

#[test]
fn takes_what_follows_and_keeps_what_is_too_much() {
    let (sender, mut news) = tail_of([batch(1..=3), batch(4..=8)]);
    assert_eq!(after(&mut news, 0, 5), [1, 2, 3, 4, 5]);
    sender.send(batch(9..=9)).expect("the tail is there");
    assert_eq!(after(&mut news, 5, 5), [6, 7, 8, 9]);
    assert!(after(&mut news, 9, 5).is_empty());
}

#[test]
fn stops_at_what_another_process_wrote() {
    let (_sender, mut news) = tail_of([batch(1..=2), batch(5..=6)]);
    assert_eq!(after(&mut news, 0, 10), [1, 2]);
    // 3 and 4 stand in the tables alone.
    assert!(after(&mut news, 2, 10).is_empty());
    assert_eq!(after(&mut news, 4, 10), [5, 6]);
}

#[test]
fn passes_over_what_was_read_out_of_the_tables() {
    let (_sender, mut news) = tail_of([batch(1..=4), batch(5..=6)]);
    assert_eq!(after(&mut news, 5, 10), [6]);
    assert!(after(&mut news, 6, 10).is_empty());
}

#[test]
fn begins_anew_where_it_lagged() {
    let (sender, mut news) = tail_of([batch(1..=1)]);
    for position in 2..=7 {
        sender
            .send(batch(position..=position))
            .expect("the tail is there");
    }
    // The tail holds four batches: 4 to 7.
    assert!(after(&mut news, 0, 10).is_empty());
    assert_eq!(after(&mut news, 3, 10), [4, 5, 6, 7]);
}
