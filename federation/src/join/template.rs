//! Completing the event that another server has made.

use std::time::Duration;

use causeway_events::{Pdu, RoomVersion};
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::signatures::hash_and_sign_event;
use ruma::{RoomVersionId, ServerName};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{JoinError, Wish};
use crate::Federation;
use crate::links::segment;

/// Longest time for a template.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Largest template, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// The memberships that other servers make events for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Join,
    Leave,
    Knock,
}

impl Kind {
    /// As in `m.room.member`, and in the paths of the endpoints.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Leave => "leave",
            Self::Knock => "knock",
        }
    }
}

#[derive(Deserialize)]
struct Made {
    /// Absent in rooms of version 1 on old servers.
    room_version: Option<RoomVersionId>,
    event: CanonicalJsonObject,
}

impl Federation {
    /// Asks a server for the event by which a membership comes about, completes and signs it.
    pub(super) async fn make(
        &self,
        server: &ServerName,
        wish: &Wish,
        kind: Kind,
    ) -> Result<Pdu, JoinError> {
        let (room, user) = (segment(wish.room.as_str()), segment(wish.user.as_str()));
        let mut path = format!("/_matrix/federation/v1/make_{}/{room}/{user}", kind.word());
        if kind != Kind::Leave {
            let versions = RoomVersion::all().map(|version| format!("ver={}", version.id()));
            path = format!("{path}?{}", versions.collect::<Vec<_>>().join("&"));
        }
        let request = self.links().get(server, path);
        let answer = request.within(TIMEOUT).at_most(MAX_BYTES).send().await?;
        let made: Made = answer.json()?;
        let version = made.room_version.unwrap_or(RoomVersionId::V1);
        let unknown = || JoinError::Wrong(format!("a room of version {version}"));
        let version = RoomVersion::find(&version).ok_or_else(unknown)?;
        self.complete(version, made.event, wish, kind)
    }

    /// Takes from the template what only the other server knows: the place in the room's graph, and
    /// who lets the user in. Everything else is ours to say.
    fn complete(
        &self,
        version: RoomVersion,
        mut made: CanonicalJsonObject,
        wish: &Wish,
        kind: Kind,
    ) -> Result<Pdu, JoinError> {
        let mut content: Map<String, Value> = wish.content.clone();
        content.insert("membership".to_owned(), json!(kind.word()));
        const AUTHORISER: &str = "join_authorised_via_users_server";
        let theirs = made.get("content").and_then(CanonicalJsonValue::as_object);
        let authoriser = theirs.and_then(|theirs| theirs.get(AUTHORISER)?.as_str());
        if let (Kind::Join, Some(authoriser)) = (kind, authoriser) {
            content.insert(AUTHORISER.to_owned(), json!(authoriser));
        }
        let event = json!({
            "type": "m.room.member",
            "room_id": wish.room,
            "sender": wish.user,
            "state_key": wish.user,
            "content": content,
            "origin_server_ts": self.now_ms(),
        });
        let no_event = |error: &dyn std::fmt::Display| JoinError::NoEvent(error.to_string());
        let mut event: CanonicalJsonObject =
            serde_json::from_value(event).map_err(|error| no_event(&error))?;
        for field in ["prev_events", "auth_events", "depth"] {
            let wrong = || JoinError::Wrong(format!("an event without {field}"));
            let value = made.remove(field).ok_or_else(wrong)?;
            event.insert(field.to_owned(), value);
        }
        let key = self.ring().own();
        if version.event_id_is_field() {
            let id = ruma::EventId::new_v1(key.server_name());
            event.insert("event_id".to_owned(), CanonicalJsonValue::String(id.into()));
        }
        let rules = &version.rules().redaction;
        let name = key.server_name().as_str();
        hash_and_sign_event(name, key.pair(), &mut event, rules)
            .map_err(|error| no_event(&error))?;
        let text = serde_json::to_string(&event).map_err(|error| no_event(&error))?;
        Pdu::from_stranger(version, &text).map_err(|error| no_event(&error))
    }

    /// The path at which an event is given back, without its version.
    pub(super) fn path_of(kind: Kind, event: &Pdu) -> String {
        let (room, id) = (
            segment(event.room_id().as_str()),
            segment(event.event_id().as_str()),
        );
        format!("send_{}/{room}/{id}", kind.word())
    }
}
