use axum::Json;
use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_rooms::actions::{AddressProof, SignedInvite};
use ruma::{OwnedRoomId, OwnedUserId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Federation;
use crate::error::ApiError;
use crate::origin::Signed;
use crate::parameters::InPath;

/// The body of [`exchange`]: a member event to be.
#[derive(Deserialize)]
pub(crate) struct Template {
    #[serde(rename = "type")]
    kind: String,
    room_id: OwnedRoomId,
    sender: OwnedUserId,
    state_key: OwnedUserId,
    content: Content,
}

#[derive(Deserialize)]
struct Content {
    membership: String,
    third_party_invite: Invite,
}

#[derive(Deserialize)]
struct Invite {
    signed: AddressProof,
}

/// `PUT /_matrix/federation/v1/exchange_third_party_invite/{roomId}`: the server of somebody who has
/// proved an address asks for the invite that one of our users left for who has it.
pub(crate) async fn exchange(
    State(federation): State<Federation>,
    State(rooms): State<Rooms>,
    InPath(room): InPath<OwnedRoomId>,
    request: Signed<Template>,
) -> Result<Json<Value>, ApiError> {
    let Template {
        kind,
        room_id,
        sender,
        state_key,
        content,
    } = request.body;
    let signed = content.third_party_invite.signed;
    let fits = kind == "m.room.member"
        && content.membership == "invite"
        && room_id == room
        && signed.mxid == state_key;
    if !fits {
        return Err(ApiError::invalid_param(
            "This is no invite by an address to the room",
        ));
    }
    if !rooms.is_local(&sender) {
        return Err(ApiError::forbidden("Whoever invited is on another server"));
    }
    if !rooms
        .head(&room)
        .await?
        .allows_server(request.origin.name())
    {
        return Err(ApiError::forbidden("The room does not let your server in"));
    }
    let invite = SignedInvite {
        sender,
        proof: signed,
    };
    federation.redeem_invite(&room, invite).await?;
    Ok(Json(json!({})))
}
