//! A client that keeps a room's whole timeline and notices each gap and each repeat.

use std::collections::HashSet;

use serde_json::Value;

use crate::reader::{Reader, ids, joined, timeline};

/// Most pages that one gap may take to fill.
const MAX_GAP_PAGES: usize = 200;

/// Events per page when a gap is filled.
const GAP_PAGE: usize = 50;

/// Follows one room as a careful client does: a limited timeline is completed through
/// `/messages` from its `prev_batch` back to what is known.
pub struct Follower {
    reader: Reader,
    room: String,
    order: Vec<String>,
    known: HashSet<String>,
    /// How many timelines came limited.
    pub gaps: usize,
}

impl Follower {
    /// Starts to follow with the reader's next round.
    #[must_use]
    pub fn new(reader: Reader, room: &str) -> Self {
        let room = room.to_owned();
        Self {
            reader,
            room,
            order: Vec::new(),
            known: HashSet::new(),
            gaps: 0,
        }
    }

    /// The event ids of the room's timeline so far, oldest first.
    #[must_use]
    pub fn order(&self) -> &[String] {
        &self.order
    }

    /// The reader underneath.
    pub fn reader(&mut self) -> &mut Reader {
        &mut self.reader
    }

    /// One round of sync.
    ///
    /// # Panics
    /// When an event comes a second time, or a gap cannot be filled.
    pub async fn round(&mut self, timeout_ms: u64) -> Value {
        let sync = self.reader.round(timeout_ms).await;
        assert!(self.take(&sync).await, "the gap cannot be filled");
        sync
    }

    /// As [`Follower::round`], for tests that stop the server under the request. Without an
    /// answer nothing changes.
    pub async fn try_round(&mut self, timeout_ms: u64) -> bool {
        let Ok(reply) = self.reader.call(timeout_ms).try_reply().await else {
            return false;
        };
        if reply.status != 200 {
            return false;
        }
        let sync = reply.json();
        if !self.take(&sync).await {
            return false;
        }
        let token = sync["next_batch"].as_str().unwrap_or_default();
        self.reader.set_token(token);
        true
    }

    /// Takes an answer in; false, with nothing changed, when its gap could not be filled.
    async fn take(&mut self, sync: &Value) -> bool {
        if joined(sync, &self.room).is_null() {
            return true;
        }
        let news = ids(timeline(sync, &self.room));
        if joined(sync, &self.room)["timeline"]["limited"] == true {
            let prev = joined(sync, &self.room)["timeline"]["prev_batch"].as_str();
            let prev = prev.expect("a limited timeline has a prev_batch");
            let Some(missing) = self.fill(prev).await else {
                return false;
            };
            self.gaps += 1;
            self.append(&missing);
        }
        self.append(&news);
        true
    }

    /// The events between what is known and `prev_batch`, oldest first; nothing if a page gets no
    /// answer.
    async fn fill(&self, prev_batch: &str) -> Option<Vec<String>> {
        let mut backwards = Vec::new();
        let mut from = prev_batch.to_owned();
        for _ in 0..MAX_GAP_PAGES {
            let client = self.reader.client();
            let call = client.messages(&self.room, "b", Some(&from), GAP_PAGE);
            let reply = call.try_reply().await.ok()?;
            assert_eq!(reply.status, 200, "{}", reply.json());
            let page = reply.json();
            let chunk = page["chunk"].as_array().cloned().unwrap_or_default();
            for id in ids(&chunk) {
                if self.known.contains(&id) {
                    backwards.reverse();
                    return Some(backwards);
                }
                backwards.push(id);
            }
            let Some(end) = page["end"].as_str() else {
                assert!(
                    self.order.is_empty(),
                    "the gap does not reach back to what is known"
                );
                backwards.reverse();
                return Some(backwards);
            };
            from = end.to_owned();
        }
        panic!("the gap before {prev_batch} does not end")
    }

    fn append(&mut self, events: &[String]) {
        for id in events {
            assert!(self.known.insert(id.clone()), "{id} came a second time");
            self.order.push(id.clone());
        }
    }
}
