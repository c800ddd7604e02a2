//! The heads in memory, and how they get there.

use std::sync::Arc;

use causeway_events::auth_index::{Indexed, Place, Reach};
use causeway_events::{Pdu, Reference, RoomVersion};
use causeway_store::log::ChainPlace;
use causeway_store::rooms::{
    MemberRow, RoomRow, find_by_nid, find_members, find_room, load_current_state,
};
use causeway_store::{RoomNid, Store, StoreError};
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, RoomVersionId};

use crate::head::{End, Head, StateEntry};
use crate::write::LoadError;

/// One room's place in memory. The lock is held for the time of building an event, never across
/// a wait.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// The head that the next event is built on; it may be ahead of what is committed.
    pub(crate) head: Option<Head>,
    /// Grows whenever the head is thrown away.
    pub(crate) generation: u64,
}

/// A room in memory.
#[derive(Debug, Default)]
pub(crate) struct Warm {
    pub(crate) slot: Mutex<Slot>,
    /// Held while the head is loaded, so that a crowd of senders loads it once.
    loading: tokio::sync::Mutex<()>,
    /// Held by whoever takes in events of other servers: they would only get in each other's way.
    pub(crate) receiving: tokio::sync::Mutex<()>,
    /// Held by senders of this server in a room with a policy server, which is asked about the event as
    /// it will be: nobody is to move the head meanwhile.
    pub(crate) signing: tokio::sync::Mutex<()>,
    /// Senders of this server pass through it, all at once, until whoever takes in events of other
    /// servers finds the head moved again and again, and closes it for one attempt. It is taken
    /// before a place in the log's queue, so nobody waits for a place behind a closed gate.
    pub(crate) gate: tokio::sync::RwLock<()>,
}

/// Attempts to take events in beside our own senders; then they wait for one attempt.
const OPEN_ATTEMPTS: u32 = 2;

impl Warm {
    /// Keeps our own senders out, if that has become necessary.
    pub(crate) async fn close_gate(
        &self,
        attempt: u32,
    ) -> Option<tokio::sync::RwLockWriteGuard<'_, ()>> {
        if attempt < OPEN_ATTEMPTS {
            return None;
        }
        Some(self.gate.write().await)
    }

    /// Throws the head away if it is still of that generation.
    pub(crate) fn discard(&self, generation: u64) {
        let mut slot = self.slot.lock();
        if slot.generation == generation {
            slot.head = None;
            slot.generation += 1;
        }
    }
}

/// All heads in memory, bounded by their number. A room that is pushed out while somebody writes
/// to it is harmless: the log compares versions.
#[derive(Debug)]
pub(crate) struct Heads {
    store: Store,
    warm: Cache<OwnedRoomId, Arc<Warm>>,
}

