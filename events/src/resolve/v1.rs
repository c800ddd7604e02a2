//! State resolution of room version 1 (rooms, Version 1, State resolution).

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::HashMap;

use sha1::{Digest, Sha1};

use super::{Conflict, Found, Missing, Outcome, Question, ResolveError, ResolveSource};
use crate::auth::authorise;
use crate::pdu::Pdu;
use crate::version::RoomVersion;

/// Types that authorise others are settled in this order, each against what is settled so far.
const PASSES: [&str; 3] = ["m.room.power_levels", "m.room.join_rules", "m.room.member"];

struct Run<'a, S: ResolveSource> {
    version: RoomVersion,
    source: &'a S,
    /// What is settled of the keys that were in conflict; `None`: not settled yet.
    settled: HashMap<S::Key, Option<Pdu>>,
    missing: RefCell<Missing<S::Event>>,
}

pub(super) fn resolve<S: ResolveSource>(
    version: RoomVersion,
    source: &S,
    question: &Question<S::Key, S::Event>,
) -> Outcome<S> {
    let mut run = Run {
        version,
        source,
        settled: question
            .conflicts
            .iter()
            .map(|conflict| (conflict.key, None))
            .collect(),
        missing: RefCell::default(),
    };
    let mut open: Vec<(S::Key, Vec<Pdu>)> = Vec::new();
    for conflict in &question.conflicts {
        let events = run.load(conflict);
        match <[Pdu; 1]>::try_from(events) {
            // Present in some forks, absent in others: no conflict in this version.
            Ok([only]) => drop(run.settled.insert(conflict.key, Some(only))),
            Err(events) => open.push((conflict.key, events)),
        }
    }
    run.bail_if_missing()?;
    for pass in PASSES {
        let (now, later) = open.into_iter().partition(|(_, e)| is_of_type(e, pass));
        open = later;
        run.settle(now, Run::pick_authorising)?;
    }
    run.settle(open, Run::pick_other)?;
    question
        .conflicts
        .iter()
        .map(|conflict| {
            let event = run.settled.get(&conflict.key).and_then(Option::as_ref);
            let number = event.and_then(|event| source.number(event.event_id()));
            Ok((conflict.key, number))
        })
        .collect()
}

fn is_of_type(events: &[Pdu], event_type: &str) -> bool {
    events
        .first()
        .is_some_and(|event| event.event_type() == event_type)
}

impl<S: ResolveSource> Run<'_, S> {
    /// The events in conflict, by ascending depth, then by descending SHA-1 of the id.
    fn load(&self, conflict: &Conflict<S::Key, S::Event>) -> Vec<Pdu> {
        let mut events = Vec::with_capacity(conflict.events.len());
        for number in &conflict.events {
            match self.source.event(*number) {
                Found::Here(event) => events.push(event),
                Found::Absent => {}
                Found::NotLoaded => self.missing.borrow_mut().events.push(*number),
            }
        }
        events.sort_by_cached_key(|event| {
            (
                event.depth(),
                Reverse(<[u8; 20]>::from(Sha1::digest(event.event_id().as_bytes()))),
            )
        });
        events
    }

    /// Settles all keys of one pass against what the passes before have settled.
    fn settle(
        &mut self,
        keys: Vec<(S::Key, Vec<Pdu>)>,
        pick: impl Fn(&Self, S::Key, &[Pdu]) -> Option<Pdu>,
    ) -> Result<(), ResolveError<S::Event>> {
        let picked: Vec<_> = keys
            .iter()
            .map(|(key, events)| (*key, pick(self, *key, events)))
            .collect();
        self.bail_if_missing()?;
        self.settled.extend(picked);
        Ok(())
    }

    /// From the oldest on, as long as each is allowed after the one before.
    fn pick_authorising(&self, key: S::Key, events: &[Pdu]) -> Option<Pdu> {
        let (first, rest) = events.split_first()?;
        let mut best = first;
        for event in rest {
            if !self.is_allowed(event, Some((key, best))) {
                break;
            }
            best = event;
        }
        Some(best.clone())
    }

    /// The newest that is allowed; where none is, the oldest, as others have always done.
    fn pick_other(&self, _: S::Key, events: &[Pdu]) -> Option<Pdu> {
        let allowed = events
            .iter()
            .rev()
            .find(|event| self.is_allowed(event, None));
        allowed.or_else(|| events.first()).cloned()
    }

    fn is_allowed(&self, event: &Pdu, candidate: Option<(S::Key, &Pdu)>) -> bool {
        let state = |event_type: &str, state_key: &str| -> Option<Pdu> {
            let not_loaded = || {
                let key = (event_type.to_owned(), state_key.to_owned());
                self.missing.borrow_mut().keys.push(key);
            };
            let key = match self.source.key(event_type, state_key) {
                Found::Here(key) => key,
                Found::Absent => return None,
                Found::NotLoaded => {
                    not_loaded();
                    return None;
                }
            };
            if let Some((_, event)) = candidate.filter(|(at, _)| *at == key) {
                return Some(event.clone());
            }
            if let Some(settled) = self.settled.get(&key) {
                return settled.clone();
            }
            match self.source.unconflicted(key) {
                Found::Here(number) => match self.source.event(number) {
                    Found::Here(event) => return Some(event),
                    Found::Absent => {}
                    Found::NotLoaded => self.missing.borrow_mut().events.push(number),
                },
                Found::Absent => {}
                Found::NotLoaded => not_loaded(),
            }
            None
        };
        authorise(self.version, event, state).is_ok()
    }

    fn bail_if_missing(&self) -> Result<(), ResolveError<S::Event>> {
        self.missing.take().into_result()
    }
}
