//! One event after another is weighed against the room and added to a batch.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use causeway_events::Pdu;
use causeway_events::auth::{AuthError, auth_types, authorise, check_auth_events};
use causeway_store::graph::{list_redactions_of, list_wanted};
use causeway_store::log::{REJECTED, RoomBatch, SOFT_FAILED};
use causeway_store::{EventNid, KeyNid, RoomNid, StateRef, StoreError};
use ruma::{EventId, OwnedEventId};

use super::Outcome;
use super::graph::{Graph, Node};
use crate::head::{End, Head};
use crate::rooms::Parts;

/// Changes of the current state in one batch from which on the next event waits for another one.
const FULL_CHANGES: usize = 1_000;

/// Different states of a room's ends in one batch from which on the next event waits until they are
/// merged.
const FULL_STATES: usize = 16;

/// Weighs events on a room's head.
pub(super) struct Weigher<'a> {
    pub(super) parts: &'a Parts,
    pub(super) graph: Graph,
    pub(super) head: Head,
    pub(super) batch: RoomBatch,
    /// The current state that the database has.
    pub(super) committed: StateRef,
    /// Whether places in the index of auth chains are the ends of their chains.
    pub(super) chain_ends: HashMap<(u64, u32), bool>,
    /// Redactions that came before what they redact.
    pub(super) redactions: HashMap<String, Vec<EventNid>>,
    /// Events that others follow on which came earlier.
    pub(super) wanted: HashSet<String>,
    /// Changes of the current state so far.
    pub(super) changes: usize,
    /// Events that the room's policy server has not signed.
    pub(super) refused: HashSet<OwnedEventId>,
    /// Whether the events come in through this server, which tells the others of them.
    pub(super) relays: bool,
}

/// Whether the database can keep what it keeps of an event besides its JSON: text without zeros.
pub(super) fn is_storable(pdu: &Pdu) -> bool {
    let texts = [
        pdu.event_id().as_str(),
        pdu.event_type(),
        pdu.sender().as_str(),
        pdu.state_key().unwrap_or_default(),
        pdu.redacts().map_or("", EventId::as_str),
    ];
    let ids = pdu.prev_events().iter().chain(pdu.auth_events());
    let mut texts = texts.into_iter().chain(ids.map(|id| id.as_str()));
    texts.all(|text| !text.contains('\0'))
}

/// What the rules say of an event.
enum Verdict {
    Accepted,
    Rejected(String),
    SoftFailed(String),
}

impl<'a> Weigher<'a> {
    pub(super) fn new(parts: &'a Parts, head: Head) -> Self {
        let row = head.row.clone();
        let graph = Graph::new(
            parts.store.clone(),
            head.room(),
            head.version(),
            row.next_line,
        );
        Self {
            parts,
            graph,
            batch: RoomBatch {
                room: head.room(),
                creation: None,
                expected_version: row.version,
                head: row.clone(),
                events: Vec::new(),
                lines: Vec::new(),
                steps: Vec::new(),
                current: Vec::new(),
                redacted: Vec::new(),
                missing: Vec::new(),
            },
            committed: row.state,
            head,
            chain_ends: HashMap::new(),
            redactions: HashMap::new(),
            wanted: HashSet::new(),
            changes: 0,
            refused: HashSet::new(),
            relays: false,
        }
    }

    pub(super) fn room(&self) -> RoomNid {
        self.head.room()
    }

    /// Whether the batch should be written before the next event is weighed.
    pub(super) fn is_full(&self) -> bool {
        let states: HashSet<StateRef> = self.head.ends.iter().map(|end| end.state).collect();
        self.changes > FULL_CHANGES || (states.len() > FULL_STATES && !self.batch.events.is_empty())
    }

    /// Reads at once what weighing these events will ask for.
    pub(super) async fn prefetch(&mut self, pdus: &[Pdu]) -> Result<(), StoreError> {
        let mut ids: Vec<OwnedEventId> = Vec::new();
        ids.extend(self.create_id());
        for pdu in pdus {
            ids.push(pdu.owned_event_id().clone());
            ids.extend(pdu.prev_events().iter().chain(pdu.auth_events()).cloned());
            ids.extend(pdu.redacts().map(ToOwned::to_owned));
        }
        self.graph.load_ids(&ids).await?;
        let own: Vec<&str> = pdus.iter().map(|pdu| pdu.event_id().as_str()).collect();
        for (target, redaction) in list_redactions_of(self.graph.store(), self.room(), &own).await?
        {
            self.redactions.entry(target).or_default().push(redaction);
        }
        let wanted = list_wanted(self.graph.store(), self.room(), &own).await?;
        self.wanted.extend(wanted);
        Ok(())
    }

