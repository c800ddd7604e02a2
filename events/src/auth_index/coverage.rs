//! How far a whole state goes in the index.

use std::collections::HashMap;

use super::{Indexed, Place, Reach};

/// How far the events of a state, with all that authorises them, go on each chain. It is kept
/// with a state in memory: an entry is added or removed in constant time. Members reach few
/// different things, so asking costs a step per *different* reach, not per member.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    reaches: HashMap<Reach, u32>,
    /// The state's own events on each chain; nearly always one.
    places: HashMap<u64, Vec<u32>>,
}

impl Coverage {
    /// Takes in an event of the state.
    pub fn add(&mut self, entry: &Indexed) {
        let Place { chain, seq } = entry.place;
        *self.reaches.entry(entry.reach.clone()).or_default() += 1;
        self.places.entry(chain).or_default().push(seq);
    }

    /// Takes out an event that was taken in before.
    pub fn remove(&mut self, entry: &Indexed) {
        let Place { chain, seq } = entry.place;
        if let Some(count) = self.reaches.get_mut(&entry.reach) {
            *count -= 1;
            if *count == 0 {
                self.reaches.remove(&entry.reach);
            }
        }
        if let Some(seqs) = self.places.get_mut(&chain) {
            if let Some(at) = seqs.iter().position(|known| *known == seq) {
                seqs.swap_remove(at);
            }
            if seqs.is_empty() {
                self.places.remove(&chain);
            }
        }
    }

    /// How far the state goes on a chain; 0 for not at all.
    pub fn extent(&self, chain: u64) -> u32 {
        self.extent_without(chain, &[])
    }

    /// The same as if these entries (of the state) had been taken out.
    pub fn extent_without(&self, chain: u64, without: &[&Indexed]) -> u32 {
        let hidden = |reach: &Reach| without.iter().filter(|e| e.reach == *reach).count();
        let reached = self
            .reaches
            .iter()
            .map(|(reach, count)| (reach, reach.get(chain), *count as usize))
            .filter(|(reach, seq, count)| *seq > 0 && hidden(reach) < *count)
            .map(|(_, seq, _)| seq);
        let own = self.places.get(&chain).into_iter().flatten().copied();
        let own = own.filter(|seq| {
            !without
                .iter()
                .any(|e| e.place == Place { chain, seq: *seq })
        });
        reached.chain(own).max().unwrap_or(0)
    }

    /// How many different reaches there are.
    pub fn different(&self) -> usize {
        self.reaches.len()
    }
}

impl<'a> FromIterator<&'a Indexed> for Coverage {
    fn from_iter<I: IntoIterator<Item = &'a Indexed>>(entries: I) -> Self {
        let mut coverage = Self::default();
        for entry in entries {
            coverage.add(entry);
        }
        coverage
    }
}
