//! Auth chains, by their index.

use std::collections::HashMap;

use causeway_events::{Pdu, RoomVersion};
use causeway_store::graph::{
    NodeRow, Piece, find_nodes, find_nodes_by_nid, find_pieces, load_reaches,
};
use causeway_store::{EventNid, StoreError};
use ruma::EventId;

use super::ServeError;
use crate::head::Head;
use crate::heads::{indexed, stored};
use crate::rooms::Rooms;

/// Events read in one query.
const READ_AT_ONCE: usize = 10_000;

impl Rooms {
    /// An event of a room by its id.
    pub(super) async fn node(&self, head: &Head, id: &EventId) -> Result<NodeRow, ServeError> {
        let mut nodes = find_nodes(self.store(), head.room(), &[id.as_str()]).await?;
        nodes.pop().ok_or(ServeError::NoSuchEvent)
    }

    /// Events of a room by their numbers, in that order.
    pub(super) async fn pdus(
        &self,
        head: &Head,
        nids: &[EventNid],
    ) -> Result<Vec<Pdu>, StoreError> {
        let rows = self.nodes(head, nids).await?;
        let pdus = rows.into_iter().map(|row| pdu(head, row));
        pdus.collect()
    }

    pub(super) async fn nodes(
        &self,
        head: &Head,
        nids: &[EventNid],
    ) -> Result<Vec<NodeRow>, StoreError> {
        let mut found: HashMap<EventNid, NodeRow> = HashMap::with_capacity(nids.len());
        for nids in nids.chunks(READ_AT_ONCE) {
            let rows = find_nodes_by_nid(self.store(), head.room(), nids).await?;
            found.extend(rows.into_iter().map(|row| (row.nid, row)));
        }
        Ok(nids.iter().filter_map(|nid| found.remove(nid)).collect())
    }

    /// Some state events, and all that authorises them, directly or not. A few queries, however long
    /// the chains are.
    pub(super) async fn auth_chain(
        &self,
        head: &Head,
        events: &[EventNid],
    ) -> Result<Vec<EventNid>, StoreError> {
        let mut up_to: HashMap<u64, u32> = HashMap::new();
        let mut reach = |chain: u64, seq: u32| {
            let highest = up_to.entry(chain).or_default();
            *highest = seq.max(*highest);
        };
        for events in events.chunks(READ_AT_ONCE) {
            for (_, place) in load_reaches(self.store(), head.room(), events).await? {
                let Some(index) = indexed(Some(place))? else {
                    continue;
                };
                reach(index.place.chain, index.place.seq);
                index
                    .reach
                    .iter()
                    .for_each(|(chain, seq)| reach(chain, seq));
            }
        }
        let pieces: Vec<Piece> = up_to
            .into_iter()
            .map(|(chain, seq)| Piece {
                chain: EventNid(chain.cast_signed()),
                after: 0,
                up_to: i32::try_from(seq).unwrap_or(i32::MAX),
            })
            .collect();
        let mut chain = Vec::with_capacity(pieces.len());
        for pieces in pieces.chunks(READ_AT_ONCE) {
            chain.extend(find_pieces(self.store(), head.room(), pieces).await?);
        }
        chain.sort_unstable();
        chain.dedup();
        Ok(chain)
    }
}

/// The event of a row.
pub(super) fn pdu(head: &Head, row: NodeRow) -> Result<Pdu, StoreError> {
    let version: RoomVersion = head.version();
    stored(version, head.room(), &row.event_id, row.json)
}