    /// The create event of a room whose id says it.
    pub(super) fn create_id(&self) -> Option<OwnedEventId> {
        let derived = self.head.version().room_id_is_create_hash();
        let hash = self.head.room_id().as_str().strip_prefix('!')?;
        OwnedEventId::try_from(format!("${hash}"))
            .ok()
            .filter(|_| derived)
    }

    /// Weighs one event, which was prefetched. `given` is the state before it, where that does not
    /// follow from the events before it, because some of them are not here.
    pub(super) async fn weigh(
        &mut self,
        pdu: &Pdu,
        given: Option<StateRef>,
    ) -> Result<Outcome, StoreError> {
        if let Some(why) = self.misplaced(pdu) {
            return Ok(Outcome::Rejected(why.to_owned()));
        }
        let known = self.graph.find(pdu.event_id()).cloned();
        if known.as_ref().is_some_and(|node| !node.is_outlier()) {
            return Ok(Outcome::Known);
        }
        let missing = self.missing(pdu, given.is_some());
        if !missing.is_empty() {
            return Ok(Outcome::Missing(missing));
        }
        let before = match given {
            Some(before) => before,
            None => match self.state_before(pdu).await? {
                Ok(before) => before,
                Err(why) => return Ok(Outcome::Rejected(why)),
            },
        };
        let current = self.current_for(before, given.is_some()).await?;
        let verdict = self.judge(pdu, before, current).await?;
        let (flags, outcome) = match verdict {
            Verdict::Accepted => (0, Outcome::Accepted),
            Verdict::Rejected(why) => (REJECTED, Outcome::Rejected(why)),
            Verdict::SoftFailed(why) => (SOFT_FAILED, Outcome::SoftFailed(why)),
        };
        self.take(pdu, before, flags, known.as_deref()).await?;
        Ok(outcome)
    }

