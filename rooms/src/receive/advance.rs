//! What an accepted event does to the room's ends and to its current state.

use std::collections::HashMap;
use std::sync::Arc;

use causeway_events::Pdu;
use causeway_events::auth_index::{Indexed, assign};
use causeway_store::graph::find_followed;
use causeway_store::log::{CurrentEntry, EventRecord, MemberChange, Membership, Resolved};
use causeway_store::{EventNid, KeyNid, StateRef, StoreError};
use ruma::UserId;

use super::compare::Compared;
use super::graph::Node;
use super::resolve::{Resolution, resolve};
use super::weigh::Weigher;
use crate::head::{StateEntry, membership};
use crate::write::record;

/// How the current state changes.
type Changes = Vec<(KeyNid, Option<EventNid>)>;

impl Weigher<'_> {
    /// The state that several states come to; or why they come to none.
    pub(super) async fn merge(
        &mut self,
        states: &[StateRef],
    ) -> Result<Result<StateRef, String>, StoreError> {
        let compared = self.graph.compare(states).await?;
        let resolution = match self.resolve(states, &compared).await? {
            Ok(resolution) => resolution,
            Err(why) => return Ok(Err(why)),
        };
        // The state that needs the fewest changes is where the new one starts.
        let mut best: Option<(StateRef, Changes)> = None;
        for (at, values) in states.iter().zip(&compared.values) {
            let changes = differences(values, &resolution);
            if best.as_ref().is_none_or(|(_, b)| changes.len() < b.len()) {
                best = Some((*at, changes));
            }
        }
        let Some((base, changes)) = best else {
            return Ok(Err("the event follows on nothing".to_owned()));
        };
        let may_extend = base.line != self.head.row.state.line;
        Ok(Ok(self.graph.lay(base, &changes, may_extend).await?))
    }

    async fn resolve(
        &mut self,
        forks: &[StateRef],
        compared: &Compared,
    ) -> Result<Result<Resolution, String>, StoreError> {
        let parts = self.parts;
        let resolved = resolve(
            &mut self.graph,
            &parts.keys,
            &parts.coverages,
            forks,
            compared,
            self.committed,
        )
        .await;
        match resolved {
            Ok(resolution) => Ok(Ok(resolution)),
            // What a stranger made of the room must not close it to everybody.
            Err(StoreError::Corrupt { table, id }) => {
                tracing::error!(room = %self.head.room_id(), %table, %id, "forks cannot be resolved");
                Ok(Err(format!(
                    "the states before the event cannot be resolved: {id}"
                )))
            }
            Err(error) => Err(error),
        }
    }

    /// Takes an accepted event in: it is one of the room's ends, unless others follow on it
    /// already, and the current state is what those of all ends come to.
    pub(super) async fn advance(
        &mut self,
        record: &mut EventRecord,
        node: &Arc<Node>,
        before: StateRef,
    ) -> Result<(), StoreError> {
        if record.was_wanted {
            return Ok(());
        }
        self.add_end(record);
        let mut states: Vec<StateRef> = Vec::new();
        for end in &self.head.ends {
            if !states.contains(&end.state) {
                states.push(end.state);
            }
        }
        let old = self.head.row.state;
        if states == [old] {
            return Ok(());
        }
        let changes = if states == [node.state] && before == old {
            self.head.row.state = node.state;
            node.key
                .map(|key| (key, Some(node.nid)))
                .into_iter()
                .collect()
        } else {
            self.turn(&states, old).await?
        };
        let current = self.head.row.state;
        record.current = Some(current).filter(|current| *current != record.state);
        self.enter(record, old, changes).await
    }

    /// Sets the current state to what the ends' states come to; gives how it changes.
    async fn turn(&mut self, states: &[StateRef], old: StateRef) -> Result<Changes, StoreError> {
        let mut refs = states.to_vec();
        refs.push(old);
        let compared = self.graph.compare(&refs).await?;
        let resolution = match self.resolve(states, &compared).await? {
            Ok(resolution) => resolution,
            // The state stays what it was.
            Err(_) => return Ok(Changes::new()),
        };
        let changes = differences(&compared.values[states.len()], &resolution);
        self.head.row.state = match states {
            [only] => *only,
            _ => self.graph.lay(old, &changes, true).await?,
        };
        self.watch(states, &compared, &resolution, &changes).await?;
        Ok(changes)
    }

    /// Writes the changes of the current state into the head and the batch.
    async fn enter(
        &mut self,
        record: &mut EventRecord,
        old: StateRef,
        changes: Changes,
    ) -> Result<(), StoreError> {
        let keys: Vec<KeyNid> = changes.iter().map(|(key, _)| *key).collect();
        let were = self.graph.entries(old, &keys).await?;
        let events: Vec<EventNid> = changes.iter().filter_map(|(_, event)| *event).collect();
        self.graph.load_nids(&events).await?;
        let before: Vec<EventNid> = were.values().copied().collect();
        self.graph.load_nids(&before).await?;
        self.changes += changes.len();
        for (key, event) in changes {
            let was = were
                .get(&key)
                .and_then(|nid| self.graph.node(*nid))
                .cloned();
            let is = event.and_then(|nid| self.graph.node(nid)).cloned();
            let member = self.enter_one(key, was.as_deref(), is.as_deref());
            if event == Some(record.nid) {
                record.member = member;
            } else {
                record.resolved.push(Resolved {
                    key,
                    event: is.map(|node| (node.nid, node.pdu.clone())),
                    member,
                });
            }
        }
        Ok(())
    }

    fn enter_one(
        &mut self,
        key: KeyNid,
        was: Option<&Node>,
        is: Option<&Node>,
    ) -> Option<MemberChange> {
        match (is, was) {
            (Some(node), _) => {
                let end = node
                    .index
                    .as_deref()
                    .map(|index| (index.place.chain, index.place.seq));
                let is_end = end.and_then(|end| self.chain_ends.get(&end).copied());
                drop(self.head.set(StateEntry {
                    key,
                    nid: node.nid,
                    pdu: node.pdu.clone(),
                    index: node.index.clone(),
                    is_end: is_end.unwrap_or(false),
                }));
            }
            (None, Some(was)) => {
                let state_key = was.pdu.state_key().unwrap_or_default();
                self.head.unset(was.pdu.event_type(), state_key);
            }
            (None, None) => {}
        }
        let before = was.and_then(|node| membership(&node.pdu));
        let server = &self.parts.settings.server_name;
        let member = match (is, was) {
            (Some(node), _) => record::member_change(&node.pdu, before, server),
            (None, Some(was)) => gone(&was.pdu, before, server),
            (None, None) => None,
        };
        match &member {
            Some(change) => record::count(&mut self.head.row, change),
            None => self.batch.current.push(CurrentEntry {
                key,
                event: is.map(|node| node.nid),
            }),
        }
        member
    }

    /// Gives a state event its place in the index of auth chains.
    pub(super) async fn index(
        &mut self,
        pdu: &Pdu,
        nid: EventNid,
    ) -> Result<Arc<Indexed>, StoreError> {
        let auth: Vec<Arc<Node>> = pdu
            .auth_events()
            .iter()
            .filter_map(|id| self.graph.find(id).cloned())
            .collect();
        let state_key = pdu.state_key().unwrap_or_default();
        let replaced = auth
            .iter()
            .find(|node| node.pdu.is_state(pdu.event_type(), state_key));
        let place = replaced.and_then(|node| Some(node.index.as_deref()?.place));
        let mut is_end = false;
        if let Some(place) = place {
            let end = (place.chain, place.seq);
            is_end = match self.chain_ends.get(&end) {
                Some(known) => *known,
                None => {
                    let chain = EventNid(place.chain.cast_signed());
                    let seq = i32::try_from(place.seq).unwrap_or(i32::MAX);
                    let room = self.room();
                    let followed = find_followed(self.graph.store(), room, &[(chain, seq)]).await?;
                    followed.is_empty()
                }
            };
            self.chain_ends.insert(end, false);
        }
        if let Some(node) = replaced.filter(|_| is_end) {
            let (event_type, nid) = (pdu.event_type(), node.nid);
            self.head.note_followed(event_type, state_key, nid);
        }
        let entries: Vec<&Indexed> = auth.iter().filter_map(|n| n.index.as_deref()).collect();
        let replaced = replaced.and_then(|node| node.index.as_deref());
        let index = assign(&entries, replaced, |_| is_end, nid.0.unsigned_abs());
        self.chain_ends
            .insert((index.place.chain, index.place.seq), true);
        Ok(Arc::new(index))
    }
}

/// What has to change in a state for it to be the resolution.
fn differences(values: &HashMap<KeyNid, EventNid>, resolution: &Resolution) -> Changes {
    let mut changes: Changes = resolution
        .values
        .iter()
        .filter(|(key, event)| values.get(key).copied() != **event)
        .map(|(key, event)| (*key, *event))
        .collect();
    changes.sort_unstable_by_key(|(key, _)| *key);
    changes
}

/// A membership of which nothing is left.
fn gone(was: &Pdu, before: Option<Membership>, server: &ruma::ServerName) -> Option<MemberChange> {
    let is_member = was.event_type() == "m.room.member";
    let user = UserId::parse(was.state_key()?).ok().filter(|_| is_member)?;
    Some(MemberChange {
        is_local: user.server_name() == server,
        user,
        before,
        after: Membership::Leave,
        display_name: None,
        avatar_url: None,
    })
}
