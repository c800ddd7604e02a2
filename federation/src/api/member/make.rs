use axum::Json;
use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_store::log::Membership;
use ruma::{OwnedRoomId, OwnedUserId, RoomVersionId};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::origin::Origin;
use crate::parameters::{InPath, Pairs};

/// An event that waits for its user's server to sign it.
#[derive(Serialize)]
pub(crate) struct Template {
    room_version: &'static RoomVersionId,
    event: Box<RawValue>,
}

type Who = InPath<(OwnedRoomId, OwnedUserId)>;

/// `GET /_matrix/federation/v1/make_join/{roomId}/{userId}`
pub(crate) async fn make_join(
    State(rooms): State<Rooms>,
    who: Who,
    pairs: Pairs,
    origin: Origin,
) -> Result<Json<Template>, ApiError> {
    make(&rooms, who, &versions(&pairs)?, &origin, Membership::Join).await
}

/// `GET /_matrix/federation/v1/make_knock/{roomId}/{userId}`
pub(crate) async fn make_knock(
    State(rooms): State<Rooms>,
    who: Who,
    pairs: Pairs,
    origin: Origin,
) -> Result<Json<Template>, ApiError> {
    make(&rooms, who, &versions(&pairs)?, &origin, Membership::Knock).await
}

/// `GET /_matrix/federation/v1/make_leave/{roomId}/{userId}`
pub(crate) async fn make_leave(
    State(rooms): State<Rooms>,
    who: Who,
    origin: Origin,
) -> Result<Json<Template>, ApiError> {
    make(&rooms, who, &[], &origin, Membership::Leave).await
}

/// The versions that the other server speaks; who names none speaks the first one.
fn versions(pairs: &Pairs) -> Result<Vec<RoomVersionId>, ApiError> {
    let versions = pairs.all("ver")?;
    Ok(match versions.is_empty() {
        true => vec![RoomVersionId::V1],
        false => versions,
    })
}

async fn make(
    rooms: &Rooms,
    InPath((room, user)): Who,
    versions: &[RoomVersionId],
    origin: &Origin,
    membership: Membership,
) -> Result<Json<Template>, ApiError> {
    if user.server_name() != origin.name() {
        return Err(ApiError::forbidden("The user is of another server"));
    }
    if !rooms.head(&room).await?.allows_server(origin.name()) {
        return Err(ApiError::forbidden("Your server is not let into the room"));
    }
    let made = rooms.membership_template(&room, &user, membership, versions);
    let made = made.await?;
    Ok(Json(Template {
        room_version: made.version.id(),
        event: made.event,
    }))
}
