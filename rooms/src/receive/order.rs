//! The order in which events are taken in: each after those that it follows on.

use std::collections::{HashMap, HashSet, VecDeque};

use causeway_events::Pdu;
use ruma::EventId;

/// Sorts events so that each comes after those among them that it names, and drops what is there
/// twice. Those that name each other in a circle come last: something that they name is missing
/// then.
pub(super) fn sort(pdus: Vec<Pdu>) -> Vec<Pdu> {
    let mut seen: HashSet<&EventId> = HashSet::new();
    let first: Vec<bool> = pdus.iter().map(|pdu| seen.insert(pdu.event_id())).collect();
    let at: HashMap<&EventId, usize> = pdus
        .iter()
        .enumerate()
        .filter(|(n, _)| first[*n])
        .map(|(n, pdu)| (pdu.event_id(), n))
        .collect();
    let mut waits = vec![0usize; pdus.len()];
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); pdus.len()];
    for (n, pdu) in pdus.iter().enumerate().filter(|(n, _)| first[*n]) {
        let named: HashSet<usize> = pdu
            .prev_events()
            .iter()
            .chain(pdu.auth_events())
            .filter_map(|id| at.get(&**id).copied())
            .collect();
        waits[n] = named.len();
        for other in named {
            followers[other].push(n);
        }
    }
    let mut ready: VecDeque<usize> = (0..pdus.len())
        .filter(|n| first[*n] && waits[*n] == 0)
        .collect();
    let mut order = Vec::with_capacity(pdus.len());
    while let Some(n) = ready.pop_front() {
        order.push(n);
        for follower in &followers[n] {
            waits[*follower] -= 1;
            if waits[*follower] == 0 {
                ready.push_back(*follower);
            }
        }
    }
    let placed: HashSet<usize> = order.iter().copied().collect();
    order.extend((0..pdus.len()).filter(|n| first[*n] && !placed.contains(n)));
    let mut pdus: Vec<Option<Pdu>> = pdus.into_iter().map(Some).collect();
    order.into_iter().filter_map(|n| pdus[n].take()).collect()
}
