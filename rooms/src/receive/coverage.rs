//! How far whole states go in the index of auth chains, kept for rooms that fork.

use std::sync::Arc;

use causeway_events::auth_index::{Coverage, Indexed};
use causeway_store::graph::load_reaches;
use causeway_store::{RoomNid, StateRef, StoreError};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::graph::Graph;
use crate::heads::indexed;

/// What all of these may take in memory, in bytes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What one entry of a state takes, in bytes: its place, and its share of the maps.
const ENTRY_BYTES: u64 = 72;

/// Rooms for which the cache makes room at first.
const EXPECTED_ROOMS: usize = 1024;

/// A state with how far it goes.
#[derive(Debug)]
pub(super) struct Covered {
    pub(super) at: StateRef,
    pub(super) coverage: Coverage,
    entries: u64,
}

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<RoomNid, Arc<Covered>> for ByBytes {
    fn weight(&self, _: &RoomNid, covered: &Arc<Covered>) -> u64 {
        (covered.entries + 1) * ENTRY_BYTES
    }
}

/// One state of each room that forked lately.
#[derive(Debug)]
pub(crate) struct Coverages(Cache<RoomNid, Arc<Covered>, ByBytes>);

impl Coverages {
    pub(crate) fn new() -> Self {
        Self(Cache::with_weighter(EXPECTED_ROOMS, MAX_BYTES, ByBytes))
    }

    /// A state of the room, `at` unless another one is known. `at` must be in the database.
    pub(super) async fn of(
        &self,
        graph: &mut Graph,
        at: StateRef,
    ) -> Result<Arc<Covered>, StoreError> {
        if let Some(known) = self.0.get(&graph.room)
            && graph.has_line(known.at).await?
        {
            return Ok(known);
        }
        self.measure(graph, at).await
    }

    /// Reads how far a state goes.
    pub(super) async fn measure(
        &self,
        graph: &mut Graph,
        at: StateRef,
    ) -> Result<Arc<Covered>, StoreError> {
        let whole = graph.whole(at).await?;
        let events: Vec<_> = whole.iter().map(|(_, event)| *event).collect();
        let mut coverage = Coverage::default();
        for (_, place) in load_reaches(graph.store(), graph.room, &events).await? {
            if let Some(entry) = indexed(Some(place))? {
                coverage.add(&entry);
            }
        }
        let covered = Arc::new(Covered {
            at,
            coverage,
            entries: u64::try_from(events.len()).unwrap_or(0),
        });
        self.0.insert(graph.room, covered.clone());
        Ok(covered)
    }
}

impl Covered {
    /// How far the state goes on a chain, with some entries taken out and others put in.
    pub(super) fn extent(&self, chain: u64, without: &[&Indexed], with: &[&Indexed]) -> u32 {
        let rest = self.coverage.extent_without(chain, without);
        let added = with.iter().map(|entry| entry.extent(chain)).max();
        rest.max(added.unwrap_or(0))
    }
}
