//! What is known of a room's graph while events are taken in: events and states that were read, and
//! those that the batch at hand adds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use causeway_events::auth_index::Indexed;
use causeway_events::{Pdu, RoomVersion};
use causeway_store::graph::{LineRow, NodeRow, find_lines, find_nodes, find_nodes_by_nid};
use causeway_store::log::{NewLine, OUTLIER, REJECTED, StateStep};
use causeway_store::{EventNid, KeyNid, RoomNid, StateRef, Store, StoreError, state};
use ruma::{EventId, OwnedEventId};

use crate::heads::{corrupt, indexed, stored};

/// Lines that may hang below each other. A state that would be higher up is written out whole, on a
/// line of its own.
const MAX_HEIGHT: i32 = 64;

/// An event with what it hangs on.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) nid: EventNid,
    /// The event, marked if it was rejected.
    pub(super) pdu: Pdu,
    pub(super) flags: i16,
    /// The state after it.
    pub(super) state: StateRef,
    pub(super) key: Option<KeyNid>,
    /// Numbers of its auth events.
    pub(super) auth: Vec<EventNid>,
    pub(super) index: Option<Arc<Indexed>>,
}

impl Node {
    /// From the table.
    pub(super) fn read(
        version: RoomVersion,
        room: RoomNid,
        row: NodeRow,
    ) -> Result<Self, StoreError> {
        let pdu = stored(version, room, &row.event_id, row.json)?;
        Ok(Self {
            nid: row.nid,
            pdu: pdu.with_rejected(row.flags & REJECTED != 0),
            flags: row.flags,
            state: row.state,
            key: row.key,
            auth: row.auth,
            index: indexed(row.index)?,
        })
    }

    /// Whether the event has no place in the room.
    pub(super) fn is_outlier(&self) -> bool {
        self.flags & OUTLIER != 0
    }
}

/// A room's graph, as far as it was looked at.
pub(super) struct Graph {
    store: Store,
    pub(super) room: RoomNid,
    pub(super) version: RoomVersion,
    by_nid: HashMap<EventNid, Arc<Node>>,
    by_id: HashMap<OwnedEventId, Option<EventNid>>,
    lines: HashMap<i32, LineRow>,
    entries: HashMap<(StateRef, KeyNid), Option<EventNid>>,
    /// Steps that the batch adds, by line.
    pub(super) laid: HashMap<i32, Vec<StateStep>>,
    /// Lines that the batch adds.
    pub(super) new_lines: Vec<NewLine>,
    pub(super) next_line: i32,
}

