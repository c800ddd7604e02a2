//! Resolution of the states of a room's forks: reads what `causeway_events::resolve` asks for.

use std::collections::{HashMap, HashSet};

use causeway_events::Pdu;
use causeway_events::auth_index::{self, Indexed};
use causeway_events::resolve::{self, Conflict, Found, Question, ResolveError, ResolveSource};
use causeway_store::graph::{Piece, find_pieces, load_reaches};
use causeway_store::state::StateKeys;
use causeway_store::{EventNid, KeyNid, StateRef, StoreError};
use ruma::EventId;
use ruma::room_version_rules::StateResolutionVersion;

use super::compare::Compared;
use super::coverage::Coverages;
use super::graph::Graph;
use crate::heads::indexed;

/// Times that a resolution may ask for more. Each round goes one event deeper into a chain of
/// events that give power.
const MAX_ROUNDS: usize = 500;

/// Keys in which a state may differ from the one whose coverage is known; beyond, it is measured
/// anew.
const MAX_DRIFT: usize = 2_000;

/// What forks came to.
#[derive(Debug, Default)]
pub(super) struct Resolution {
    /// What stands under each key in which the states may differ, and perhaps under others.
    pub(super) values: HashMap<KeyNid, Option<EventNid>>,
    /// The keys on which the forks disagreed.
    pub(super) conflicted: Vec<KeyNid>,
}

/// Resolves the first `forks` of the states that were compared. `known` is a state in the
/// database that has most in common with them.
pub(super) async fn resolve(
    graph: &mut Graph,
    keys: &StateKeys,
    coverages: &Coverages,
    forks: &[StateRef],
    compared: &Compared,
    known: StateRef,
) -> Result<Resolution, StoreError> {
    let values = &compared.values[..forks.len()];
    let mut resolution = Resolution::default();
    let mut conflicts = Vec::new();
    for key in &compared.keys {
        match Conflict::of(*key, values.iter().map(|fork| fork.get(key).copied())) {
            Some(conflict) => conflicts.push(conflict),
            None => drop(resolution.values.insert(*key, values[0].get(key).copied())),
        }
    }
    if conflicts.is_empty() {
        return Ok(resolution);
    }
    metrics::counter!("causeway_state_resolutions_total").increment(1);
    let events: Vec<EventNid> = conflicts.iter().flat_map(|c| c.events.clone()).collect();
    graph.load_nids(&events).await?;
    resolution.conflicted = conflicts.iter().map(|conflict| conflict.key).collect();
    let (by_index, by_subgraph) = match &graph.version.rules().state_res {
        StateResolutionVersion::V2(rules) => (true, rules.consider_conflicted_state_subgraph),
        _ => (false, false),
    };
    let question = Question {
        auth_difference: if by_index {
            difference(graph, coverages, forks, &conflicts, known).await?
        } else {
            Vec::new()
        },
        subgraph: if by_subgraph {
            subgraph(graph, &events).await?
        } else {
            Vec::new()
        },
        conflicts,
    };
    graph.load_nids(&question.auth_difference).await?;
    graph.load_nids(&question.subgraph).await?;
    let answer = ask(graph, keys, &question, &resolution.values, forks[0]).await?;
    resolution.values.extend(answer);
    Ok(resolution)
}

