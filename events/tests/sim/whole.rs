//! The answers of the definitions: whole chains walked, whole states given to ruma.

use std::collections::BTreeSet;

use ruma::events::StateEventType;
use ruma::room_version_rules::StateResolutionVersion;
use ruma::state_res::StateMap;
use ruma::state_res::utils::event_id_set::EventIdSet;
use ruma::{EventId, OwnedEventId};

use super::{Nid, Room, State};

impl Room {
    /// The event and all that authorises it, by walking.
    pub fn walked_chain(&self, from: impl IntoIterator<Item = Nid>) -> BTreeSet<Nid> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<Nid> = from.into_iter().collect();
        while let Some(n) = open.pop() {
            if seen.insert(n) {
                open.extend(self.auth_numbers(n));
            }
        }
        seen
    }

    pub fn walked_difference(&self, forks: &[State]) -> BTreeSet<Nid> {
        let chains: Vec<_> = forks
            .iter()
            .map(|fork| self.walked_chain(fork.values().copied()))
            .collect();
        let all: BTreeSet<Nid> = chains.iter().flatten().copied().collect();
        all.into_iter()
            .filter(|n| !chains.iter().all(|chain| chain.contains(n)))
            .collect()
    }

    pub fn walked_subgraph(&self, conflicted: &BTreeSet<Nid>) -> BTreeSet<Nid> {
        let below = self.walked_chain(conflicted.iter().copied());
        below
            .into_iter()
            .filter(|n| {
                self.walked_chain([*n])
                    .iter()
                    .any(|a| conflicted.contains(a))
            })
            .collect()
    }

    /// What ruma makes of the whole states and the whole chains.
    pub fn resolve_full(&self, forks: &[State]) -> State {
        let StateResolutionVersion::V2(rules) = self.version.rules().state_res else {
            panic!("ruma has no v1")
        };
        let id = |n: &Nid| self.events[*n].owned_event_id().clone();
        let name = |key: &u32| {
            let (event_type, state_key) = &self.names[*key as usize];
            (StateEventType::from(event_type.as_str()), state_key.clone())
        };
        let maps: Vec<StateMap<OwnedEventId>> = forks
            .iter()
            .map(|fork| fork.iter().map(|(key, n)| (name(key), id(n))).collect())
            .collect();
        let chains: Vec<EventIdSet<OwnedEventId>> = forks
            .iter()
            .map(|fork| {
                self.walked_chain(fork.values().copied())
                    .iter()
                    .map(id)
                    .collect()
            })
            .collect();
        let resolved = ruma::state_res::resolve(
            &self.version.rules().authorization,
            &rules,
            &maps,
            chains,
            |id: &EventId| self.numbers.get(id).map(|n| self.events[*n].clone()),
            |conflicted: &StateMap<Vec<OwnedEventId>>| {
                let conflicted = conflicted
                    .values()
                    .flatten()
                    .map(|id| self.numbers[id])
                    .collect();
                Some(self.walked_subgraph(&conflicted).iter().map(id).collect())
            },
        )
        .unwrap();
        resolved
            .into_iter()
            .map(|((event_type, state_key), id)| {
                (
                    self.keys[&(event_type.to_string(), state_key)],
                    self.numbers[&id],
                )
            })
            .collect()
    }
}
