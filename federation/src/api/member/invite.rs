use axum::Json;
use axum::extract::State;
use causeway_events::{Pdu, RoomVersion};
use causeway_rooms::receive::{OutsideMembership, ReceiveError};
use causeway_rooms::{LoadError, Rooms};
use causeway_users::Users;
use ruma::{OwnedEventId, OwnedRoomId, RoomId, RoomVersionId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::api::pdus::text;
use crate::error::ApiError;
use crate::keys::KeyRing;
use crate::origin::{Origin, Signed};
use crate::parameters::InPath;

/// Entries of a room's state that come with an invite, at most.
const MAX_SHOWN: usize = 100;

/// The body of [`invite`].
#[derive(Deserialize)]
pub(crate) struct Invite {
    pub(super) room_version: RoomVersionId,
    pub(super) event: Box<RawValue>,
    #[serde(default)]
    pub(super) invite_room_state: Vec<Shown>,
}

/// An entry of a room's state, stripped: what else is in it is dropped.
#[derive(Deserialize, Serialize)]
pub(crate) struct Shown {
    #[serde(rename = "type")]
    kind: String,
    state_key: String,
    sender: String,
    content: Value,
}

/// The invite with this server's signature.
#[derive(Serialize)]
pub(crate) struct Invited {
    pub(super) event: Box<RawValue>,
}

/// `PUT /_matrix/federation/v2/invite/{roomId}/{eventId}`
pub(crate) async fn invite(
    State(rooms): State<Rooms>,
    State(users): State<Users>,
    State(ring): State<KeyRing>,
    InPath((room, event_id)): InPath<(OwnedRoomId, OwnedEventId)>,
    request: Signed<Invite>,
) -> Result<Json<Invited>, ApiError> {
    let Invite {
        room_version,
        event,
        mut invite_room_state,
    } = request.body;
    let version = RoomVersion::find(&room_version);
    let version = version.ok_or_else(|| ApiError::incompatible_version(&room_version))?;
    let event = ring.check_event(version, event).await?;
    if *event.event_id() != *event_id {
        return Err(ApiError::invalid_param("The event has another id"));
    }
    let_in(&rooms, &room, &request.origin).await?;
    check(&event, &room, &request.origin, &users).await?;
    let invited = event.state_key().unwrap_or_default();
    rooms.check_invites(event.sender(), &[invited]).await?;
    let event = rooms.co_sign(&event)?;
    let answer = text(&event)?;
    invite_room_state.truncate(MAX_SHOWN);
    let shown = invite_room_state.iter().map(to_raw_value);
    let outside = OutsideMembership {
        room_id: room,
        version,
        event,
        stripped: shown
            .collect::<Result<_, _>>()
            .map_err(ApiError::internal)?,
    };
    match rooms.receive_outside(outside).await {
        // Who is in the room gets the signed event like all others, from who invited.
        Ok(_) | Err(ReceiveError::AlreadyIn) => Ok(Json(Invited { event: answer })),
        Err(error) => Err(error.into()),
    }
}

/// A server that a room which is here does not let in cannot invite into it either.
async fn let_in(rooms: &Rooms, room: &RoomId, origin: &Origin) -> Result<(), ApiError> {
    match rooms.head(room).await {
        Ok(head) if !head.allows_server(origin.name()) => {
            Err(ApiError::forbidden("Your server is not let into the room"))
        }
        Ok(_) | Err(LoadError::NoSuchRoom) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// An invite invites a user of this server, and is of the server that brings it.
async fn check(event: &Pdu, room: &RoomId, origin: &Origin, users: &Users) -> Result<(), ApiError> {
    #[derive(Deserialize)]
    struct Content {
        membership: String,
    }
    let content: Option<Content> = event.content_as().ok();
    let invites = content.is_some_and(|content| content.membership == "invite");
    if event.event_type() != "m.room.member" || !invites || event.room_id() != room {
        return Err(ApiError::invalid_param(
            "The event is no invite to the room",
        ));
    }
    if event.sender().server_name() != origin.name() {
        return Err(ApiError::forbidden("The invite is of another server"));
    }
    let invited = event
        .state_key()
        .and_then(|key| <&UserId>::try_from(key).ok());
    let no_user = || ApiError::not_found("There is no such user on this server");
    let invited = invited.filter(|user| users.is_local(user));
    users.profile(invited.ok_or_else(no_user)?).await?;
    Ok(())
}
