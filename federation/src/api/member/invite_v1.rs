use axum::Json;
use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_users::Users;
use ruma::{OwnedEventId, OwnedRoomId, RoomVersionId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::invite::{Invite, Invited, Shown, invite};
use crate::error::ApiError;
use crate::keys::KeyRing;
use crate::origin::Signed;
use crate::parameters::InPath;

/// What else stands in an invite of an older server.
#[derive(Default, Deserialize)]
struct Around {
    #[serde(default)]
    unsigned: Unsigned,
}

#[derive(Default, Deserialize)]
struct Unsigned {
    #[serde(default)]
    invite_room_state: Vec<Shown>,
}

/// `PUT /_matrix/federation/v1/invite/{roomId}/{eventId}`, which older servers use for rooms of
/// version 1 and 2: the body is the event, the answer a pair of a status and what it is today.
pub(crate) async fn invite_v1(
    rooms: State<Rooms>,
    users: State<Users>,
    ring: State<KeyRing>,
    path: InPath<(OwnedRoomId, OwnedEventId)>,
    request: Signed<Box<RawValue>>,
) -> Result<Json<(u16, Invited)>, ApiError> {
    let around: Around = serde_json::from_str(request.body.get()).unwrap_or_default();
    let body = Invite {
        // The ids of both have the same form, and so have their events.
        room_version: RoomVersionId::V1,
        event: request.body,
        invite_room_state: around.unsigned.invite_room_state,
    };
    let request = Signed {
        origin: request.origin,
        body,
    };
    let Json(invited) = invite(rooms, users, ring, path, request).await?;
    Ok(Json((200, invited)))
}
