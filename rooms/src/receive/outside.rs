//! Memberships in rooms that none of our users is in: invites, knocks, and their end.

use std::sync::Arc;

use causeway_events::{Draft, Pdu, Placement, RoomVersion};
use causeway_store::graph::{find_outside_state, set_outside_state};
use causeway_store::log::{EventRecord, Membership, OUTLIER, RoomBatch};
use causeway_store::rooms::list_joined_local;
use causeway_store::{AppendError, Change, EventNid};
use ruma::{OwnedRoomId, OwnedServerName, OwnedUserId, RoomId, UserId};
use serde_json::value::{RawValue, to_raw_value};

use super::{MAX_ATTEMPTS, ReceiveError};
use crate::head::Head;
use crate::rooms::Rooms;
use crate::write::{LoadError, record};

/// Stripped state events that are kept of what another server tells, at most.
const MAX_STRIPPED_EVENTS: usize = 100;

/// Bytes of them, at most.
const MAX_STRIPPED_BYTES: usize = 256 * 1024;

/// Servers that are known from them, at most.
const MAX_TOLD_SERVERS: usize = 5;

/// A membership of one of our users in a room that none of our users is in.
#[derive(Debug, Clone)]
pub struct OutsideMembership {
    /// The room.
    pub room_id: OwnedRoomId,
    /// Its version.
    pub version: RoomVersion,
    /// The `m.room.member` event, signed by the servers that must: an invite of another server's
    /// user, our user's knock or leave, or a kick or ban of an invited user.
    pub event: Pdu,
    /// What the user may know of the room (`invite_room_state`, `knock_room_state`): stripped state
    /// events. Empty for leaves.
    pub stripped: Vec<Box<RawValue>>,
}

impl Rooms {
    /// Takes in an event that says what one of our users is to a room that none of them is in, and
    /// tells the user's clients. It has no place in the room's graph; should we join, it will be
    /// what it is in the room's state.
    ///
    /// Gives `false` if the event is here already.
    ///
    /// # Errors
    /// [`ReceiveError::AlreadyIn`] if our users are in the room: then [`Rooms::receive`] is the
    /// way. [`ReceiveError::NotAMembership`] if the event is no membership of a user of this
    /// server in this room.
    pub async fn receive_outside(&self, outside: OutsideMembership) -> Result<bool, ReceiveError> {
        let user = self.outside_user(&outside)?;
        self.ensure_room(&outside.room_id, outside.version).await?;
        let warm = self.parts().heads.warm(&outside.room_id);
        let _turn = warm.receiving.lock().await;
        for _ in 0..MAX_ATTEMPTS {
            match self.take_outside(&outside, &user).await {
                Err(ReceiveError::Append(AppendError::Stale | AppendError::Conflict(_))) => {
                    self.parts().heads.forget(&outside.room_id);
                }
                done => return done,
            }
        }
        Err(ReceiveError::Busy)
    }

    /// Takes back an invite or a knock without the room's servers, because none of them answers: an
    /// event that never leaves this server says that the user has left.
    ///
    /// # Errors
    /// As [`Rooms::receive_outside`]; [`ReceiveError::NotAMembership`] if there is neither invite nor
    /// knock.
    pub async fn leave_outside(&self, room: &RoomId, user: &UserId) -> Result<(), ReceiveError> {
        let head = self.head_with(room, &[user.to_owned()]).await?;
        let member = head.remembered_member(user).flatten();
        let membership = member.and_then(crate::StateEntry::membership);
        if !matches!(membership, Some(Membership::Invite | Membership::Knock)) {
            return Err(ReceiveError::NotAMembership);
        }
        let event = self.local_leave(&head, user)?;
        let outside = OutsideMembership {
            room_id: room.to_owned(),
            version: head.version(),
            event,
            stripped: Vec::new(),
        };
        self.receive_outside(outside).await.map(|_| ())
    }

    /// Servers that had users in a room when one of ours was invited or knocked, best first: whose
    /// users made the state that was shown then. The ids of newer rooms name no server.
    ///
    /// # Errors
    /// If the room is not here, or the database does not answer.
    pub async fn told_servers(
        &self,
        room: &RoomId,
        user: &UserId,
    ) -> Result<Vec<OwnedServerName>, LoadError> {
        #[derive(serde::Deserialize)]
        struct Told {
            sender: OwnedUserId,
        }
        let head = self.head(room).await?;
        let told = find_outside_state(self.store(), head.room(), user).await?;
        let told: Vec<Told> = told
            .and_then(|told| serde_json::from_str(&told).ok())
            .unwrap_or_default();
        let mut servers: Vec<OwnedServerName> = Vec::new();
        for one in told {
            let server = one.sender.server_name();
            if server != self.server_name() && !servers.iter().any(|known| known == server) {
                servers.push(server.to_owned());
            }
        }
        servers.truncate(MAX_TOLD_SERVERS);
        Ok(servers)
    }

