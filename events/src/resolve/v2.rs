//! State resolution v2 and v2.1: prepares the smallest question that has the same answer, and
//! asks ruma.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};

use ruma::events::StateEventType;
use ruma::room_version_rules::StateResolutionV2Rules;
use ruma::state_res::utils::event_id_set::EventIdSet;
use ruma::state_res::{self, StateMap};
use ruma::{EventId, OwnedEventId};

use super::{Found, Missing, Outcome, Question, ResolveError, ResolveSource};
use crate::auth::auth_types;
use crate::pdu::Pdu;
use crate::version::RoomVersion;

/// Every event that resolution looks at, by id, and what turned out to be missing.
struct Gathered<'a, S: ResolveSource> {
    source: &'a S,
    events: HashMap<OwnedEventId, Pdu>,
    missing: RefCell<Missing<S::Event>>,
}

pub(super) fn resolve<S: ResolveSource>(
    version: RoomVersion,
    rules: &StateResolutionV2Rules,
    source: &S,
    question: &Question<S::Key, S::Event>,
) -> Outcome<S> {
    let mut gathered = Gathered {
        source,
        events: HashMap::new(),
        missing: RefCell::default(),
    };
    let conflicted: Vec<(S::Key, Vec<Pdu>)> = question
        .conflicts
        .iter()
        .map(|conflict| (conflict.key, gathered.load(&conflict.events)))
        .collect();
    let difference = gathered.load(&question.auth_difference);
    let subgraph = gathered.load(&question.subgraph);
    gathered.bail_if_missing()?;

    let keys: HashSet<S::Key> = question
        .conflicts
        .iter()
        .map(|conflict| conflict.key)
        .collect();
    let mut maps = conflicted_maps(&conflicted)?;
    if !rules.begin_iterative_auth_checks_with_empty_state_map {
        let full = conflicted
            .iter()
            .flat_map(|(_, events)| events)
            .chain(&difference);
        let wanted = wanted_types(version, full);
        let common = gathered.unconflicted(wanted, &keys);
        gathered.bail_if_missing()?;
        for map in &mut maps {
            map.extend(common.iter().map(|(key, id)| (key.clone(), id.clone())));
        }
    }
    let resolved = ask(version, rules, &gathered, &maps, &difference, &subgraph);
    gathered.bail_if_missing()?;
    let resolved = resolved.map_err(|error| ResolveError::Broken(error.to_string()))?;
    gathered.answer(resolved, &conflicted, &keys)
}

fn ask<S: ResolveSource>(
    version: RoomVersion,
    rules: &StateResolutionV2Rules,
    gathered: &Gathered<'_, S>,
    maps: &[StateMap<OwnedEventId>],
    difference: &[Pdu],
    subgraph: &[Pdu],
) -> state_res::Result<StateMap<OwnedEventId>> {
    let ids = |events: &[Pdu]| -> EventIdSet<OwnedEventId> {
        events
            .iter()
            .map(|event| event.owned_event_id().clone())
            .collect()
    };
    // Two chains, of which one is empty: everything in the other is the difference.
    let chains = vec![ids(difference), EventIdSet::new()];
    state_res::resolve(
        &version.rules().authorization,
        rules,
        maps,
        chains,
        |id| gathered.find(id),
        |_| Some(ids(subgraph)),
    )
}

/// Spreads the conflicted events over as few states as show every disagreement.
fn conflicted_maps<K, E: std::fmt::Debug>(
    conflicted: &[(K, Vec<Pdu>)],
) -> Result<Vec<StateMap<OwnedEventId>>, ResolveError<E>> {
    let most = conflicted
        .iter()
        .map(|(_, events)| events.len())
        .max()
        .unwrap_or(0);
    let mut maps = vec![StateMap::new(); most.max(2)];
    for (_, events) in conflicted {
        for (map, event) in maps.iter_mut().zip(events) {
            let state_key = event.state_key().ok_or_else(|| {
                ResolveError::Broken(format!("{} is no state event", event.event_id()))
            })?;
            let key = (
                StateEventType::from(event.event_type()),
                state_key.to_owned(),
            );
            map.insert(key, event.owned_event_id().clone());
        }
    }
    Ok(maps)
}

