//! Members of other servers who come, go, or knock through us.

use std::collections::HashSet;

use causeway_events::Pdu;
use causeway_store::graph::{NodeRow, list_servers};
use causeway_store::log::Membership;
use causeway_store::sync::{Snapshot, heroes};
use causeway_store::{EventNid, KeyNid, StateRef, StoreError};
use ruma::{OwnedServerName, RoomId, ServerName, UserId};

use super::ServeError;
use crate::head::{Head, membership};
use crate::receive::Outcome;
use crate::rooms::Rooms;

/// Servers of a room that are told to who joins without its members, at most: those with most users.
const MAX_SERVERS: i64 = 20_000;

/// A membership that a server asks us to let into the room.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The event, verified as in [`Rooms::receive`].
    pub event: Pdu,
    /// What it must say.
    pub membership: Membership,
    /// Who asks.
    pub origin: OwnedServerName,
    /// Of a join: whether the members may be left out of the state (`omit_members`).
    pub omits_members: bool,
}

/// A membership that was let in.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The event, with our signature where the room wants it.
    pub event: Pdu,
    /// The room's state before it; empty unless it is a join. Without members, if they were to be
    /// left out, but for those after whom a room without a name is called, and the one who joins.
    pub state: Vec<Pdu>,
    /// What authorises that state and the event, with all that is behind it; empty unless it is a
    /// join. Where members are left out, without what is in the state.
    pub auth_chain: Vec<Pdu>,
    /// The servers that were in the room before it, if members were left out.
    pub servers: Option<Vec<String>>,
}

impl Rooms {
    /// Lets another server's user in, or out, or knock (server-server, `PUT /send_join`,
    /// `/send_leave`, `/send_knock`). The event is in the log afterwards, from where it goes to all
    /// servers of the room. Repeating it gives the same answer.
    ///
    /// # Errors
    /// See [`ServeError`]. [`ServeError::Missing`] names what the event hangs on that is not here.
    pub async fn accept_membership(
        &self,
        room: &RoomId,
        asked: Asked,
    ) -> Result<Admitted, ServeError> {
        let head = self.head(room).await?;
        self.check_served(&head).await?;
        check(room, &asked)?;
        if !head.allows_server(&asked.origin) {
            return Err(ServeError::Forbidden(
                "your server is not let in".to_owned(),
            ));
        }
        let event = self.sign_if_authoriser(&asked.event)?;
        let omits_members = asked.omits_members && asked.membership == Membership::Join;
        let servers = match omits_members {
            true => Some(list_servers(self.store(), head.room(), MAX_SERVERS).await?),
            false => None,
        };
        let mut outcomes = self
            .receive_and_tell(room, vec![event.clone()], true)
            .await?;
        match outcomes.pop().map(|(_, outcome)| outcome) {
            Some(Outcome::Accepted | Outcome::Known) => {}
            Some(Outcome::Missing(ids)) => return Err(ServeError::Missing(ids)),
            Some(Outcome::Rejected(why) | Outcome::SoftFailed(why)) => {
                return Err(ServeError::Forbidden(why));
            }
            None => return Err(ServeError::NoSuchEvent),
        }
        let node = self.node(&head, event.event_id()).await?;
        if node.flags & causeway_store::log::HIDDEN != 0 {
            return Err(ServeError::Forbidden("the event was refused".to_owned()));
        }
        let mut admitted = Admitted {
            event,
            state: Vec::new(),
            auth_chain: Vec::new(),
            servers,
        };
        if asked.membership == Membership::Join {
            self.add_state(&head, &node, &mut admitted).await?;
        }
        Ok(admitted)
    }

