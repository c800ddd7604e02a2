//! Members of other servers who come, go, or knock through us.

use causeway_events::Pdu;
use causeway_store::StateRef;
use causeway_store::log::Membership;
use ruma::{RoomId, ServerName, UserId};

use super::ServeError;
use crate::head::membership;
use crate::receive::Outcome;
use crate::rooms::Rooms;

/// A membership that a server asks us to let into the room.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The event, verified as in [`Rooms::receive`].
    pub event: Pdu,
    /// What it must say.
    pub membership: Membership,
    /// Who asks.
    pub origin: ruma::OwnedServerName,
}

/// A membership that was let in.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The event, with our signature where the room wants it.
    pub event: Pdu,
    /// The room's state before it; empty unless it is a join.
    pub state: Vec<Pdu>,
    /// What authorises that state and the event, with all that is behind it; empty unless it is a
    /// join.
    pub auth_chain: Vec<Pdu>,
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
        if asked.membership != Membership::Join {
            return Ok(Admitted {
                event,
                state: Vec::new(),
                auth_chain: Vec::new(),
            });
        }
        let before = StateRef {
            line: node.state.line,
            step: node.state.step - 1,
        };
        let state = causeway_store::state::load(self.store(), head.room(), before).await?;
        let mut nids: Vec<_> = state.into_iter().map(|(_, event)| event).collect();
        let state = self.pdus(&head, &nids).await?;
        nids.extend(&node.auth);
        let chain = self.auth_chain(&head, &nids).await?;
        let auth_chain = self.pdus(&head, &chain).await?;
        Ok(Admitted {
            event,
            state,
            auth_chain,
        })
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
