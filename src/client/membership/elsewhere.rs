//! Rooms that no user of this server is in, and users of other servers.

use causeway_federation::Federation;
use causeway_federation::join::Wish;
use causeway_rooms::Rooms;
use causeway_rooms::serve::ServeError;
use causeway_users::Users;
use ruma::{OwnedServerName, RoomId, UserId};
use serde_json::{Map, Value};

use crate::client::error::ApiError;

/// Fields of a member event that clients do not set.
const NOT_THE_CLIENTS: [&str; 4] = [
    "membership",
    "join_authorised_via_users_server",
    "third_party_invite",
    "third_party_signed",
];

/// The links to other servers, if the room is theirs alone.
pub async fn for_room<'a>(
    federation: Option<&'a Federation>,
    rooms: &Rooms,
    room: &RoomId,
) -> Result<Option<&'a Federation>, ApiError> {
    let Some(federation) = federation else {
        return Ok(None);
    };
    match rooms.is_server_in(room, rooms.server_name()).await {
        Ok(true) => Ok(None),
        Ok(false) | Err(ServeError::NoSuchRoom) => Ok(Some(federation)),
        Err(error) => Err(ApiError::internal(error)),
    }
}

/// Servers of a room that are asked, at most.
const MAX_ASKED: usize = 10;

/// These servers, and others that are in a room which is here, those with most users first.
pub async fn with_servers_of(
    rooms: &Rooms,
    room: &RoomId,
    mut via: Vec<OwnedServerName>,
) -> Vec<OwnedServerName> {
    if let Ok(head) = rooms.head(room).await
        && let Ok(others) = rooms.other_servers(head.room(), MAX_ASKED).await
    {
        via.extend(others);
    }
    via
}

/// A membership of a user in a room of other servers. Besides `via`, who invited, who made the room
/// and who is known from an invite or a knock may know it.
pub async fn wish(
    rooms: &Rooms,
    room: &RoomId,
    user: &UserId,
    mut via: Vec<OwnedServerName>,
    mut content: Map<String, Value>,
) -> Wish {
    content.retain(|field, value| {
        let is_no_reason = field == "reason" && value.is_null();
        !is_no_reason && !NOT_THE_CLIENTS.contains(&field.as_str())
    });
    // A room that is not here has no members here either.
    if let Ok(Some(member)) = rooms.member(room, user).await {
        via.push(member.pdu.sender().server_name().to_owned());
    }
    via.extend(room.server_name().map(ToOwned::to_owned));
    via.extend(rooms.told_servers(room, user).await.unwrap_or_default());
    Wish {
        room: room.to_owned(),
        user: user.to_owned(),
        via,
        content,
    }
}

/// The same with the name and the picture that the user shows.
pub async fn wish_with_face(
    (rooms, users): (&Rooms, &Users),
    room: &RoomId,
    user: &UserId,
    via: Vec<OwnedServerName>,
    content: Map<String, Value>,
) -> Result<Wish, ApiError> {
    let mut wish = wish(rooms, room, user, via, content).await;
    let mut profile = users.profile(user).await?;
    for field in ["displayname", "avatar_url"] {
        if let Some(value) = profile.remove(field) {
            wish.content.insert(field.to_owned(), value);
        }
    }
    Ok(wish)
}