impl Heads {
    pub(crate) fn new(store: Store, capacity: usize) -> Self {
        Self {
            store,
            warm: Cache::new(capacity),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.warm.len()
    }

    pub(crate) fn warm(&self, room_id: &RoomId) -> Arc<Warm> {
        if let Some(warm) = self.warm.get(room_id) {
            return warm;
        }
        let make = || Ok::<_, std::convert::Infallible>(Arc::new(Warm::default()));
        match self.warm.get_or_insert_with(&room_id.to_owned(), make) {
            Ok(warm) => warm,
            Err(never) => match never {},
        }
    }

    /// Throws a room's head away.
    pub(crate) fn forget(&self, room_id: &RoomId) {
        let warm = self.warm(room_id);
        let mut slot = warm.slot.lock();
        slot.head = None;
        slot.generation += 1;
    }

    /// The head, loaded if need be.
    pub(crate) async fn head(&self, room_id: &RoomId) -> Result<Head, LoadError> {
        let warm = self.warm(room_id);
        if let Some(head) = warm.slot.lock().head.clone() {
            metrics::counter!("causeway_room_heads_total", "result" => "hit").increment(1);
            return Ok(head);
        }
        let _loading = warm.loading.lock().await;
        let generation = {
            let slot = warm.slot.lock();
            if let Some(head) = &slot.head {
                return Ok(head.clone());
            }
            slot.generation
        };
        metrics::counter!("causeway_room_heads_total", "result" => "miss").increment(1);
        let head = load(&self.store, room_id).await?;
        let mut slot = warm.slot.lock();
        if slot.generation == generation && slot.head.is_none() {
            slot.head = Some(head.clone());
        }
        Ok(head)
    }

    /// Lets the head remember some users' memberships.
    pub(crate) async fn remember(
        &self,
        room_id: &RoomId,
        users: &[OwnedUserId],
    ) -> Result<Head, LoadError> {
        let head = self.head(room_id).await?;
        let unknown: Vec<&str> = users
            .iter()
            .filter(|user| head.remembered_member(user).is_none())
            .map(|user| user.as_str())
            .collect();
        if unknown.is_empty() {
            return Ok(head);
        }
        let rows = find_members(&self.store, head.room(), &unknown).await?;
        let mut found = rows
            .into_iter()
            .map(|row| member_entry(head.version(), row))
            .collect::<Result<Vec<_>, _>>()?;
        let mut entry_of = |user: &OwnedUserId| {
            let at = found
                .iter()
                .position(|entry| entry.pdu.state_key() == Some(user.as_str()))?;
            Some(found.swap_remove(at))
        };
        let warm = self.warm(room_id);
        let mut slot = warm.slot.lock();
        // A membership that was written meanwhile is newer than what was read.
        let mut current = slot.head.clone().unwrap_or(head);
        for user in users {
            if current.remembered_member(user).is_none() {
                current.remember(user.clone(), entry_of(user));
            }
        }
        if slot.head.is_some() {
            slot.head = Some(current.clone());
        }
        Ok(current)
    }
}

async fn load(store: &Store, room_id: &RoomId) -> Result<Head, LoadError> {
    let row: RoomRow = find_room(store, room_id)
        .await?
        .ok_or(LoadError::NoSuchRoom)?;
    let version = RoomVersionId::try_from(row.version.as_str())
        .ok()
        .and_then(|id| RoomVersion::find(&id))
        .ok_or_else(|| corrupt("rooms", row.room))?;
    let ends = ends(store, version, &row).await?;
    let mut head = Head::new(
        row.room,
        room_id.to_owned(),
        version,
        row.partial_state,
        row.head,
        ends,
    );
    head.line_end = row.line_end;
    head.line_height = row.line_height;
    for state in load_current_state(store, row.room).await? {
        let pdu = stored(version, row.room, &state.event_id, state.json)?;
        let index = indexed(state.index)?;
        head.set(StateEntry {
            key: state.key,
            nid: state.event,
            pdu,
            index,
            is_end: state.is_end,
        });
    }
    Ok(head)
}

/// The room's ends as the next event names them. Where ids are no hashes (versions 1 and 2), the
/// events themselves are read.
async fn ends(store: &Store, version: RoomVersion, row: &RoomRow) -> Result<Vec<End>, StoreError> {
    let references = references(store, version, row).await?;
    let states = row.extremity_states.iter();
    let ends = row.head.extremities.iter().zip(references).zip(states);
    let ends: Vec<End> = ends
        .map(|((nid, reference), state)| End {
            nid: *nid,
            reference,
            state: *state,
        })
        .collect();
    if ends.len() == row.head.extremities.len() {
        Ok(ends)
    } else {
        Err(corrupt("room_heads", row.room))
    }
}

async fn references(
    store: &Store,
    version: RoomVersion,
    row: &RoomRow,
) -> Result<Vec<Reference>, StoreError> {
    if !version.event_id_is_field() {
        let ids = row.extremity_ids.iter().map(|id| {
            let id = OwnedEventId::try_from(id.as_str());
            id.map(Reference::from)
                .map_err(|_| corrupt("events", row.room))
        });
        return ids.collect();
    }
    let mut events = find_by_nid(store, row.room, &row.head.extremities).await?;
    let mut references = Vec::with_capacity(events.len());
    for nid in &row.head.extremities {
        let at = events.iter().position(|event| event.nid == *nid);
        let event = events.swap_remove(at.ok_or_else(|| corrupt("events", row.room))?);
        let pdu = stored(version, row.room, &event.event_id, event.json)?;
        references.push(Reference::to(version, &pdu));
    }
    Ok(references)
}

pub(crate) fn member_entry(version: RoomVersion, row: MemberRow) -> Result<StateEntry, StoreError> {
    let pdu = stored(version, RoomNid(0), &row.event_id, row.json)?;
    let index = indexed(row.index)?;
    Ok(StateEntry {
        key: row.key,
        nid: row.event,
        pdu,
        index,
        is_end: row.is_end,
    })
}

pub(crate) fn indexed(row: Option<ChainPlace>) -> Result<Option<Arc<Indexed>>, StoreError> {
    let Some(row) = row else { return Ok(None) };
    let corrupt = || StoreError::Corrupt {
        table: "events",
        id: format!("chain {}/{}", row.chain, row.seq),
    };
    let reach = Reach::unpack(&row.reach).map_err(|_| corrupt())?;
    let place = Place {
        chain: u64::try_from(row.chain.0).map_err(|_| corrupt())?,
        seq: u32::try_from(row.seq).map_err(|_| corrupt())?,
    };
    Ok(Some(Arc::new(Indexed { place, reach })))
}

/// An event as it was stored.
pub(crate) fn stored(
    version: RoomVersion,
    room: RoomNid,
    event_id: &str,
    json: String,
) -> Result<Pdu, StoreError> {
    let id = OwnedEventId::try_from(event_id).map_err(|_| corrupt("events", room))?;
    Pdu::from_stored(version, id, json).map_err(|_| StoreError::Corrupt {
        table: "events",
        id: event_id.to_owned(),
    })
}

pub(crate) fn corrupt(table: &'static str, room: RoomNid) -> StoreError {
    StoreError::Corrupt {
        table,
        id: room.to_string(),
    }
}