/// The state that the checks of these events can ask for.
fn wanted_types<'a>(
    version: RoomVersion,
    events: impl Iterator<Item = &'a Pdu>,
) -> BTreeSet<(String, String)> {
    let always = ["m.room.create", "m.room.power_levels", "m.room.join_rules"];
    let mut wanted: BTreeSet<_> = always
        .iter()
        .map(|event_type| ((*event_type).to_owned(), String::new()))
        .collect();
    for event in events {
        let types = auth_types(
            version,
            event.event_type(),
            event.sender(),
            event.state_key(),
            event.content(),
        );
        // An event whose content is malformed fails its check whatever the state is.
        wanted.extend(types.into_iter().flatten());
    }
    wanted
}

impl<S: ResolveSource> Gathered<'_, S> {
    fn load(&mut self, numbers: &[S::Event]) -> Vec<Pdu> {
        let mut events = Vec::with_capacity(numbers.len());
        for number in numbers {
            match self.source.event(*number) {
                Found::Here(event) => {
                    self.events
                        .insert(event.owned_event_id().clone(), event.clone());
                    events.push(event);
                }
                Found::Absent => {}
                Found::NotLoaded => self.missing.borrow_mut().events.push(*number),
            }
        }
        events
    }

    fn find(&self, id: &EventId) -> Option<Pdu> {
        if let Some(event) = self.events.get(id) {
            return Some(event.clone());
        }
        match self.source.event_by_id(id) {
            Found::Here(event) => Some(event),
            Found::Absent => None,
            Found::NotLoaded => {
                let mut missing = self.missing.borrow_mut();
                if !missing.ids.iter().any(|known| known == id) {
                    missing.ids.push(id.to_owned());
                }
                None
            }
        }
    }

    fn unconflicted(
        &mut self,
        wanted: BTreeSet<(String, String)>,
        conflicted: &HashSet<S::Key>,
    ) -> StateMap<OwnedEventId> {
        let mut map = StateMap::new();
        for (event_type, state_key) in wanted {
            let number = match self.source.key(&event_type, &state_key) {
                Found::Here(key) if conflicted.contains(&key) => continue,
                Found::Here(key) => self.source.unconflicted(key),
                Found::Absent => continue,
                Found::NotLoaded => Found::NotLoaded,
            };
            match number {
                Found::Here(number) => {
                    if let Some(event) = self.load(&[number]).pop() {
                        let key = (StateEventType::from(event_type), state_key);
                        map.insert(key, event.owned_event_id().clone());
                    }
                }
                Found::Absent => {}
                Found::NotLoaded => self.missing.borrow_mut().keys.push((event_type, state_key)),
            }
        }
        map
    }

    /// Back to numbers: the conflicted keys, and keys that only the auth difference brought in.
    fn answer(
        &self,
        mut resolved: StateMap<OwnedEventId>,
        conflicted: &[(S::Key, Vec<Pdu>)],
        keys: &HashSet<S::Key>,
    ) -> Outcome<S> {
        let mut answer = Vec::with_capacity(conflicted.len());
        for (key, events) in conflicted {
            let name = events.iter().find_map(|event| {
                Some((
                    StateEventType::from(event.event_type()),
                    event.state_key()?.to_owned(),
                ))
            });
            let id = name.and_then(|name| resolved.remove(&name));
            answer.push((*key, id.map(|id| self.number(&id)).transpose()?));
        }
        for ((event_type, state_key), id) in resolved {
            let event_type = event_type.to_string();
            match self.source.key(&event_type, &state_key) {
                Found::Here(key) if keys.contains(&key) => {}
                Found::Here(key) => match self.source.unconflicted(key) {
                    Found::Here(_) => {}
                    Found::Absent => answer.push((key, Some(self.number(&id)?))),
                    Found::NotLoaded => {
                        self.missing.borrow_mut().keys.push((event_type, state_key));
                    }
                },
                Found::Absent => {
                    return Err(ResolveError::Broken(format!(
                        "the key of {id} has no number"
                    )));
                }
                Found::NotLoaded => self.missing.borrow_mut().keys.push((event_type, state_key)),
            }
        }
        self.bail_if_missing()?;
        answer.sort_unstable_by_key(|(key, _)| *key);
        Ok(answer)
    }

    fn number(&self, id: &EventId) -> Result<S::Event, ResolveError<S::Event>> {
        let number = self.source.number(id);
        number.ok_or_else(|| ResolveError::Broken(format!("{id} has no number")))
    }

    fn bail_if_missing(&self) -> Result<(), ResolveError<S::Event>> {
        self.missing.take().into_result()
    }
}
