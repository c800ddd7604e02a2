//! Events that are here to authorise others, or to be state: each is held against its auth events.

use std::collections::HashMap;
use std::sync::Arc;

use causeway_events::Pdu;
use causeway_store::graph::{Outlier, insert_outliers};
use causeway_store::log::{OUTLIER, REJECTED};
use causeway_store::{EventNid, KeyNid, StateRef, StoreError};
use ruma::OwnedEventId;

use super::graph::Node;
use super::order;
use super::weigh::{Weigher, is_storable};
use crate::write::build::chain_place;

/// Events and keys that are asked for in one query.
const ASKED_AT_ONCE: usize = 10_000;

impl Weigher<'_> {
    /// Takes in events without a place, and writes them. Those whose auth events are neither here
    /// nor among them are left out, and so is what hangs on those.
    pub(super) async fn add_outliers(&mut self, pdus: Vec<Pdu>) -> Result<(), StoreError> {
        let version = self.head.version();
        let fits = |pdu: &Pdu| {
            pdu.room_id() == self.head.room_id() && pdu.version() == version && is_storable(pdu)
        };
        let pdus: Vec<Pdu> = pdus.into_iter().filter(fits).collect();
        let pdus = order::sort(pdus);
        self.load_known(&pdus).await?;
        let keys = self.intern_keys(&pdus).await?;
        let mut added = Vec::new();
        for pdu in &pdus {
            let known = self.graph.find(pdu.event_id()).cloned();
            let is_whole = known.as_ref().is_some_and(|node| {
                node.index.is_some() || !node.is_outlier() || node.flags & REJECTED != 0
            });
            let has_auth = pdu
                .auth_events()
                .iter()
                .all(|id| self.graph.find(id).is_some());
            if is_whole || !has_auth {
                continue;
            }
            let outlier = self.add_outlier(pdu, &keys, known).await?;
            added.push(outlier);
        }
        insert_outliers(self.graph.store(), self.room(), &added).await
    }

    async fn load_known(&mut self, pdus: &[Pdu]) -> Result<(), StoreError> {
        let mut ids: Vec<OwnedEventId> = self.create_id().into_iter().collect();
        for pdu in pdus {
            ids.push(pdu.owned_event_id().clone());
            ids.extend(pdu.auth_events().iter().cloned());
        }
        ids.sort_unstable();
        ids.dedup();
        for ids in ids.chunks(ASKED_AT_ONCE) {
            self.graph.load_ids(ids).await?;
        }
        Ok(())
    }

    async fn intern_keys(&self, pdus: &[Pdu]) -> Result<HashMap<OwnedEventId, KeyNid>, StoreError> {
        let mut keys = HashMap::new();
        for pdus in pdus.chunks(ASKED_AT_ONCE) {
            let state: Vec<(&Pdu, &str)> = pdus
                .iter()
                .filter_map(|pdu| Some((pdu, pdu.state_key()?)))
                .collect();
            let pairs: Vec<(&str, &str)> =
                state.iter().map(|(p, k)| (p.event_type(), *k)).collect();
            let numbers = self.parts.keys.intern(&pairs).await?;
            let ids = state.iter().map(|(pdu, _)| pdu.owned_event_id().clone());
            keys.extend(ids.zip(numbers));
        }
        Ok(keys)
    }

    async fn add_outlier(
        &mut self,
        pdu: &Pdu,
        keys: &HashMap<OwnedEventId, KeyNid>,
        known: Option<Arc<Node>>,
    ) -> Result<Outlier, StoreError> {
        let nid = match &known {
            Some(node) => node.nid,
            None => EventNid(self.parts.nids.next().await?),
        };
        let is_rejected = self.judge_by_auth_events(pdu).is_err();
        let pdu = pdu.clone().with_rejected(is_rejected);
        let key = keys.get(pdu.event_id()).copied();
        let index = match key {
            Some(_) if !is_rejected => Some(self.index(&pdu, nid).await?),
            _ => None,
        };
        let auth = self.auth_nids(&pdu);
        self.graph.add(Node {
            nid,
            pdu: pdu.clone(),
            flags: OUTLIER | if is_rejected { REJECTED } else { 0 },
            state: StateRef::default(),
            key,
            auth: auth.clone(),
            index: index.clone(),
        });
        Ok(Outlier {
            nid,
            pdu,
            key,
            chain: index.as_deref().map(chain_place),
            auth,
        })
    }

    /// Reads the events of a state; gives those that are not here.
    pub(super) async fn load_state(
        &mut self,
        ids: &[OwnedEventId],
    ) -> Result<Vec<OwnedEventId>, StoreError> {
        for ids in ids.chunks(ASKED_AT_ONCE) {
            self.graph.load_ids(ids).await?;
        }
        let missing = ids.iter().filter(|id| self.graph.find(id).is_none());
        Ok(missing.cloned().collect())
    }

    /// What some events, which are here, are as a state. Those that were rejected, or are not here,
    /// are no part of it; of two with one key the first counts.
    pub(super) fn state_of(&self, ids: &[OwnedEventId]) -> HashMap<KeyNid, EventNid> {
        let mut state = HashMap::new();
        let nodes = ids.iter().filter_map(|id| self.graph.find(id));
        for node in nodes.filter(|node| node.flags & REJECTED == 0) {
            if let Some(key) = node.key {
                state.entry(key).or_insert(node.nid);
            }
        }
        state
    }
}
