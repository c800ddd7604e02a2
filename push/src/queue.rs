//! Which pushers are told of an event.

use std::collections::{HashMap, HashSet};

use causeway_store::push::{self as store, NewQueued, PusherKey};
use causeway_store::{RoomNid, StoreError};

use crate::judge::{ForUser, Known, Verdict};
use crate::reader::Parts;
use crate::work::Candidate;

/// What is queued for the pushers of those whom events notify. One query.
pub(crate) async fn queue(
    parts: &Parts,
    known: &Known,
    judged: &[(&Candidate, Verdict)],
) -> Result<Vec<NewQueued>, StoreError> {
    let telling = judged
        .iter()
        .filter(|(_, verdict)| verdict.tells_somebody());
    let rooms: HashSet<RoomNid> = telling.clone().map(|(it, _)| it.logged.room).collect();
    let rooms: Vec<RoomNid> = rooms.into_iter().collect();
    let mut pushers: HashMap<RoomNid, Vec<(bool, PusherKey)>> = HashMap::new();
    for (room, is_member, key) in store::pushers_in(&parts.store, &rooms).await? {
        pushers.entry(room).or_default().push((is_member, key));
    }
    let mut queued = Vec::new();
    for (candidate, verdict) in telling {
        let room = candidate.logged.room;
        let single: HashMap<&str, &ForUser> = verdict
            .users
            .iter()
            .map(|user| (user.user.as_str(), user))
            .collect();
        for (is_member, key) in pushers.get(&room).into_iter().flatten() {
            let actions = match single.get(key.user.as_str()) {
                Some(user) => user.actions.clone(),
                None if *is_member && !known.has_own_rules(room, &key.user) => verdict
                    .shared
                    .as_ref()
                    .map(|outcome| outcome.actions.clone()),
                None => None,
            };
            let Some(actions) = actions else { continue };
            queued.push(NewQueued {
                pusher: key.clone(),
                room,
                position: candidate.logged.position,
                event: candidate.logged.nid,
                thread: candidate.thread.clone(),
                actions,
            });
        }
    }
    Ok(queued)
}
