//! Building events on a head: no waiting, no database.

use std::sync::Arc;

use causeway_events::auth::{AuthError, auth_types, authorise};
use causeway_events::auth_index::{Indexed, assign};
use causeway_events::canonical::MAX_INT;
use causeway_events::{Draft, Pdu, Placement, Reference, ServerKey};
use causeway_store::log::{
    ChainPlace, CurrentEntry, EventRecord, HeadRow, NewLine, NewRoom, RedactedEvent, RoomBatch,
    SentBy, StateStep,
};
use causeway_store::{EventNid, KeyNid, StateRef};
use ruma::{OwnedRoomId, OwnedServerName, OwnedUserId, RoomId, UserId};

use super::error::WriteError;
use super::record;
use crate::head::{End, Head, StateEntry};
use crate::policy::Signed;

/// A draft with what was looked up for it before the head was locked.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) draft: Draft,
    /// Of state events.
    pub(crate) key: Option<KeyNid>,
    /// The number it will have.
    pub(crate) nid: EventNid,
    pub(crate) sent_by: Option<SentBy>,
    /// What it redacts, already redacted.
    pub(crate) redacted: Option<(EventNid, Pdu)>,
}

/// What building came to.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) batch: RoomBatch,
    pub(crate) head: Head,
}

/// Why it came to nothing.
#[derive(Debug)]
pub(crate) enum Hindrance {
    /// The head does not remember these users.
    Unknown(Vec<OwnedUserId>),
    Refused(WriteError),
}

impl<E: Into<WriteError>> From<E> for Hindrance {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// Builds events one upon the other.
pub(crate) struct Builder<'a> {
    key: &'a ServerKey,
    server: &'a OwnedServerName,
    head: Head,
    batch: RoomBatch,
    /// Events that the room's policy server has signed.
    signed: Option<&'a Signed>,
}

impl<'a> Builder<'a> {
    /// Starts at a room's head.
    pub(crate) fn new(key: &'a ServerKey, server: &'a OwnedServerName, head: Head) -> Self {
        let batch = RoomBatch {
            room: head.room(),
            creation: None,
            expected_version: head.row.version,
            head: head.row.clone(),
            events: Vec::new(),
            lines: Vec::new(),
            steps: Vec::new(),
            current: Vec::new(),
            redacted: Vec::new(),
            missing: Vec::new(),
        };
        Self {
            key,
            server,
            head,
            batch,
            signed: None,
        }
    }

    /// Puts events in as a policy server has signed them.
    pub(crate) fn with_signed(mut self, signed: Option<&'a Signed>) -> Self {
        self.signed = signed;
        self
    }

    /// Says that the room is to be made.
    pub(crate) fn creating(mut self, new: NewRoom) -> Self {
        self.batch.creation = Some(new);
        self.batch.lines.push(NewLine {
            line: 0,
            parent: None,
            height: 0,
        });
        self.head.row.next_line = 1;
        self
    }

    /// Adds one event.
    pub(crate) fn add(&mut self, wish: &Wish) -> Result<(), Hindrance> {
        let version = self.head.version();
        let draft = &wish.draft;
        let types = auth_types(
            version,
            &draft.event_type,
            &draft.sender,
            draft.state_key.as_deref(),
            &draft.content,
        )?;
        self.check_remembered(&types, draft)?;
        let auth: Vec<&StateEntry> = types
            .iter()
            .filter_map(|(t, k)| self.head.entry(t, k))
            .collect();
        let auth_events: Vec<Reference> = auth
            .iter()
            .map(|entry| Reference::to(version, &entry.pdu))
            .collect();
        let auth_nids = auth.iter().map(|entry| entry.nid).collect();
        let prev_events: Vec<Reference> = self
            .head
            .next_prev()
            .into_iter()
            .map(|end| end.reference.clone())
            .collect();
        let placement = Placement {
            room_id: self.placement_room(draft),
            prev_events: &prev_events,
            auth_events: &auth_events,
            depth: u64::try_from(next_depth(self.head.row.depth)).unwrap_or(0),
        };
        let pdu = draft.build(version, &placement, self.key)?;
        authorise(version, &pdu, |t, k| {
            self.head.entry(t, k).map(|entry| entry.pdu.clone())
        })?;
        let signed = self.signed.and_then(|signed| signed.get(pdu.event_id()));
        let pdu = signed.cloned().unwrap_or(pdu);
        let index = wish.key.map(|_| self.index(&auth, &pdu, wish.nid));
        self.take_in(wish, pdu, auth_nids, index);
        Ok(())
    }

    /// The create event of a room whose id is derived from it has none.
    fn placement_room(&self, draft: &Draft) -> Option<&RoomId> {
        let derived =
            self.head.version().room_id_is_create_hash() && draft.event_type == "m.room.create";
        (!derived).then(|| self.head.room_id())
    }

    fn check_remembered(&self, types: &[(String, String)], draft: &Draft) -> Result<(), Hindrance> {
        let named = types
            .iter()
            .filter(|(t, _)| t == "m.room.member")
            .map(|(_, user)| user.as_str());
        let mut unknown = Vec::new();
        for user in named.chain([draft.sender.as_str()]) {
            let user = UserId::parse(user).map_err(|error| AuthError {
                reason: error.to_string(),
            })?;
            if self.head.remembered_member(&user).is_none() && !unknown.contains(&user) {
                unknown.push(user);
            }
        }
        if unknown.is_empty() {
            Ok(())
        } else {
            Err(Hindrance::Unknown(unknown))
        }
    }

