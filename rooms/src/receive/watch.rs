//! The alarm that goes off when resolving forks takes away what stood before.

use std::collections::HashMap;

use causeway_events::Pdu;
use causeway_events::reset_alarm::{Alarm, Decision, Lost, alarms};
use causeway_store::graph::load_replaced;
use causeway_store::{EventNid, KeyNid, StateRef, StoreError};
use ruma::OwnedEventId;

use super::compare::Compared;
use super::graph::Node;
use super::resolve::Resolution;
use super::weigh::Weigher;

/// What stood before, what stands now, and what each fork had.
type Decided = (Option<Pdu>, Option<Pdu>, Vec<Option<Pdu>>);

impl Weigher<'_> {
    /// Looks at what a resolution changed in the current state, and says if something was lost.
    pub(super) async fn watch(
        &mut self,
        forks: &[StateRef],
        compared: &Compared,
        resolution: &Resolution,
        changes: &[(KeyNid, Option<EventNid>)],
    ) -> Result<(), StoreError> {
        let decided = |key: &KeyNid| resolution.conflicted.contains(key);
        let lost: Vec<_> = changes.iter().filter(|(key, _)| decided(key)).collect();
        if lost.is_empty() || forks.len() < 2 {
            return Ok(());
        }
        let before = &compared.values[forks.len()];
        let forks = &compared.values[..forks.len()];
        let mut nids: Vec<EventNid> = Vec::new();
        for (key, event) in &lost {
            nids.extend(before.get(key));
            nids.extend(event);
            nids.extend(forks.iter().filter_map(|fork| fork.get(key)));
        }
        self.graph.load_nids(&nids).await?;
        let pdu = |nid: Option<&EventNid>| Some(self.graph.node(*nid?)?.pdu.clone());
        let decisions: Vec<Decided> = lost
            .iter()
            .map(|(key, event)| {
                let in_forks = forks.iter().map(|fork| pdu(fork.get(key)));
                (
                    pdu(before.get(key)),
                    pdu(event.as_ref()),
                    in_forks.collect(),
                )
            })
            .collect();
        self.sound(&decisions).await
    }

    async fn sound(&mut self, decisions: &[Decided]) -> Result<(), StoreError> {
        let version = self.head.version();
        let create = self.head.state("m.room.create", "");
        let create = create.map(|entry| entry.pdu.clone());
        let decisions: Vec<Decision<'_>> = decisions
            .iter()
            .map(|(before, after, forks)| Decision {
                before: before.as_ref(),
                after: after.as_ref(),
                forks,
            })
            .collect();
        // Nearly always nothing is lost: only then is it worth while to read what followed what.
        let suspected = alarms(version, create.as_ref(), &decisions, |_| None);
        if suspected.is_empty() {
            return Ok(());
        }
        let replaced = self.replaced(&suspected).await?;
        let found = alarms(version, create.as_ref(), &decisions, |pdu| {
            replaced.get(pdu.event_id()).cloned()
        });
        for alarm in &found {
            metrics::counter!("causeway_state_resets_total", "lost" => word(&alarm.lost))
                .increment(1);
            tracing::warn!(room = %self.head.room_id(), %alarm, "resolving forks took away state");
        }
        Ok(())
    }

    /// What stood before each of the events that the alarms are about.
    async fn replaced(&self, alarms: &[Alarm]) -> Result<HashMap<OwnedEventId, Pdu>, StoreError> {
        let mut replaced = HashMap::new();
        // Gathered first: a future that holds the closure could not go to another thread.
        let events: Vec<&Pdu> = alarms
            .iter()
            .flat_map(|alarm| alarm.after.iter().chain([&alarm.before]))
            .collect();
        for event in events {
            let Some(node) = self.graph.find(event.event_id()) else {
                continue;
            };
            let mut newer: Option<Pdu> = None;
            for row in load_replaced(self.graph.store(), self.room(), node.nid).await? {
                let older = Node::read(self.head.version(), self.room(), row)?.pdu;
                if let Some(newer) = newer {
                    replaced.insert(newer.owned_event_id().clone(), older.clone());
                }
                newer = Some(older);
            }
            if newer.is_none() {
                // The event is of this batch: what it took the place of is in the record.
                let records = self.batch.events.iter();
                let record = records.rev().find(|record| record.nid == node.nid);
                if let Some(old) = record.and_then(|record| record.replaces.as_ref()) {
                    replaced.insert(event.owned_event_id().clone(), old.pdu.clone());
                }
            }
        }
        Ok(replaced)
    }
}

fn word(lost: &Lost) -> &'static str {
    match lost {
        Lost::Power { .. } => "power",
        Lost::Membership { .. } => "membership",
        Lost::ServerAcl => "server_acl",
        Lost::JoinRules => "join_rules",
    }
}
