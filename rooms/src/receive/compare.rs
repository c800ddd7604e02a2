//! States side by side.

use std::collections::{HashMap, HashSet};

use causeway_store::graph::{Segment, load_steps};
use causeway_store::log::StateStep;
use causeway_store::{EventNid, KeyNid, StateRef, StoreError};

use super::graph::Graph;

/// Several states side by side.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// Every key in which they may differ.
    pub(super) keys: Vec<KeyNid>,
    /// For each state, what it has for these keys; nothing stands where there is no entry.
    pub(super) values: Vec<HashMap<KeyNid, EventNid>>,
}

impl Graph {
    /// Puts states side by side: only what was changed since they parted is looked at.
    pub(super) async fn compare(&mut self, refs: &[StateRef]) -> Result<Compared, StoreError> {
        self.load_lines(refs).await?;
        let paths: Vec<Vec<StateRef>> = refs.iter().map(|at| self.path(*at)).collect();
        let common = common_state(&paths);
        let pieces: Vec<Vec<Segment>> = paths.iter().map(|path| above(path, common)).collect();
        let steps = self.steps(&pieces).await?;
        let mut compared = Compared::default();
        for pieces in &pieces {
            let mut values = HashMap::new();
            for piece in pieces.iter().rev() {
                let steps = steps.get(&piece.line).into_iter().flatten();
                let in_piece =
                    steps.filter(|step| step.at.step > piece.after && step.at.step <= piece.up_to);
                values.extend(in_piece.map(|step| (step.key, step.event)));
            }
            compared.keys.extend(values.keys());
            compared.values.push(values);
        }
        compared.keys.sort_unstable();
        compared.keys.dedup();
        let below = match common {
            Some(common) if !compared.keys.is_empty() => {
                self.entries(common, &compared.keys).await?
            }
            _ => HashMap::new(),
        };
        for values in &mut compared.values {
            for (key, event) in &below {
                values.entry(*key).or_insert(*event);
            }
            values.retain(|_, event| event.0 != 0);
        }
        Ok(compared)
    }

    /// The steps on some pieces of lines, by line, in order.
    async fn steps(
        &self,
        pieces: &[Vec<Segment>],
    ) -> Result<HashMap<i32, Vec<StateStep>>, StoreError> {
        let all: HashSet<Segment> = pieces.iter().flatten().copied().collect();
        let stored: Vec<Segment> = all
            .iter()
            .filter(|piece| piece.after < piece.up_to && !self.is_new(piece.line))
            .copied()
            .collect();
        let mut steps: HashMap<i32, Vec<StateStep>> = HashMap::new();
        if !stored.is_empty() {
            for step in load_steps(self.store(), self.room, &stored).await? {
                steps.entry(step.at.line).or_default().push(StateStep {
                    at: step.at,
                    key: step.key,
                    event: step.event,
                });
            }
        }
        let lines: HashSet<i32> = all.iter().map(|piece| piece.line).collect();
        for line in lines {
            if let Some(laid) = self.laid.get(&line) {
                steps.entry(line).or_default().extend(laid);
            }
        }
        Ok(steps)
    }
}

/// The newest state from which all paths come.
fn common_state(paths: &[Vec<StateRef>]) -> Option<StateRef> {
    let first = paths.first()?;
    first.iter().find_map(|place| {
        let steps = paths.iter().map(|path| {
            let same = path.iter().find(|other| other.line == place.line);
            same.map(|other| other.step)
        });
        let lowest = steps.collect::<Option<Vec<i32>>>()?.into_iter().min()?;
        Some(StateRef {
            line: place.line,
            step: lowest,
        })
    })
}

/// The pieces of a path above a state on it, topmost first.
fn above(path: &[StateRef], common: Option<StateRef>) -> Vec<Segment> {
    let mut pieces = Vec::new();
    for place in path {
        let is_last = common.is_some_and(|common| common.line == place.line);
        pieces.push(Segment {
            line: place.line,
            after: common.filter(|_| is_last).map_or(0, |common| common.step),
            up_to: place.step,
        });
        if is_last {
            break;
        }
    }
    pieces
}
