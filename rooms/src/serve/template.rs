//! Events that another server's user may sign to join, leave or knock.

use causeway_events::auth::{auth_types, authorise};
use causeway_events::{Draft, Pdu, Placement, Reference, RoomVersion};
use causeway_store::log::Membership;
use ruma::{OwnedUserId, RoomId, RoomVersionId, UserId};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::ServeError;
use crate::actions::MembershipError;
use crate::head::{Head, StateEntry};
use crate::rooms::Rooms;
use crate::write::WriteError;
use crate::write::build::next_depth;

/// An event that waits for its user's server to complete and sign it.
#[derive(Debug, Clone)]
pub struct Template {
    /// The room's version.
    pub version: RoomVersion,
    /// The event without hashes, signatures and id: a JSON object.
    pub event: Box<RawValue>,
}

impl Rooms {
    /// The event by which a user of another server may join, leave or knock (server-server,
    /// `GET /make_join`, `/make_leave`, `/make_knock`). `versions` are those that the server
    /// speaks; empty means not to look (leaving).
    ///
    /// Restricted rooms are looked into: if the user is in one of the rooms whose members may
    /// join, the event names one of our users who can let them in.
    ///
    /// # Errors
    /// See [`ServeError`]: the event is allowed in the room as it is now, or not given.
    pub async fn membership_template(
        &self,
        room: &RoomId,
        user: &UserId,
        membership: Membership,
        versions: &[RoomVersionId],
    ) -> Result<Template, ServeError> {
        let head = self.head_with(room, &[user.to_owned()]).await?;
        self.check_served(&head).await?;
        let version = head.version();
        if !versions.is_empty() && !versions.contains(version.id()) {
            return Err(ServeError::IncompatibleVersion(version.id().clone()));
        }
        let mut content = json!({"membership": membership.word()});
        if membership == Membership::Join
            && let Some(authoriser) = self.authoriser_for(&head, user).await?
        {
            content["join_authorised_via_users_server"] = json!(authoriser);
        }
        let draft = Draft {
            event_type: "m.room.member".to_owned(),
            state_key: Some(user.to_string()),
            sender: user.to_owned(),
            content: to_raw_value(&content).map_err(|_| ServeError::BadEvent("the content"))?,
            redacts: None,
            origin_ts_ms: self.parts().clock.now_ms(),
        };
        let mut object = self.build_event(room, &draft).await?.to_object();
        for field in ["hashes", "signatures", "event_id"] {
            object.remove(field);
        }
        let event = to_raw_value(&object).map_err(|_| ServeError::BadEvent("the event"))?;
        Ok(Template { version, event })
    }

    /// Builds and signs an event at the room's end, without writing it: invites to users of other
    /// servers, which sign them, too, as does the room's policy server. Once they have, [`Rooms::receive`] takes it in.
    ///
    /// # Errors
    /// [`WriteError::Forbidden`] if the room does not allow it now.
    pub async fn build_event(&self, room: &RoomId, draft: &Draft) -> Result<Pdu, WriteError> {
        let mut head = self.head(room).await?;
        let version = head.version();
        let types = auth_types(
            version,
            &draft.event_type,
            &draft.sender,
            draft.state_key.as_deref(),
            &draft.content,
        )?;
        let members = types.iter().filter(|(kind, _)| kind == "m.room.member");
        let users: Vec<OwnedUserId> = members
            .filter_map(|(_, user)| UserId::parse(user).ok())
            .collect();
        if !users.is_empty() {
            head = self.head_with(room, &users).await?;
        }
        let auth: Vec<Reference> = types
            .iter()
            .filter_map(|(kind, key)| head.entry(kind, key))
            .map(|entry| Reference::to(version, &entry.pdu))
            .collect();
        let prev: Vec<Reference> = head
            .next_prev()
            .into_iter()
            .map(|end| end.reference.clone())
            .collect();
        let placement = Placement {
            room_id: Some(head.room_id()),
            prev_events: &prev,
            auth_events: &auth,
            depth: u64::try_from(next_depth(head.row.depth)).unwrap_or(0),
        };
        let pdu = draft.build(version, &placement, &self.parts().key)?;
        let entry = |kind: &str, key: &str| head.entry(kind, key).map(|entry| entry.pdu.clone());
        authorise(version, &pdu, entry)?;
        match self.policy_of(room).await? {
            Some(policy) => Ok(self.policy_signed(&policy, &pdu).await?),
            None => Ok(pdu),
        }
    }

    /// Who lets a user of another server in, where somebody must.
    async fn authoriser_for(
        &self,
        head: &Head,
        user: &UserId,
    ) -> Result<Option<OwnedUserId>, ServeError> {
        let member = head.remembered_member(user).flatten();
        let membership = member.and_then(StateEntry::membership);
        match self.authoriser(head, user, membership).await {
            Ok(authoriser) => Ok(authoriser),
            Err(MembershipError::UnableToAuthorise) => Err(ServeError::UnableToGrant),
            Err(MembershipError::Write(error)) => {
                // Whether the user is in the other rooms is known only if this server is in them.
                match error {
                    WriteError::Forbidden(_) if !self.knows_allowed_rooms(head).await? => {
                        Err(ServeError::UnableToAuthorise)
                    }
                    error => Err(error.into()),
                }
            }
            Err(_) => Err(ServeError::UnableToAuthorise),
        }
    }

    /// That one of our users is in the room, without whom we know nothing of it.
    pub(super) async fn check_served(&self, head: &Head) -> Result<(), ServeError> {
        let own = self.server_name().as_str();
        let store = self.store();
        if causeway_store::graph::is_server_in(store, head.room(), own).await? {
            Ok(())
        } else {
            Err(ServeError::NoSuchRoom)
        }
    }
}