    /// The place of a state event in the index of auth chains.
    fn index(&self, auth: &[&StateEntry], pdu: &Pdu, nid: EventNid) -> Arc<Indexed> {
        let state_key = pdu.state_key().unwrap_or_default();
        let replaces = auth
            .iter()
            .find(|entry| entry.pdu.is_state(pdu.event_type(), state_key));
        let indexed: Vec<&Indexed> = auth
            .iter()
            .filter_map(|entry| entry.index.as_deref())
            .collect();
        let is_end = replaces.is_some_and(|entry| entry.is_end);
        let replaced = replaces.and_then(|entry| entry.index.as_deref());
        Arc::new(assign(&indexed, replaced, |_| is_end, nid.0.unsigned_abs()))
    }

    fn take_in(&mut self, wish: &Wish, pdu: Pdu, auth: Vec<EventNid>, index: Option<Arc<Indexed>>) {
        let prev: Vec<EventNid> = self.head.next_prev().iter().map(|end| end.nid).collect();
        self.head.row.depth = next_depth(self.head.row.depth);
        // Numbers of events are unique, so no two heads of a room ever have the same version.
        self.head.row.version = wish.nid.0;
        if let Some(key) = wish.key {
            let (at, line) = self.head.next_step();
            self.batch.lines.extend(line);
            self.batch.steps.push(StateStep {
                at,
                key,
                event: wish.nid,
            });
        }
        let state = self.head.row.state;
        let mut ends = std::mem::take(&mut self.head.ends);
        ends.retain(|end| !prev.contains(&end.nid));
        ends.push(End {
            nid: wish.nid,
            reference: Reference::to(self.head.version(), &pdu),
            state,
        });
        self.head.set_ends(ends);
        let chain = index.as_deref().map(chain_place);
        let (replaces, member) = self.enter_state(wish, &pdu, index);
        if let Some((target, left)) = &wish.redacted {
            self.batch.redacted.push(RedactedEvent {
                target: *target,
                target_id: left.owned_event_id().clone(),
                json: left.json().to_owned(),
                redaction: wish.nid,
            });
            self.head.replace_redacted(*target, left);
        }
        self.batch.events.push(Arc::new(EventRecord {
            room: self.head.room(),
            nid: wish.nid,
            flags: 0,
            state,
            current: None,
            resolved: Vec::new(),
            key: wish.key,
            replaces,
            chain,
            sent_by: wish.sent_by.clone(),
            prev,
            auth,
            relation: record::relation(&pdu),
            member,
            redacts: wish
                .redacted
                .as_ref()
                .map(|(_, left)| left.owned_event_id().clone()),
            was_outlier: false,
            place: None,
            was_wanted: false,
            pdu,
        }));
    }

    fn enter_state(
        &mut self,
        wish: &Wish,
        pdu: &Pdu,
        index: Option<Arc<Indexed>>,
    ) -> (
        Option<causeway_store::log::Replaced>,
        Option<causeway_store::log::MemberChange>,
    ) {
        let Some(key) = wish.key else {
            return (None, None);
        };
        let old = self.head.set(StateEntry {
            key,
            nid: wish.nid,
            pdu: pdu.clone(),
            index,
            is_end: true,
        });
        let member = record::member_change(
            pdu,
            old.as_ref().and_then(StateEntry::membership),
            self.server,
        );
        match &member {
            Some(change) => record::count(&mut self.head.row, change),
            None => self.batch.current.push(CurrentEntry {
                key,
                event: Some(wish.nid),
            }),
        }
        let replaces = old.map(|old| causeway_store::log::Replaced {
            nid: old.nid,
            pdu: old.pdu,
        });
        (replaces, member)
    }

    /// The whole batch, and the head after it.
    pub(crate) fn finish(mut self) -> Built {
        self.batch.head = self.head.row.clone();
        Built {
            batch: self.batch,
            head: self.head,
        }
    }
}

/// An entry of the index of auth chains as it is stored. Numbers of events are positive `i64`s.
pub(crate) fn chain_place(index: &Indexed) -> ChainPlace {
    ChainPlace {
        chain: EventNid(index.place.chain.cast_signed()),
        seq: i32::try_from(index.place.seq).unwrap_or(i32::MAX),
        reach: index.reach.pack(),
    }
}

/// The depth of an event that follows on one of this depth. It ends where the numbers of
/// canonical JSON do: a room stays usable whatever depth a stranger claims.
pub(crate) fn next_depth(depth: i64) -> i64 {
    depth.saturating_add(1).min(MAX_INT)
}

/// The head of a room that has no events yet.
pub(crate) fn empty_head(
    room: causeway_store::RoomNid,
    room_id: OwnedRoomId,
    version: causeway_events::RoomVersion,
    creator: &UserId,
) -> Head {
    let row = HeadRow {
        version: 0,
        depth: 0,
        extremities: Vec::new(),
        state: StateRef { line: 0, step: 0 },
        next_line: 1,
        joined_members: 0,
        invited_members: 0,
    };
    let mut head = Head::new(room, room_id, version, false, row, Vec::new());
    head.remember(creator.to_owned(), None);
    head
}