    /// The state before a join, and what authorises it. A fixed number of queries per 10,000 entries.
    async fn add_state(
        &self,
        head: &Head,
        node: &NodeRow,
        admitted: &mut Admitted,
    ) -> Result<(), ServeError> {
        let before = StateRef {
            line: node.state.line,
            step: node.state.step - 1,
        };
        let mut state = causeway_store::state::load(self.store(), head.room(), before).await?;
        if admitted.servers.is_some() {
            let keys: Vec<KeyNid> = state.iter().map(|(key, _)| *key).collect();
            let shown = self.without_members(head, &admitted.event, &keys).await?;
            state.retain(|(key, _)| shown.contains(key));
        }
        let mut nids: Vec<EventNid> = state.into_iter().map(|(_, event)| event).collect();
        admitted.state = self.pdus(head, &nids).await?;
        let in_state: HashSet<EventNid> = nids.iter().copied().collect();
        nids.extend(&node.auth);
        let mut chain = self.auth_chain(head, &nids).await?;
        if admitted.servers.is_some() {
            chain.retain(|event| !in_state.contains(event));
        }
        admitted.auth_chain = self.pdus(head, &chain).await?;
        Ok(())
    }

    /// Those keys of a state that are shown to who wants no members.
    async fn without_members(
        &self,
        head: &Head,
        join: &Pdu,
        keys: &[KeyNid],
    ) -> Result<HashSet<KeyNid>, StoreError> {
        let store_keys = &self.parts().keys;
        let mut shown: HashSet<KeyNid> =
            store_keys.not_of_members(keys).await?.into_iter().collect();
        let mut snapshot = Snapshot::open(self.store()).await?;
        let heroes = heroes(&mut snapshot, &[head.room()]).await?;
        drop(snapshot);
        let members = heroes
            .iter()
            .map(|hero| &*hero.user)
            .chain(join.state_key());
        let members: Vec<_> = members.map(|user| ("m.room.member", user)).collect();
        shown.extend(store_keys.find(&members).await?.into_iter().flatten());
        Ok(shown)
    }

    /// Signs an event that was built elsewhere: an invite of one of our users, or a join that one of
    /// them lets in. What its server has signed stays.
    ///
    /// # Errors
    /// [`ServeError::BadEvent`] if it cannot be signed.
    pub fn co_sign(&self, event: &Pdu) -> Result<Pdu, ServeError> {
        let bad = || ServeError::BadEvent("the event cannot be signed");
        let mut object = event.to_object();
        let mut redacted = causeway_events::redact::redact(event.version(), event).to_object();
        let key = &self.parts().key;
        key.sign_json(&mut redacted).map_err(|_| bad())?;
        if let Some(signatures) = redacted.remove("signatures") {
            object.insert("signatures".to_owned(), signatures);
        }
        let json = serde_json::to_string(&object).map_err(|_| bad())?;
        let id = event.owned_event_id().clone();
        Pdu::from_stored(event.version(), id, json).map_err(|_| bad())
    }

    /// Signs a join that says that one of our users lets the user in; any other event stays as it is.
    ///
    /// # Errors
    /// [`ServeError::BadEvent`] if it cannot be signed.
    pub fn sign_if_authoriser(&self, event: &Pdu) -> Result<Pdu, ServeError> {
        #[derive(serde::Deserialize)]
        struct Content {
            join_authorised_via_users_server: Option<String>,
        }
        let content: Option<Content> = event.content_as().ok();
        let authoriser = content.and_then(|content| content.join_authorised_via_users_server);
        let is_ours = authoriser
            .and_then(|user| UserId::parse(user).ok())
            .is_some_and(|user| self.is_local(&user));
        if is_ours {
            self.co_sign(event)
        } else {
            Ok(event.clone())
        }
    }
}

fn check(room: &RoomId, asked: &Asked) -> Result<(), ServeError> {
    let event = &asked.event;
    if event.room_id() != room {
        return Err(ServeError::BadEvent("the event is of another room"));
    }
    if event.event_type() != "m.room.member" || membership(event) != Some(asked.membership) {
        return Err(ServeError::BadEvent("the event is another membership"));
    }
    if event.state_key() != Some(event.sender().as_str()) {
        return Err(ServeError::BadEvent("the event is about another user"));
    }
    let origin: &ServerName = &asked.origin;
    if event.sender().server_name() != origin {
        return Err(ServeError::Forbidden(
            "the user is of another server".to_owned(),
        ));
    }
    Ok(())
}
