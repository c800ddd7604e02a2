//! Rooms that were joined elsewhere.

use std::collections::HashSet;

use causeway_events::{Pdu, RoomVersion};
use causeway_store::graph::{ImportedMember, ensure_room, replace_current_state};
use causeway_store::log::Membership;
use causeway_store::rooms::list_joined_local;
use causeway_store::{EventNid, KeyNid, RoomNid, StateRef, state};
use ruma::{OwnedEventId, OwnedRoomId, RoomId};

use super::gap::MAX_STATE_EVENTS;
use super::weigh::Weigher;
use super::{MAX_ATTEMPTS, Outcome, ReceiveError, Written};
use crate::rooms::Rooms;
use crate::write::record;

/// A room as the server that let us in gave it (server-server, `PUT /send_join`).
#[derive(Debug, Clone)]
pub struct Import {
    /// The room.
    pub room_id: OwnedRoomId,
    /// Its version.
    pub version: RoomVersion,
    /// The event that joins: our user's, with the other server's signature where the room wants it.
    pub event: Pdu,
    /// The state before it.
    pub state: Vec<Pdu>,
    /// What authorises that, with all that is behind it.
    pub auth_chain: Vec<Pdu>,
}

impl Rooms {
    /// Takes in a room that none of our users is in, with the event that joins it. All events were
    /// verified as in [`Rooms::receive`]; here each is held against its auth events, and the join
    /// against the state.
    ///
    /// Readers of the log are told of the join alone; then the room is as any other. What came
    /// before the join is wanted ([`Rooms::gaps`]) and comes with [`Rooms::take_history`].
    ///
    /// A room that was known before (invited to, or left) is taken over: its state is what was
    /// given now.
    ///
    /// # Errors
    /// See [`ReceiveError`]. An outcome other than [`Outcome::Accepted`] says that the join does not
    /// stand; nobody is told of anything then.
    pub async fn import(&self, import: Import) -> Result<Outcome, ReceiveError> {
        if import.state.len() + import.auth_chain.len() > MAX_STATE_EVENTS {
            return Err(ReceiveError::TooMany);
        }
        let room = &import.room_id;
        self.ensure_room(room, import.version).await?;
        let warm = self.parts().heads.warm(room);
        let _turn = warm.receiving.lock().await;
        for _ in 0..MAX_ATTEMPTS {
            match self.import_once(&import).await {
                Ok(Written::Done(mut done)) => {
                    let outcome = done.pop().map(|(_, outcome)| outcome);
                    return outcome.ok_or(ReceiveError::Busy);
                }
                Ok(Written::Moved) => {}
                Ok(Written::Unavailable(error)) => return Err(ReceiveError::Append(error)),
                Err(ReceiveError::Store(error)) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
        Err(ReceiveError::Busy)
    }

    /// Makes sure that there is a row for the room: without events, if the server does not know it.
    pub(super) async fn ensure_room(
        &self,
        room: &RoomId,
        version: RoomVersion,
    ) -> Result<(), ReceiveError> {
        let parts = self.parts();
        let nid = RoomNid(parts.nids.next().await?);
        let now = parts.clock.now_ms();
        ensure_room(&parts.store, nid, room, version.id().as_str(), now).await?;
        let head = parts.heads.head(room).await?;
        if head.version() == version {
            Ok(())
        } else {
            Err(ReceiveError::OtherVersion)
        }
    }

    async fn import_once(&self, import: &Import) -> Result<Written, ReceiveError> {
        let parts = self.parts();
        let room = &*import.room_id;
        // Whatever memory says of a room that we are not in may be old.
        parts.heads.forget(room);
        let head = parts.heads.head(room).await?;
        if !list_joined_local(&parts.store, head.room(), false, 1)
            .await?
            .is_empty()
        {
            return Err(ReceiveError::AlreadyIn);
        }
        parts.log.settled().await.map_err(ReceiveError::Append)?;
        let mut weigher = Weigher::new(parts, head);
        // At once: what is behind the state hangs on entries of it, too (old power levels on the
        // membership of who set them).
        let given = import.auth_chain.iter().chain(&import.state).cloned();
        weigher.add_outliers(given.collect()).await?;
        weigher
            .prefetch(std::slice::from_ref(&import.event))
            .await?;
        let ids: Vec<OwnedEventId> = import
            .state
            .iter()
            .map(|pdu| pdu.owned_event_id().clone())
            .collect();
        let entries = weigher.state_of(&ids);
        let entries: Vec<(KeyNid, EventNid)> = entries.into_iter().collect();
        let before = weigher.lay_state(entries.clone()).await?;
        weigher.begin_at(before, &entries);
        let outcome = weigher.weigh(&import.event, Some(before)).await?;
        let done = vec![(import.event.owned_event_id().clone(), outcome)];
        if !matches!(done[0].1, Outcome::Accepted) {
            return Ok(Written::Done(done));
        }
        let (others, members) = weigher.divide(&entries, &import.event);
        let nid = weigher.room();
        replace_current_state(&parts.store, nid, &others, &members).await?;
        let written = self.write(room, weigher, done).await?;
        parts.heads.forget(room);
        if matches!(written, Written::Done(_)) {
            self.checkpoint(nid, before, entries.len());
        }
        Ok(written)
    }

    /// Packs the state of a large room, beside whatever goes on.
    fn checkpoint(&self, room: RoomNid, at: StateRef, entries: usize) {
        /// Entries from which on that is worth a thought.
        const LARGE: usize = 500;
        if entries < LARGE {
            return;
        }
        let store = self.store().clone();
        tokio::spawn(async move {
            if let Err(error) = state::write_checkpoint(&store, room, at).await {
                tracing::warn!(%error, %room, "writing a checkpoint of the state");
            }
        });
    }
}

impl Weigher<'_> {
    /// Lets the room begin anew: nothing but this state, and no ends.
    fn begin_at(&mut self, state: StateRef, entries: &[(KeyNid, EventNid)]) {
        self.head.set_ends(Vec::new());
        self.head.row.state = state;
        self.committed = state;
        let members = self.members(entries);
        let count = |what| members.iter().filter(|m| m.change.after == what).count();
        let count = |what| i32::try_from(count(what)).unwrap_or(i32::MAX);
        self.head.row.joined_members = count(Membership::Join);
        self.head.row.invited_members = count(Membership::Invite);
    }

    fn members(&self, entries: &[(KeyNid, EventNid)]) -> Vec<ImportedMember> {
        let member = |(key, nid): &(KeyNid, EventNid)| {
            let node = self.graph.node(*nid)?;
            let server = &self.parts.settings.server_name;
            let change = record::member_change(&node.pdu, None, server)?;
            Some(ImportedMember {
                change,
                key: *key,
                event: *nid,
                sender: node.pdu.sender().to_string(),
            })
        };
        entries.iter().filter_map(member).collect()
    }

    /// A state's entries, members apart, and its members without the one who joins.
    fn divide(
        &self,
        entries: &[(KeyNid, EventNid)],
        join: &Pdu,
    ) -> (Vec<(KeyNid, EventNid)>, Vec<ImportedMember>) {
        let mut members = self.members(entries);
        let of_members: HashSet<EventNid> = members.iter().map(|member| member.event).collect();
        let others = entries.iter().filter(|(_, nid)| !of_members.contains(nid));
        let others = others.copied().collect();
        members.retain(|member| Some(member.change.user.as_str()) != join.state_key());
        (others, members)
    }
}
