//! Sorts pending changes into what one transaction writes.

use std::collections::HashMap;

use super::change::{Change, RoomBatch};
use super::{AppendError, Pending};
use crate::ids::RoomNid;

/// The pending changes of one transaction.
#[derive(Default)]
pub(super) struct Batch {
    /// Per room, the changes in order; each was built on the head that the one before left.
    pub(super) rooms: Vec<Vec<Pending>>,
    /// All other changes, in order.
    pub(super) others: Vec<Pending>,
}

impl Batch {
    /// Sorts. Room changes that do not follow from the one before them are answered at once.
    pub(super) fn sort(pending: Vec<Pending>) -> Self {
        let mut batch = Self::default();
        let mut index: HashMap<RoomNid, usize> = HashMap::new();
        for item in pending {
            let Change::Room(room) = &item.change else {
                batch.others.push(item);
                continue;
            };
            match index.get(&room.room) {
                None => {
                    index.insert(room.room, batch.rooms.len());
                    batch.rooms.push(vec![item]);
                }
                Some(&at)
                    if batch.rooms[at]
                        .last()
                        .is_some_and(|last| follows(last, room)) =>
                {
                    batch.rooms[at].push(item);
                }
                Some(_) => answer(item, Err(AppendError::Stale)),
            }
        }
        batch
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rooms.is_empty() && self.others.is_empty()
    }

    /// One batch for each room, and for each other change.
    pub(super) fn into_parts(self) -> Vec<Self> {
        let rooms = self.rooms.into_iter().map(|room| Self {
            rooms: vec![room],
            others: Vec::new(),
        });
        let others = self.others.into_iter().map(|other| Self {
            rooms: Vec::new(),
            others: vec![other],
        });
        rooms.chain(others).collect()
    }

    /// All changes again, in an order that [`Batch::sort`] accepts.
    pub(super) fn into_pending(self) -> Vec<Pending> {
        self.rooms
            .into_iter()
            .flatten()
            .chain(self.others)
            .collect()
    }
}

fn follows(last: &Pending, next: &RoomBatch) -> bool {
    room_of(last).is_some_and(|last| last.head.version == next.expected_version)
}

/// The room batch of a pending change, if it is one.
pub(super) fn room_of(pending: &Pending) -> Option<&RoomBatch> {
    match &pending.change {
        Change::Room(batch) => Some(batch),
        _ => None,
    }
}

/// Answers the sender, who may have gone.
pub(super) fn answer(pending: Pending, result: Result<crate::ids::Position, AppendError>) {
    let _ = pending.done.send(result);
}