/// What authorises state of some forks but not of all.
async fn difference(
    graph: &mut Graph,
    coverages: &Coverages,
    forks: &[StateRef],
    conflicts: &[Conflict<KeyNid, EventNid>],
    known: StateRef,
) -> Result<Vec<EventNid>, StoreError> {
    let mut covered = coverages.of(graph, known).await?;
    let with_covered = |at: StateRef| forks.iter().copied().chain([at]).collect::<Vec<_>>();
    let mut compared = graph.compare(&with_covered(covered.at)).await?;
    if compared.keys.len() > MAX_DRIFT && covered.at != known {
        covered = coverages.measure(graph, known).await?;
        compared = graph.compare(&with_covered(covered.at)).await?;
    }
    let in_conflict: HashSet<KeyNid> = conflicts.iter().map(|conflict| conflict.key).collect();
    let agreed = |key: &&KeyNid| !in_conflict.contains(key);
    let first = &compared.values[0];
    let added: Vec<EventNid> = compared
        .keys
        .iter()
        .filter(agreed)
        .filter_map(|key| first.get(key).copied())
        .collect();
    let removed: Vec<EventNid> = compared.values[forks.len()].values().copied().collect();
    let places = places(graph, &added, &removed).await?;
    let of = |events: &[EventNid]| {
        events
            .iter()
            .filter_map(|e| places.get(e))
            .collect::<Vec<_>>()
    };
    let (without, with) = (of(&removed), of(&added));
    let in_forks: Vec<Vec<&Indexed>> = compared.values[..forks.len()]
        .iter()
        .map(|values| {
            let events = conflicts.iter().filter_map(|c| values.get(&c.key));
            events
                .filter_map(|event| graph.node(*event)?.index.as_deref())
                .collect()
        })
        .collect();
    let pieces =
        auth_index::auth_difference(&in_forks, |chain| covered.extent(chain, &without, &with));
    let pieces: Vec<Piece> = pieces
        .into_iter()
        .map(|piece| Piece {
            chain: EventNid(piece.chain.cast_signed()),
            after: i32::try_from(piece.after).unwrap_or(i32::MAX),
            up_to: i32::try_from(piece.up_to).unwrap_or(i32::MAX),
        })
        .collect();
    pieces_of(graph, &pieces).await
}

/// Where events stand in the index.
async fn places(
    graph: &Graph,
    added: &[EventNid],
    removed: &[EventNid],
) -> Result<HashMap<EventNid, Indexed>, StoreError> {
    let mut places = HashMap::new();
    let mut unknown = Vec::new();
    for event in added.iter().chain(removed) {
        match graph.node(*event) {
            Some(node) => {
                if let Some(index) = &node.index {
                    places.insert(*event, Indexed::clone(index));
                }
            }
            None => unknown.push(*event),
        }
    }
    if !unknown.is_empty() {
        for (event, place) in load_reaches(graph.store(), graph.room, &unknown).await? {
            if let Some(index) = indexed(Some(place))? {
                places.insert(event, Indexed::clone(&index));
            }
        }
    }
    Ok(places)
}

/// The events on some pieces of chains: stored ones, and those that the batch adds.
async fn pieces_of(graph: &Graph, pieces: &[Piece]) -> Result<Vec<EventNid>, StoreError> {
    if pieces.is_empty() {
        return Ok(Vec::new());
    }
    let mut events = find_pieces(graph.store(), graph.room, pieces).await?;
    let is_within = |index: &Indexed| {
        let (chain, seq) = (index.place.chain.cast_signed(), index.place.seq);
        let seq = i32::try_from(seq).unwrap_or(i32::MAX);
        pieces
            .iter()
            .any(|piece| piece.chain.0 == chain && piece.after < seq && seq <= piece.up_to)
    };
    // Those that the batch adds are not in the database yet.
    let known = graph.indexed().filter(|(_, index)| is_within(index));
    events.extend(known.map(|(nid, _)| nid));
    events.sort_unstable();
    events.dedup();
    Ok(events)
}

async fn subgraph(graph: &mut Graph, conflicted: &[EventNid]) -> Result<Vec<EventNid>, StoreError> {
    let mut distinct = conflicted.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    for _ in 0..MAX_ROUNDS {
        let look_up = |nid: EventNid| {
            let node = graph.node(nid)?;
            // What stands outside the index is on nobody's path.
            let index = node.index.as_deref().cloned();
            Some((index.unwrap_or_else(|| outside(nid)), node.auth.clone()))
        };
        match auth_index::conflicted_subgraph(&distinct, look_up) {
            Ok(subgraph) => return Ok(subgraph),
            Err(missing) => graph.load_nids(&missing).await?,
        }
    }
    Err(too_deep(graph))
}