    fn local_leave(&self, head: &Head, user: &UserId) -> Result<Pdu, ReceiveError> {
        let parts = self.parts();
        let content = to_raw_value(&serde_json::json!({"membership": "leave"}));
        let draft = Draft {
            event_type: "m.room.member".to_owned(),
            state_key: Some(user.to_string()),
            sender: user.to_owned(),
            content: content.map_err(|_| ReceiveError::NotAMembership)?,
            redacts: None,
            origin_ts_ms: parts.clock.now_ms(),
        };
        let placement = Placement {
            room_id: Some(head.room_id()),
            prev_events: &[],
            auth_events: &[],
            depth: 1,
        };
        let built = draft.build(head.version(), &placement, &parts.key);
        built.map_err(|_| ReceiveError::NotAMembership)
    }

    fn outside_user(&self, outside: &OutsideMembership) -> Result<OwnedUserId, ReceiveError> {
        let event = &outside.event;
        let user = event.state_key().and_then(|key| UserId::parse(key).ok());
        let fits = event.event_type() == "m.room.member"
            && event.room_id() == outside.room_id
            && event.version() == outside.version
            && super::weigh::is_storable(event);
        user.filter(|user| fits && self.is_local(user))
            .ok_or(ReceiveError::NotAMembership)
    }

    async fn take_outside(
        &self,
        outside: &OutsideMembership,
        user: &OwnedUserId,
    ) -> Result<bool, ReceiveError> {
        let parts = self.parts();
        let room = &*outside.room_id;
        let head = self.head_with(room, std::slice::from_ref(user)).await?;
        let joined = list_joined_local(&parts.store, head.room(), false, 1).await?;
        if !joined.is_empty() {
            return Err(ReceiveError::AlreadyIn);
        }
        let id = outside.event.event_id();
        let here = causeway_store::rooms::find_event(&parts.store, head.room(), id).await?;
        if here.is_some() {
            return Ok(false);
        }
        if let Some(state) = stripped(&outside.stripped) {
            set_outside_state(&parts.store, head.room(), user, &state).await?;
        }
        let batch = self.outside_batch(&head, outside, user).await?;
        let written = parts.log.append(Change::Room(Box::new(batch))).await;
        written.map_err(ReceiveError::Append)?;
        parts.heads.forget(room);
        Ok(true)
    }

    async fn outside_batch(
        &self,
        head: &Head,
        outside: &OutsideMembership,
        user: &OwnedUserId,
    ) -> Result<RoomBatch, ReceiveError> {
        let parts = self.parts();
        let pdu = &outside.event;
        let nid = EventNid(parts.nids.next().await?);
        let key = parts
            .keys
            .intern(&[("m.room.member", user.as_str())])
            .await?;
        let before = head.remembered_member(user).flatten();
        let membership = before.and_then(crate::StateEntry::membership);
        let member = record::member_change(pdu, membership, self.server_name());
        let mut row = head.row.clone();
        if let Some(change) = &member {
            record::count(&mut row, change);
        }
        row.version = nid.0;
        let record = EventRecord {
            room: head.room(),
            nid,
            flags: OUTLIER,
            state: head.row.state,
            current: None,
            resolved: Vec::new(),
            key: key.first().copied(),
            replaces: before.map(|entry| causeway_store::log::Replaced {
                nid: entry.nid,
                pdu: entry.pdu.clone(),
            }),
            chain: None,
            sent_by: None,
            prev: Vec::new(),
            auth: Vec::new(),
            relation: None,
            member,
            redacts: None,
            was_outlier: false,
            place: None,
            was_wanted: false,
            pdu: pdu.clone(),
        };
        Ok(RoomBatch {
            room: head.room(),
            creation: None,
            expected_version: head.row.version,
            head: row,
            events: vec![Arc::new(record)],
            lines: Vec::new(),
            steps: Vec::new(),
            current: Vec::new(),
            redacted: Vec::new(),
            missing: Vec::new(),
        })
    }
}

/// What is kept of stripped state: a JSON array within limits; `None` for nothing.
fn stripped(events: &[Box<RawValue>]) -> Option<String> {
    let mut kept: Vec<&RawValue> = Vec::new();
    let mut bytes = 0;
    for event in events.iter().take(MAX_STRIPPED_EVENTS) {
        bytes += event.get().len();
        if bytes > MAX_STRIPPED_BYTES {
            break;
        }
        kept.push(event);
    }
    if kept.is_empty() {
        return None;
    }
    serde_json::to_string(&kept).ok()
}
