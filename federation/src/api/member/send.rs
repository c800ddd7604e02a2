use axum::Json;
use axum::extract::State;
use causeway_events::Pdu;
use causeway_events::client::stripped;
use causeway_rooms::Rooms;
use causeway_rooms::serve::{Admitted, Asked};
use causeway_store::log::Membership;
use ruma::{OwnedRoomId, OwnedServerName};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::api::pdus::{text, texts};
use crate::error::ApiError;
use crate::join::SHOWN;
use crate::keys::{BadEvent, KeyRing};
use crate::origin::Signed;
use crate::parameters::{InPath, Pairs};

/// The room and the event, as the path names them: what is wrong with the event itself is of more
/// use to its server than what is wrong with its id.
pub(super) type Which = InPath<(OwnedRoomId, String)>;

/// What somebody who joins gets to know of the room.
#[derive(Serialize)]
pub(crate) struct Joined {
    pub(super) origin: OwnedServerName,
    pub(super) state: Vec<Box<RawValue>>,
    pub(super) auth_chain: Vec<Box<RawValue>>,
    event: Box<RawValue>,
    members_omitted: bool,
    /// The servers that were in the room before; only where members are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    servers_in_room: Option<Vec<String>>,
}

/// What somebody who knocks gets to know of the room.
#[derive(Serialize)]
pub(crate) struct Knocked {
    knock_room_state: Vec<Box<RawValue>>,
}

/// `PUT /_matrix/federation/v2/send_join/{roomId}/{eventId}`
pub(crate) async fn send_join(
    State(rooms): State<Rooms>,
    State(ring): State<KeyRing>,
    which: Which,
    query: Pairs,
    request: Signed<Box<RawValue>>,
) -> Result<Json<Joined>, ApiError> {
    let omits_members = query.all("omit_members")?.contains(&true);
    let wish = (Membership::Join, omits_members);
    joined(&rooms, &ring, which, request, wish).await.map(Json)
}

/// Lets a user in; with `true` behind the membership, members may be left out of the answer.
pub(super) async fn joined(
    rooms: &Rooms,
    ring: &KeyRing,
    which: Which,
    request: Signed<Box<RawValue>>,
    wish: (Membership, bool),
) -> Result<Joined, ApiError> {
    let admitted = admit(rooms, ring, which, request, wish).await?;
    Ok(Joined {
        origin: rooms.server_name().to_owned(),
        state: texts(&admitted.state)?,
        auth_chain: texts(&admitted.auth_chain)?,
        event: text(&admitted.event)?,
        members_omitted: admitted.servers.is_some(),
        servers_in_room: admitted.servers,
    })
}

/// `PUT /_matrix/federation/v2/send_leave/{roomId}/{eventId}`
pub(crate) async fn send_leave(
    State(rooms): State<Rooms>,
    State(ring): State<KeyRing>,
    which: Which,
    request: Signed<Box<RawValue>>,
) -> Result<Json<Value>, ApiError> {
    admit(&rooms, &ring, which, request, (Membership::Leave, false)).await?;
    Ok(Json(json!({})))
}

/// `PUT /_matrix/federation/v1/send_knock/{roomId}/{eventId}`
pub(crate) async fn send_knock(
    State(rooms): State<Rooms>,
    State(ring): State<KeyRing>,
    which: Which,
    request: Signed<Box<RawValue>>,
) -> Result<Json<Knocked>, ApiError> {
    let room = which.0.0.clone();
    admit(&rooms, &ring, which, request, (Membership::Knock, false)).await?;
    let head = rooms.head(&room).await?;
    let shown = SHOWN.iter().filter_map(|kind| head.state(kind, ""));
    let shown =
        shown.map(|entry| RawValue::from_string(stripped(&entry.pdu)).map_err(ApiError::internal));
    Ok(Json(Knocked {
        knock_room_state: shown.collect::<Result<_, _>>()?,
    }))
}

async fn admit(
    rooms: &Rooms,
    ring: &KeyRing,
    InPath((room, event_id)): Which,
    request: Signed<Box<RawValue>>,
    (membership, omits_members): (Membership, bool),
) -> Result<Admitted, ApiError> {
    let version = rooms.head(&room).await?.version();
    // A join that one of our users lets in lacks our signature: it comes to get it. It is seen by
    // nobody unless the event is taken.
    let event = Pdu::from_stranger(version, request.body.get()).map_err(BadEvent::from)?;
    let event = rooms.sign_if_authoriser(&event)?;
    let event = ring.check_event(version, text(&event)?).await?;
    if event.event_id().as_str() != event_id {
        return Err(ApiError::invalid_param("The event has another id"));
    }
    let asked = Asked {
        event,
        membership,
        origin: request.origin.0,
        omits_members,
    };
    Ok(rooms.accept_membership(&room, asked).await?)
}