    /// Why an event has no place in this room at all, and is not even kept.
    pub(super) fn misplaced(&self, pdu: &Pdu) -> Option<&'static str> {
        if pdu.room_id() != self.head.room_id() {
            return Some("the event is of another room");
        }
        if pdu.version() != self.head.version() {
            return Some("the event has the format of another room version");
        }
        if !is_storable(pdu) {
            return Some("the event has a zero character in its type or an id");
        }
        if self.graph.find(pdu.event_id()).is_some() {
            return None;
        }
        if pdu.event_type() == "m.room.create" {
            return Some("the room has another create event");
        }
        pdu.prev_events()
            .is_empty()
            .then_some("the event follows on nothing")
    }

    /// What an event names that is not here, or not as it would have to be.
    pub(super) fn missing(&self, pdu: &Pdu, has_state: bool) -> Vec<OwnedEventId> {
        let has_place = |id: &EventId| self.graph.find(id).is_some_and(|node| !node.is_outlier());
        let prev = pdu.prev_events().iter();
        let prev = prev.filter(|id| !has_state && !has_place(id));
        let auth = pdu.auth_events().iter();
        let auth = auth.filter(|id| self.graph.find(id).is_none());
        let mut missing: Vec<OwnedEventId> = Vec::new();
        for id in prev.chain(auth) {
            if !missing.contains(id) {
                missing.push(id.clone());
            }
        }
        missing
    }

    pub(super) fn prev(&self, pdu: &Pdu) -> Vec<Arc<Node>> {
        let known = pdu
            .prev_events()
            .iter()
            .filter_map(|id| self.graph.find(id));
        known.filter(|node| !node.is_outlier()).cloned().collect()
    }

    /// The state before an event: that after the one before it, or what those after several come
    /// to; or why there is none.
    pub(super) async fn state_before(
        &mut self,
        pdu: &Pdu,
    ) -> Result<Result<StateRef, String>, StoreError> {
        let prev = self.prev(pdu);
        let mut states: Vec<StateRef> = Vec::new();
        for node in &prev {
            if !states.contains(&node.state) {
                states.push(node.state);
            }
        }
        let same_as_ends = |ends: &[End]| {
            ends.len() == prev.len() && ends.iter().all(|end| prev.iter().any(|p| p.nid == end.nid))
        };
        match states.as_slice() {
            [] => Ok(Err("the event follows on nothing".to_owned())),
            [one] => Ok(Ok(*one)),
            _ if same_as_ends(&self.head.ends) => Ok(Ok(self.head.row.state)),
            several => self.merge(several).await,
        }
    }

    /// The state of now that an event must be allowed by. What came before it, behind a gap, may say
    /// more of the present than we know.
    async fn current_for(
        &mut self,
        before: StateRef,
        is_behind_gap: bool,
    ) -> Result<StateRef, StoreError> {
        let current = self.head.row.state;
        if !is_behind_gap || self.head.ends.is_empty() {
            return Ok(current);
        }
        let mut states = vec![before];
        for end in &self.head.ends {
            if !states.contains(&end.state) {
                states.push(end.state);
            }
        }
        Ok(self.merge(&states).await?.unwrap_or(current))
    }

    /// Whether the rules let an event in (server-server, Checks performed on receipt of a PDU).
    async fn judge(
        &mut self,
        pdu: &Pdu,
        before: StateRef,
        current: StateRef,
    ) -> Result<Verdict, StoreError> {
        if let Err(error) = self.judge_by_auth_events(pdu) {
            return Ok(Verdict::Rejected(error.reason));
        }
        if let Err(error) = self.judge_at(pdu, before).await? {
            return Ok(Verdict::Rejected(error.reason));
        }
        if before != current
            && let Err(error) = self.judge_at(pdu, current).await?
        {
            return Ok(Verdict::SoftFailed(error.reason));
        }
        if self.refused.contains(pdu.event_id()) {
            let why = "the room's policy server has not signed it";
            return Ok(Verdict::SoftFailed(why.to_owned()));
        }
        Ok(Verdict::Accepted)
    }

    pub(super) fn judge_by_auth_events(&self, pdu: &Pdu) -> Result<(), AuthError> {
        let version = self.head.version();
        check_auth_events(version, pdu, |id| {
            self.graph.find(id).map(|node| node.pdu.clone())
        })?;
        let create = self.create_id();
        let auth: Vec<&Arc<Node>> = pdu
            .auth_events()
            .iter()
            .chain(&create)
            .filter_map(|id| self.graph.find(id))
            .collect();
        authorise(version, pdu, |event_type, state_key| {
            let mut auth = auth.iter();
            let found = auth.find(|node| node.pdu.is_state(event_type, state_key));
            found.map(|node| node.pdu.clone())
        })
    }

    pub(super) async fn judge_at(
        &mut self,
        pdu: &Pdu,
        at: StateRef,
    ) -> Result<Result<(), AuthError>, StoreError> {
        let version = self.head.version();
        let types = auth_types(
            version,
            pdu.event_type(),
            pdu.sender(),
            pdu.state_key(),
            pdu.content(),
        );
        let mut types = match types {
            Ok(types) => types,
            Err(error) => return Ok(Err(error)),
        };
        types.push(("m.room.create".to_owned(), String::new()));
        let state = self.look_up(at, &types).await?;
        Ok(authorise(version, pdu, |event_type, state_key| {
            let mut state = state.iter();
            let found = state.find(|node| node.pdu.is_state(event_type, state_key));
            found.map(|node| node.pdu.clone())
        }))
    }

    /// What a state has for some types and state keys.
    pub(super) async fn look_up(
        &mut self,
        at: StateRef,
        types: &[(String, String)],
    ) -> Result<Vec<Arc<Node>>, StoreError> {
        let pairs: Vec<(&str, &str)> = types.iter().map(|(t, k)| (&**t, &**k)).collect();
        let keys: Vec<KeyNid> = self
            .parts
            .keys
            .find(&pairs)
            .await?
            .into_iter()
            .flatten()
            .collect();
        let entries = self.graph.entries(at, &keys).await?;
        let events: Vec<EventNid> = entries.into_values().collect();
        self.graph.load_nids(&events).await?;
        let nodes = events.iter().filter_map(|event| self.graph.node(*event));
        Ok(nodes.cloned().collect())
    }

    /// The whole batch, and the head after it.
    pub(super) async fn finish(mut self) -> Result<(RoomBatch, Head), StoreError> {
        let row = self.graph.line_of(self.head.row.state).await?;
        self.head.line_end = row.end;
        self.head.line_height = row.height;
        self.head.row.next_line = self.graph.next_line;
        self.batch.lines = std::mem::take(&mut self.graph.new_lines);
        self.batch.steps = self.graph.take_steps();
        self.batch.head = self.head.row.clone();
        Ok((self.batch, self.head))
    }
}
