//! Bundled aggregations: what relates to the events of an answer (client-server, Relationships).

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use causeway_store::timeline::{AggregatedEvent, AggregationQuery, aggregations};
use causeway_store::{RoomNid, StoreError};
use ruma::OwnedUserId;

use crate::answer::JoinedRoom;
use crate::engine::Inner;

/// Which events are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked<'a> {
    /// All but state events.
    All {
        /// The rooms that the reader has left, with the last position that they may see.
        left: &'a HashMap<RoomNid, i64>,
    },
    /// Those that are known to have something that relates to them: none, mostly.
    KnownParents,
}

/// Adds what relates to the events in the timelines of rooms: one query, or none.
///
/// # Errors
/// If the database does not answer.
pub(crate) async fn bundle(
    inner: &Inner,
    reader: &OwnedUserId,
    ignored: &HashSet<OwnedUserId>,
    rooms: &mut [&mut JoinedRoom],
    asked: Asked<'_>,
) -> Result<(), StoreError> {
    let ids: Vec<(RoomNid, String)> = rooms
        .iter()
        .flat_map(|room| {
            let events = room.timeline.iter().map(|shown| &shown.event);
            let wanted = events.filter(|event| match asked {
                Asked::All { .. } => event.pdu.state_key().is_none(),
                Asked::KnownParents => event.is_parent.load(Ordering::Relaxed),
            });
            wanted.map(|event| (room.nid, event.pdu.event_id().to_string()))
        })
        .collect();
    if ids.is_empty() {
        return Ok(());
    }
    let events = ids.iter().map(|(room, id)| AggregatedEvent {
        room: *room,
        event_id: id,
        until: match asked {
            Asked::All { left } => left.get(room).copied(),
            Asked::KnownParents => None,
        },
    });
    let events: Vec<_> = events.collect();
    let ignored: Vec<String> = ignored.iter().map(ToString::to_string).collect();
    let query = AggregationQuery {
        events: &events,
        user: reader,
        ignored: &ignored,
    };
    let found = aggregations(&inner.store, query).await?;
    if found.is_empty() {
        return Ok(());
    }
    let now_ms = inner.clock.now_ms();
    for shown in rooms.iter_mut().flat_map(|room| &mut room.timeline) {
        if let Some(related) = found.get(shown.event.pdu.event_id().as_str()) {
            shown.relations = Some(related.to_json(now_ms)?.into());
        }
    }
    Ok(())
}