impl Graph {
    pub(super) fn new(store: Store, room: RoomNid, version: RoomVersion, next_line: i32) -> Self {
        Self {
            store,
            room,
            version,
            by_nid: HashMap::new(),
            by_id: HashMap::new(),
            lines: HashMap::new(),
            entries: HashMap::new(),
            laid: HashMap::new(),
            new_lines: Vec::new(),
            next_line,
        }
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Adds an event.
    pub(super) fn add(&mut self, node: Node) -> Arc<Node> {
        let node = Arc::new(node);
        self.by_id
            .insert(node.pdu.owned_event_id().clone(), Some(node.nid));
        self.by_nid.insert(node.nid, node.clone());
        node
    }

    /// Reads events by their ids. Those that the server has not got are remembered as such.
    pub(super) async fn load_ids(&mut self, ids: &[OwnedEventId]) -> Result<(), StoreError> {
        let unknown: Vec<&OwnedEventId> = ids
            .iter()
            .filter(|id| !self.by_id.contains_key(*id))
            .collect::<HashSet<_>>()
            .into_iter()
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let texts: Vec<&str> = unknown.iter().map(|id| id.as_str()).collect();
        let rows = find_nodes(&self.store, self.room, &texts).await?;
        for id in unknown {
            self.by_id.insert(id.clone(), None);
        }
        self.take(rows)
    }

    /// Reads events by their numbers.
    pub(super) async fn load_nids(&mut self, nids: &[EventNid]) -> Result<(), StoreError> {
        let mut unknown: Vec<EventNid> = nids
            .iter()
            .filter(|nid| nid.0 != 0 && !self.by_nid.contains_key(nid))
            .copied()
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        unknown.sort_unstable();
        unknown.dedup();
        let rows = find_nodes_by_nid(&self.store, self.room, &unknown).await?;
        if rows.len() < unknown.len() {
            return Err(corrupt("events", self.room));
        }
        self.take(rows)
    }

    fn take(&mut self, rows: Vec<NodeRow>) -> Result<(), StoreError> {
        for row in rows {
            // What the batch at hand says of an event is newer than its row.
            if !self.by_nid.contains_key(&row.nid) {
                let node = Node::read(self.version, self.room, row)?;
                self.add(node);
            }
        }
        Ok(())
    }

    /// An event that was read, or is new.
    pub(super) fn node(&self, nid: EventNid) -> Option<&Arc<Node>> {
        self.by_nid.get(&nid)
    }

    /// An event that was asked for by its id, if the server has it.
    pub(super) fn find(&self, id: &EventId) -> Option<&Arc<Node>> {
        let nid = (*self.by_id.get(id)?)?;
        self.by_nid.get(&nid)
    }

    /// Whether an event was asked for by its id.
    pub(super) fn was_asked(&self, id: &EventId) -> bool {
        self.by_id.contains_key(id)
    }

    /// The state events in the index that were read, or are new.
    pub(super) fn indexed(&self) -> impl Iterator<Item = (EventNid, &Indexed)> {
        let nodes = self.by_nid.values();
        nodes.filter_map(|node| Some((node.nid, node.index.as_deref()?)))
    }

    pub(super) async fn load_lines(&mut self, refs: &[StateRef]) -> Result<(), StoreError> {
        let unknown: HashSet<i32> = refs
            .iter()
            .map(|at| at.line)
            .filter(|line| !self.lines.contains_key(line))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let unknown: Vec<i32> = unknown.into_iter().collect();
        for row in find_lines(&self.store, self.room, &unknown).await? {
            self.lines.entry(row.line).or_insert(row);
        }
        if unknown.iter().all(|line| self.lines.contains_key(line)) {
            Ok(())
        } else {
            Err(corrupt("state_lines", self.room))
        }
    }

    /// Whether a state's line is still there.
    pub(super) async fn has_line(&mut self, at: StateRef) -> Result<bool, StoreError> {
        match self.load_lines(&[at]).await {
            Err(StoreError::Corrupt { .. }) => Ok(false),
            found => found.map(|()| true),
        }
    }

    pub(super) fn is_new(&self, line: i32) -> bool {
        self.new_lines.iter().any(|new| new.line == line)
    }

    /// A state, and the states that its lines start from, down to the ground.
    pub(super) fn path(&self, at: StateRef) -> Vec<StateRef> {
        let mut path = vec![at];
        let mut line = at.line;
        while let Some(parent) = self.lines.get(&line).and_then(|row| row.parent) {
            path.push(parent);
            line = parent.line;
        }
        path
    }

    /// Some entries of a state.
    pub(super) async fn entries(
        &mut self,
        at: StateRef,
        keys: &[KeyNid],
    ) -> Result<HashMap<KeyNid, EventNid>, StoreError> {
        let unknown: HashSet<KeyNid> = keys
            .iter()
            .filter(|key| !self.entries.contains_key(&(at, **key)))
            .copied()
            .collect();
        if !unknown.is_empty() {
            let found = self.read_entries(at, unknown.clone()).await?;
            for key in unknown {
                let event = found.get(&key).copied().filter(|event| event.0 != 0);
                self.entries.insert((at, key), event);
            }
        }
        let entry = |key: &KeyNid| Some((*key, (*self.entries.get(&(at, *key))?)?));
        Ok(keys.iter().filter_map(entry).collect())
    }

    async fn read_entries(
        &mut self,
        at: StateRef,
        mut open: HashSet<KeyNid>,
    ) -> Result<HashMap<KeyNid, EventNid>, StoreError> {
        self.load_lines(&[at]).await?;
        let mut found = HashMap::new();
        for place in self.path(at) {
            for step in self.laid.get(&place.line).into_iter().flatten().rev() {
                if step.at.step <= place.step && open.remove(&step.key) {
                    found.insert(step.key, step.event);
                }
            }
            if !self.is_new(place.line) {
                let open: Vec<KeyNid> = open.into_iter().collect();
                if !open.is_empty() {
                    found.extend(state::find_entries(&self.store, self.room, place, &open).await?);
                }
                return Ok(found);
            }
        }
        Ok(found)
    }

    /// A whole state, sorted by key.
    pub(super) async fn whole(
        &mut self,
        at: StateRef,
    ) -> Result<Vec<(KeyNid, EventNid)>, StoreError> {
        self.load_lines(&[at]).await?;
        let path = self.path(at);
        let in_store = path.iter().position(|place| !self.is_new(place.line));
        let mut entries: HashMap<KeyNid, EventNid> = match in_store {
            Some(place) => {
                let base = state::load(&self.store, self.room, path[place]).await?;
                base.into_iter().collect()
            }
            None => HashMap::new(),
        };
        let upper = in_store.map_or(path.len(), |place| place + 1);
        for place in path[..upper].iter().rev() {
            let steps = self.laid.get(&place.line).into_iter().flatten();
            for step in steps.filter(|step| step.at.step <= place.step) {
                entries.insert(step.key, step.event);
            }
        }
        entries.retain(|_, event| event.0 != 0);
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        Ok(entries)
    }

    /// The state that differs from `base` in `changes`: on the line of `base` if it may go on there
    /// and ends there, on a new one otherwise.
    pub(super) async fn lay(
        &mut self,
        base: StateRef,
        changes: &[(KeyNid, Option<EventNid>)],
        may_extend: bool,
    ) -> Result<StateRef, StoreError> {
        if changes.is_empty() {
            return Ok(base);
        }
        self.load_lines(&[base]).await?;
        let Some(row) = self.lines.get(&base.line).copied() else {
            return Err(corrupt("state_lines", self.room));
        };
        let mut at = if may_extend && row.end == base.step {
            base
        } else if row.height < MAX_HEIGHT {
            self.begin_line(Some(base), row.height + 1)
        } else {
            let entries = self.whole(base).await?;
            let ground = self.begin_line(None, 0);
            let entries = entries.into_iter().map(|(key, event)| (key, Some(event)));
            self.go_on(ground, entries)
        };
        at = self.go_on(at, changes.iter().copied());
        Ok(at)
    }

    /// A state that is written out whole.
    pub(super) fn lay_whole(
        &mut self,
        entries: impl IntoIterator<Item = (KeyNid, EventNid)>,
    ) -> StateRef {
        let ground = self.begin_line(None, 0);
        let entries = entries.into_iter().map(|(key, event)| (key, Some(event)));
        self.go_on(ground, entries)
    }

    fn begin_line(&mut self, parent: Option<StateRef>, height: i32) -> StateRef {
        let line = self.next_line;
        self.next_line += 1;
        self.new_lines.push(NewLine {
            line,
            parent,
            height,
        });
        self.lines.insert(
            line,
            LineRow {
                line,
                parent,
                height,
                end: 0,
            },
        );
        StateRef { line, step: 0 }
    }

    fn go_on(
        &mut self,
        mut at: StateRef,
        changes: impl IntoIterator<Item = (KeyNid, Option<EventNid>)>,
    ) -> StateRef {
        let laid = self.laid.entry(at.line).or_default();
        for (key, event) in changes {
            at.step += 1;
            laid.push(StateStep {
                at,
                key,
                event: event.unwrap_or_default(),
            });
        }
        if let Some(row) = self.lines.get_mut(&at.line) {
            row.end = at.step;
        }
        at
    }

    /// The last step of a state's line, and the lines below it.
    pub(super) async fn line_of(&mut self, at: StateRef) -> Result<LineRow, StoreError> {
        self.load_lines(&[at]).await?;
        let row = self.lines.get(&at.line).copied();
        row.ok_or_else(|| corrupt("state_lines", self.room))
    }

    /// The lines and steps that the batch adds so far; they are in the database from now on.
    pub(super) fn take_laid(&mut self) -> (Vec<NewLine>, Vec<StateStep>) {
        (std::mem::take(&mut self.new_lines), self.take_steps())
    }

    /// All steps that the batch adds.
    pub(super) fn take_steps(&mut self) -> Vec<StateStep> {
        std::mem::take(&mut self.laid)
            .into_values()
            .flatten()
            .collect()
    }
}
