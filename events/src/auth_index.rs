//! The index of auth chains: who authorises whom, answered without walking.
//!
//! Every state event of a room gets a place on a chain: `(chain, seq)`. An event follows the
//! event that it replaces (same type and state key) on that one's chain, if that is the chain's
//! end, and begins a chain otherwise; so on a chain, each event is authorised by all before it.
//! A chain is called by the number of its first event: an event that begins one stands at
//! `(its own number, 1)`, which nobody has to write down.
//! With its place an event keeps what it *reaches*: of every other chain the highest sequence
//! number among its ancestors. Since the ancestors on a chain are always its beginning up to
//! there, that says who they all are.
//!
//! Create events of versions that do not name them in `auth_events` are on no one's path here,
//! as in state resolution itself.

mod coverage;
mod reach;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;

pub use self::coverage::Coverage;
pub use self::reach::{CorruptReach, Reach};

/// A place on a chain. Sequence numbers begin with 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The chain: the number of its first event.
    pub chain: u64,
    /// The place on it.
    pub seq: u32,
}

/// An event in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed {
    /// Where it stands.
    pub place: Place,
    /// What it reaches on other chains. Its own chain it reaches up to `place.seq - 1`.
    pub reach: Reach,
}

impl Indexed {
    /// How far this event and its ancestors go on a chain; 0 for not at all.
    pub fn extent(&self, chain: u64) -> u32 {
        if chain == self.place.chain {
            self.place.seq
        } else {
            self.reach.get(chain)
        }
    }

    /// Whether `other` is this event or authorises it, directly or not.
    pub fn covers(&self, other: Place) -> bool {
        self.extent(other.chain) >= other.seq
    }
}

/// Gives a new state event its place. `auth` are the index entries of its `auth_events`;
/// `replaces` is the one among them with its own type and state key; `is_end` says whether an
/// event is the last of its chain; `number` is the new event's own.
pub fn assign(
    auth: &[&Indexed],
    replaces: Option<&Indexed>,
    is_end: impl Fn(Place) -> bool,
    number: u64,
) -> Indexed {
    let place = match replaces {
        Some(entry) if is_end(entry.place) => Place {
            chain: entry.place.chain,
            seq: entry.place.seq + 1,
        },
        _ => Place {
            chain: number,
            seq: 1,
        },
    };
    let mut reach: BTreeMap<u64, u32> = BTreeMap::new();
    for entry in auth {
        let own = (entry.place.chain, entry.place.seq);
        for (chain, seq) in entry.reach.iter().chain([own]) {
            if chain != place.chain {
                let highest = reach.entry(chain).or_default();
                *highest = seq.max(*highest);
            }
        }
    }
    Indexed {
        place,
        reach: Reach::new(reach.into_iter().collect()),
    }
}

/// A piece of a chain: the events with `after < seq <= up_to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainPiece {
    /// Which chain.
    pub chain: u64,
    /// The last that is not in the piece.
    pub after: u32,
    /// The last that is in the piece.
    pub up_to: u32,
}

/// The auth difference of forks (server-server, rooms version 2): everything that is state of, or
/// authorises state of, some forks but not of all. `forks` holds, for each fork, the index
/// entries of its events under conflicted keys; `common` says how far the entries on which all
/// forks agree go on a chain (see [`Coverage::extent`]).
pub fn auth_difference(forks: &[Vec<&Indexed>], common: impl Fn(u64) -> u32) -> Vec<ChainPiece> {
    let mut chains: Vec<u64> = forks
        .iter()
        .flatten()
        .flat_map(|entry| {
            entry
                .reach
                .iter()
                .map(|(chain, _)| chain)
                .chain([entry.place.chain])
        })
        .collect();
    chains.sort_unstable();
    chains.dedup();
    let mut pieces = Vec::new();
    for chain in chains {
        let extents = forks.iter().map(|fork| {
            fork.iter()
                .map(|entry| entry.extent(chain))
                .max()
                .unwrap_or(0)
        });
        let (after, up_to) =
            extents.fold((u32::MAX, 0), |(low, high), e| (e.min(low), e.max(high)));
        if after >= up_to {
            continue;
        }
        let after = after.max(common(chain));
        if after < up_to {
            pieces.push(ChainPiece {
                chain,
                after,
                up_to,
            });
        }
    }
    pieces
}

/// The conflicted state subgraph (rooms version 12): the conflicted events, and every event on a
/// path of `auth_events` from one of them to another. `look_up` gives an event's index entry and
/// the numbers of its `auth_events`; what it does not give (`None`) is returned as the error, to
/// be loaded. Walks only what is in the subgraph, and its direct auth events.
pub fn conflicted_subgraph<N: Copy + Ord + Hash>(
    conflicted: &[N],
    look_up: impl Fn(N) -> Option<(Indexed, Vec<N>)>,
) -> Result<Vec<N>, Vec<N>> {
    let mut missing = Vec::new();
    let mut seen: HashMap<N, (Indexed, Vec<N>)> = HashMap::new();
    for number in conflicted {
        match look_up(*number) {
            Some(entry) => drop(seen.insert(*number, entry)),
            None => missing.push(*number),
        }
    }
    if !missing.is_empty() {
        return Err(missing);
    }
    let ends: Vec<Place> = seen.values().map(|(entry, _)| entry.place).collect();
    let mut subgraph: HashSet<N> = conflicted.iter().copied().collect();
    let mut open: Vec<N> = seen.values().flat_map(|(_, auth)| auth).copied().collect();
    let mut visited: HashSet<N> = subgraph.clone();
    while let Some(number) = open.pop() {
        if !visited.insert(number) {
            continue;
        }
        let Some((entry, auth)) = look_up(number) else {
            missing.push(number);
            continue;
        };
        if ends.iter().any(|end| entry.covers(*end)) {
            subgraph.insert(number);
            open.extend(auth);
        }
    }
    if !missing.is_empty() {
        return Err(missing);
    }
    let mut subgraph: Vec<N> = subgraph.into_iter().collect();
    subgraph.sort_unstable();
    Ok(subgraph)
}
