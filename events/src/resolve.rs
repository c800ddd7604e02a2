//! State resolution over numbered state keys and events: only what the forks disagree on, and
//! what that hangs on, is looked at; the rest of the room costs nothing.
//!
//! The way: [`split`] (or a comparison of shared structure) gives the [`Conflict`]s;
//! [`crate::auth_index`] gives the auth difference and, for version 12, the conflicted subgraph;
//! [`resolve`] answers, or names what it has to be given first.

mod v1;
mod v2;

use std::fmt::Debug;
use std::hash::Hash;

use ruma::room_version_rules::StateResolutionVersion;
use ruma::{EventId, OwnedEventId};

use crate::pdu::Pdu;
use crate::version::RoomVersion;

/// The answer to a look-up in a source that may have to load things first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<T> {
    /// Here it is.
    Here(T),
    /// There is none.
    Absent,
    /// It is not known in memory whether there is one.
    NotLoaded,
}

impl<T> From<Option<T>> for Found<T> {
    fn from(option: Option<T>) -> Self {
        option.map_or(Self::Absent, Self::Here)
    }
}

/// What resolution asks for. Everything is a look-up in memory; what is not there is collected,
/// and [`ResolveError::Missing`] asks for all of it at once.
pub trait ResolveSource {
    /// The number of a (type, state key).
    type Key: Copy + Ord + Hash + Debug;
    /// The number of an event.
    type Event: Copy + Ord + Hash + Debug;

    /// The event of this number.
    fn event(&self, event: Self::Event) -> Found<Pdu>;
    /// The event of this id, with its rejected mark. `Absent` for events the server has not got.
    fn event_by_id(&self, event_id: &EventId) -> Found<Pdu>;
    /// The number of an event that one of the two functions above has given.
    fn number(&self, event_id: &EventId) -> Option<Self::Event>;
    /// The number of a state key. `Absent` if no event of any room ever had it.
    fn key(&self, event_type: &str, state_key: &str) -> Found<Self::Key>;
    /// What all forks agree that this key holds. Never asked for keys in conflict.
    fn unconflicted(&self, key: Self::Key) -> Found<Self::Event>;
}

/// A state key on which the forks disagree: the different events that they have for it, sorted,
/// each once. With a single event, some forks have nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict<K, E> {
    /// Which entry of the state.
    pub key: K,
    /// What the forks have there.
    pub events: Vec<E>,
}

/// What is to be resolved.
#[derive(Debug, Clone, Default)]
pub struct Question<K, E> {
    /// All entries on which the forks disagree.
    pub conflicts: Vec<Conflict<K, E>>,
    /// Events that are, or authorise, state of some forks but not of all (see
    /// [`crate::auth_index::auth_difference`]). Not used in room version 1.
    pub auth_difference: Vec<E>,
    /// Events on an auth path between two conflicted events (see
    /// [`crate::auth_index::conflicted_subgraph`]). Used since room version 12.
    pub subgraph: Vec<E>,
}

/// What the state is where the forks disagreed: one entry per conflicted key (`None`: nothing
/// stands there), and perhaps keys that no fork had.
pub type Answer<K, E> = Vec<(K, Option<E>)>;

/// What comes of resolving from a source `S`.
pub type Outcome<S> = Result<
    Answer<<S as ResolveSource>::Key, <S as ResolveSource>::Event>,
    ResolveError<<S as ResolveSource>::Event>,
>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError<E: Debug> {
    /// Load these and ask again. Each round goes deeper into the chains of power events.
    #[error("{} events and {} state keys must be loaded first", .0.events.len() + .0.ids.len(), .0.keys.len())]
    Missing(Missing<E>),
    /// The state makes no sense: an event in it is no state event, or has a malformed content
    /// that the rules need.
    #[error("the state cannot be resolved: {0}")]
    Broken(String),
}

/// What a source answered [`Found::NotLoaded`] to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing<E> {
    /// Events by number.
    pub events: Vec<E>,
    /// Events by id.
    pub ids: Vec<OwnedEventId>,
    /// State keys, and their unconflicted entries.
    pub keys: Vec<(String, String)>,
}

impl<E> Default for Missing<E> {
    fn default() -> Self {
        Self {
            events: Vec::new(),
            ids: Vec::new(),
            keys: Vec::new(),
        }
    }
}

impl<E: Debug> Missing<E> {
    /// An error, unless nothing is missing.
    fn into_result(self) -> Result<(), ResolveError<E>> {
        if self.events.is_empty() && self.ids.is_empty() && self.keys.is_empty() {
            Ok(())
        } else {
            Err(ResolveError::Missing(self))
        }
    }
}

/// Resolves with the algorithm of the room version: v1, v2 (2 to 11) or v2.1 (12).
pub fn resolve<S: ResolveSource>(
    version: RoomVersion,
    source: &S,
    question: &Question<S::Key, S::Event>,
) -> Outcome<S> {
    if question.conflicts.is_empty() {
        return Ok(Vec::new());
    }
    match version.rules().state_res {
        StateResolutionVersion::V2(rules) => v2::resolve(version, &rules, source, question),
        _ => v1::resolve(version, source, question),
    }
}

impl<K, E: Copy + Ord> Conflict<K, E> {
    /// What the forks have for one key, `None` for nothing; no conflict if they agree. Where
    /// states share structure, only the keys in which they differ need to be asked for.
    pub fn of(key: K, entries: impl IntoIterator<Item = Option<E>>) -> Option<Self> {
        let mut entries = entries.into_iter();
        let first = entries.next()?;
        let mut agree = true;
        let mut events: Vec<E> = first.into_iter().collect();
        for entry in entries {
            agree &= entry == first;
            events.extend(entry);
        }
        if agree {
            return None;
        }
        events.sort_unstable();
        events.dedup();
        Some(Self { key, events })
    }
}

/// Compares whole states: (key, event), sorted by key. Costs one comparison per entry, and memory
/// for the conflicts only.
pub fn split<K, E>(states: &[&[(K, E)]]) -> Vec<Conflict<K, E>>
where
    K: Copy + Ord,
    E: Copy + Ord,
{
    let Some((first, others)) = states.split_first() else {
        return Vec::new();
    };
    let mut keys: Vec<K> = Vec::new();
    for other in others {
        differing_keys(first, other, &mut keys);
    }
    keys.sort_unstable();
    keys.dedup();
    let entry = |state: &[(K, E)], key: K| {
        state
            .binary_search_by_key(&key, |(key, _)| *key)
            .ok()
            .map(|at| state[at].1)
    };
    keys.into_iter()
        .filter_map(|key| Conflict::of(key, states.iter().map(|state| entry(state, key))))
        .collect()
}

/// Adds the keys for which two sorted states have different events.
fn differing_keys<'a, K: Copy + Ord, E: Copy + Eq>(
    mut a: &'a [(K, E)],
    mut b: &'a [(K, E)],
    keys: &mut Vec<K>,
) {
    loop {
        let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        (a, b) = (&a[same..], &b[same..]);
        let key = match (a.first(), b.first()) {
            (None, None) => return,
            (Some((key, _)), None) | (None, Some((key, _))) => *key,
            (Some((a, _)), Some((b, _))) => *a.min(b),
        };
        keys.push(key);
        for state in [&mut a, &mut b] {
            if let Some(((first, _), rest)) = state.split_first()
                && *first == key
            {
                *state = rest;
            }
        }
    }
}
