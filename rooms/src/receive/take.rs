//! An event that was weighed is added to the batch.

use std::sync::Arc;

use causeway_events::auth_index::Indexed;
use causeway_events::redact::redact;
use causeway_events::{Pdu, Reference};
use causeway_store::log::{EventRecord, REDACTED, REJECTED, RELAYED, Replaced};
use causeway_store::{EventNid, KeyNid, StateRef, StoreError};
use ruma::EventId;

use super::graph::Node;
use super::redaction::may_redact;
use super::weigh::Weigher;
use crate::head::End;
use crate::write::build::chain_place;
use crate::write::record;

impl Weigher<'_> {
    /// Adds an event to the batch. `flags` say whether it was rejected or failed softly; `known` is
    /// the event as it was here without a place.
    pub(super) async fn take(
        &mut self,
        pdu: &Pdu,
        before: StateRef,
        mut flags: i16,
        known: Option<&Node>,
    ) -> Result<(), StoreError> {
        let is_accepted = flags == 0;
        let nid = match known {
            Some(node) => node.nid,
            None => EventNid(self.parts.nids.next().await?),
        };
        let pdu = self.blank_if_redacted(pdu, &mut flags).await?;
        let node = self.place(pdu, nid, before, flags, known).await?;
        let mut record = self.record(&node, before, known.is_some()).await?;
        self.note_missing(&record);
        if is_accepted {
            if self.relays {
                record.flags |= RELAYED;
            }
            record.relation = record::relation(&record.pdu);
            record.redacts = self.redact(&record);
            self.advance(&mut record, &node, before).await?;
        }
        // Numbers of events are unique, so no two heads of a room ever have the same version.
        self.head.row.version = nid.0;
        self.batch.events.push(Arc::new(record));
        Ok(())
    }

    /// Gives an event its place in the graph: the state after it, and its place in the index.
    pub(super) async fn place(
        &mut self,
        pdu: Pdu,
        nid: EventNid,
        before: StateRef,
        flags: i16,
        known: Option<&Node>,
    ) -> Result<Arc<Node>, StoreError> {
        let parts = self.parts;
        let is_rejected = flags & REJECTED != 0;
        let key = match pdu.state_key() {
            Some(key) => parts.keys.intern(&[(pdu.event_type(), key)]).await?.pop(),
            None => None,
        };
        let index = self.place_in_index(&pdu, nid, key.filter(|_| !is_rejected), known);
        let index = index.await?;
        let state = match key {
            Some(key) if !is_rejected => {
                // The line of the current state goes on with what is part of it.
                let current = self.head.row.state;
                let is_accepted = flags & !REDACTED == 0;
                let may_extend = before.line != current.line || (is_accepted && before == current);
                let step = [(key, Some(nid))];
                self.graph.lay(before, &step, may_extend).await?
            }
            _ => before,
        };
        let auth = self.auth_nids(&pdu);
        Ok(self.graph.add(Node {
            nid,
            pdu: pdu.with_rejected(is_rejected),
            flags,
            state,
            key,
            auth,
            index,
        }))
    }

    async fn place_in_index(
        &mut self,
        pdu: &Pdu,
        nid: EventNid,
        key: Option<KeyNid>,
        known: Option<&Node>,
    ) -> Result<Option<Arc<Indexed>>, StoreError> {
        if let Some(index) = known.and_then(|node| node.index.clone()) {
            return Ok(Some(index));
        }
        match key {
            Some(_) => self.index(pdu, nid).await.map(Some),
            None => Ok(None),
        }
    }

    pub(super) async fn record(
        &mut self,
        node: &Arc<Node>,
        before: StateRef,
        was_outlier: bool,
    ) -> Result<EventRecord, StoreError> {
        let replaces = match node.key.filter(|_| !node.pdu.is_rejected()) {
            Some(key) => self.graph.entries(before, &[key]).await?.remove(&key),
            None => None,
        };
        self.graph.load_nids(replaces.as_slice()).await?;
        let replaced = replaces.and_then(|nid| self.graph.node(nid));
        Ok(EventRecord {
            room: self.room(),
            nid: node.nid,
            flags: node.flags,
            state: node.state,
            current: None,
            resolved: Vec::new(),
            key: node.key,
            replaces: replaced.map(|node| Replaced {
                nid: node.nid,
                pdu: node.pdu.clone(),
            }),
            chain: node.index.as_deref().map(chain_place),
            sent_by: None,
            prev: self.prev(&node.pdu).iter().map(|node| node.nid).collect(),
            auth: node.auth.clone(),
            relation: None,
            member: None,
            redacts: None,
            was_outlier,
            place: None,
            was_wanted: self.wanted.contains(node.pdu.event_id().as_str()),
            pdu: node.pdu.clone(),
        })
    }

    pub(super) fn auth_nids(&self, pdu: &Pdu) -> Vec<EventNid> {
        let known = pdu
            .auth_events()
            .iter()
            .filter_map(|id| self.graph.find(id));
        known.map(|node| node.nid).collect()
    }

    /// Notes what the event follows on that is not here.
    pub(super) fn note_missing(&mut self, record: &EventRecord) {
        let has_place = |id: &EventId| self.graph.find(id).is_some_and(|node| !node.is_outlier());
        let missing = record.pdu.prev_events().iter();
        let missing = missing.filter(|id| !has_place(id));
        let missing = missing.map(|id| (id.clone(), record.nid));
        self.batch.missing.extend(missing);
    }

    /// What is left of an event whose redaction came earlier.
    pub(super) async fn blank_if_redacted(
        &mut self,
        pdu: &Pdu,
        flags: &mut i16,
    ) -> Result<Pdu, StoreError> {
        let Some(redactions) = self.redactions.get(pdu.event_id().as_str()).cloned() else {
            return Ok(pdu.clone());
        };
        self.graph.load_nids(&redactions).await?;
        let applies = redactions
            .iter()
            .filter_map(|nid| self.graph.node(*nid))
            .any(|redaction| may_redact(&self.head, &redaction.pdu, pdu));
        if !applies {
            return Ok(pdu.clone());
        }
        *flags |= REDACTED;
        Ok(redact(self.head.version(), pdu))
    }

    /// Makes the event one of the room's ends.
    pub(super) fn add_end(&mut self, record: &EventRecord) {
        let mut ends = std::mem::take(&mut self.head.ends);
        ends.retain(|end| !record.prev.contains(&end.nid));
        ends.push(End {
            nid: record.nid,
            reference: Reference::to(self.head.version(), &record.pdu),
            state: record.state,
        });
        self.head.set_ends(ends);
        let depth = i64::try_from(record.pdu.depth()).unwrap_or(i64::MAX);
        self.head.row.depth = self.head.row.depth.max(depth);
    }
}
