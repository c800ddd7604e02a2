//! Inviting users of other servers.

use std::time::Duration;

use causeway_events::client::stripped;
use causeway_events::{Draft, Pdu};
use causeway_rooms::Head;
use causeway_rooms::receive::Outcome;
use ruma::{OwnedRoomId, OwnedUserId};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::JoinError;
use crate::Federation;
use crate::keys::BadEvent;
use crate::links::segment;

/// Longest time for the other server's signature.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Largest answer, in bytes.
const MAX_BYTES: usize = 512 * 1024;

/// State that is shown to who is invited (client-server, Stripped state).
pub(crate) const SHOWN: [&str; 7] = [
    "m.room.create",
    "m.room.join_rules",
    "m.room.name",
    "m.room.avatar",
    "m.room.topic",
    "m.room.canonical_alias",
    "m.room.encryption",
];

/// An invite of a user of another server.
#[derive(Clone, Debug)]
pub struct RemoteInvite {
    /// Into which room.
    pub room: OwnedRoomId,
    /// Who invites.
    pub sender: OwnedUserId,
    /// Who is invited.
    pub target: OwnedUserId,
    /// What the member event is to say besides the membership.
    pub content: Map<String, Value>,
}

#[derive(Deserialize)]
struct Invited {
    event: Box<RawValue>,
}

impl Federation {
    /// Invites a user of another server, which signs the invite too, and puts it into the room.
    ///
    /// # Errors
    /// [`JoinError`] says why not.
    pub async fn invite(&self, invite: RemoteInvite) -> Result<(), JoinError> {
        let mut content = invite.content.clone();
        content.insert("membership".to_owned(), json!("invite"));
        let no_event = |error: serde_json::Error| JoinError::NoEvent(error.to_string());
        let draft = Draft {
            event_type: "m.room.member".to_owned(),
            state_key: Some(invite.target.to_string()),
            sender: invite.sender.clone(),
            content: to_raw_value(&content).map_err(no_event)?,
            redacts: None,
            origin_ts_ms: self.now_ms(),
        };
        let event = self.rooms().build_event(&invite.room, &draft).await?;
        let senders = [invite.sender.clone()];
        let head = self.rooms().head_with(&invite.room, &senders).await;
        let head = head.map_err(|error| JoinError::Wrong(error.to_string()))?;
        let signed = self.signed_by(&invite, &event, &head).await?;
        let mut outcomes = self.rooms().receive(&invite.room, vec![signed]).await?;
        match outcomes.pop() {
            Some((_, Outcome::Accepted | Outcome::Known)) => Ok(()),
            outcome => Err(JoinError::Wrong(format!(
                "the invite does not stand: {outcome:?}"
            ))),
        }
    }

    /// The invite with the signature of the invited user's server.
    async fn signed_by(
        &self,
        invite: &RemoteInvite,
        event: &Pdu,
        head: &Head,
    ) -> Result<Pdu, JoinError> {
        let shown = SHOWN.iter().filter_map(|kind| head.state(kind, ""));
        let inviter = head.remembered_member(&invite.sender).flatten();
        let shown = shown.chain(inviter).map(|entry| stripped(&entry.pdu));
        let no_event = |error: serde_json::Error| JoinError::NoEvent(error.to_string());
        let shown: Vec<Box<RawValue>> = shown
            .map(RawValue::from_string)
            .collect::<Result<_, _>>()
            .map_err(no_event)?;
        let raw = RawValue::from_string(event.json().to_owned()).map_err(no_event)?;
        let body = json!({
            "room_version": event.version().id(),
            "event": raw,
            "invite_room_state": shown,
        });
        let (room, id) = (
            segment(invite.room.as_str()),
            segment(event.event_id().as_str()),
        );
        let put = |version: &str, body: &Value| {
            let path = format!("/_matrix/federation/{version}/invite/{room}/{id}");
            let request = self.links().put(invite.target.server_name(), path);
            request.within(TIMEOUT).at_most(MAX_BYTES).json(body)
        };
        let answer: Invited = match put("v2", &body)?.send().await {
            // Servers from before the second version know rooms of the first two alone.
            Err(error) if error.is_unrecognized() && event.version().event_id_is_field() => {
                let mut older: Value = serde_json::from_str(event.json()).map_err(no_event)?;
                older["unsigned"] = json!({ "invite_room_state": shown });
                let (_, answer): (u16, Invited) = put("v1", &older)?.send().await?.json()?;
                answer
            }
            answer => answer?.json()?,
        };
        let given = vec![(event.version(), answer.event)];
        let checked = self.ring().check_events(given).await?;
        match checked.into_iter().next() {
            Some(Ok(given)) if given.event_id() == event.event_id() => Ok(given),
            Some(Err(BadEvent::Format(error))) => Err(JoinError::NoEvent(error.to_string())),
            _ => Err(JoinError::Wrong("another event than was sent".to_owned())),
        }
    }
}