fn outside(nid: EventNid) -> Indexed {
    auth_index::assign(&[], None, |_| false, nid.0.unsigned_abs())
}

fn too_deep(graph: &Graph) -> StoreError {
    StoreError::Corrupt {
        table: "events",
        id: format!("the auth chains of room {}", graph.room),
    }
}

/// Asks until everything that is asked back has been read.
async fn ask(
    graph: &mut Graph,
    keys: &StateKeys,
    question: &Question<KeyNid, EventNid>,
    agreed: &HashMap<KeyNid, Option<EventNid>>,
    any_fork: StateRef,
) -> Result<Vec<(KeyNid, Option<EventNid>)>, StoreError> {
    let mut known_keys: HashMap<(String, String), Option<KeyNid>> = HashMap::new();
    let mut unconflicted: HashMap<KeyNid, Option<EventNid>> = agreed.clone();
    for _ in 0..MAX_ROUNDS {
        let source = Source {
            graph,
            known_keys: &known_keys,
            unconflicted: &unconflicted,
        };
        let missing = match resolve::resolve(graph.version, &source, question) {
            Ok(answer) => return Ok(answer),
            Err(ResolveError::Missing(missing)) => missing,
            Err(ResolveError::Broken(reason)) => {
                return Err(StoreError::Corrupt {
                    table: "events",
                    id: format!("room {}: {reason}", graph.room),
                });
            }
        };
        graph.load_nids(&missing.events).await?;
        graph.load_ids(&missing.ids).await?;
        let pairs: Vec<(&str, &str)> = missing.keys.iter().map(|(t, k)| (&**t, &**k)).collect();
        let found = keys.find(&pairs).await?;
        let numbers: Vec<KeyNid> = found.iter().flatten().copied().collect();
        let entries = graph.entries(any_fork, &numbers).await?;
        let in_state: Vec<EventNid> = entries.values().copied().collect();
        graph.load_nids(&in_state).await?;
        for key in numbers {
            unconflicted
                .entry(key)
                .or_insert_with(|| entries.get(&key).copied());
        }
        known_keys.extend(missing.keys.iter().cloned().zip(found));
    }
    Err(too_deep(graph))
}

struct Source<'a> {
    graph: &'a Graph,
    known_keys: &'a HashMap<(String, String), Option<KeyNid>>,
    unconflicted: &'a HashMap<KeyNid, Option<EventNid>>,
}

impl ResolveSource for Source<'_> {
    type Key = KeyNid;
    type Event = EventNid;

    fn event(&self, event: EventNid) -> Found<Pdu> {
        match self.graph.node(event) {
            Some(node) => Found::Here(node.pdu.clone()),
            None => Found::NotLoaded,
        }
    }

    fn event_by_id(&self, event_id: &EventId) -> Found<Pdu> {
        match self.graph.find(event_id) {
            Some(node) => Found::Here(node.pdu.clone()),
            None if self.graph.was_asked(event_id) => Found::Absent,
            None => Found::NotLoaded,
        }
    }

    fn number(&self, event_id: &EventId) -> Option<EventNid> {
        self.graph.find(event_id).map(|node| node.nid)
    }

    fn key(&self, event_type: &str, state_key: &str) -> Found<KeyNid> {
        let pair = (event_type.to_owned(), state_key.to_owned());
        match self.known_keys.get(&pair) {
            Some(key) => Found::from(*key),
            None => Found::NotLoaded,
        }
    }

    fn unconflicted(&self, key: KeyNid) -> Found<EventNid> {
        match self.unconflicted.get(&key) {
            Some(event) => Found::from(*event),
            None => Found::NotLoaded,
        }
    }
}
