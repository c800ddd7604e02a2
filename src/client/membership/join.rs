use axum::extract::State;
use causeway_federation::Federation;
use causeway_rooms::actions::{Join, MembershipError, SignedInvite};
use causeway_rooms::{LoadError, Rooms};
use causeway_store::log::Membership;
use causeway_users::Users;
use ruma::api::client::membership::join_room_by_id_or_alias::v3::{Request, Response};
use ruma::{OwnedRoomId, OwnedServerName, RoomId, UserId};
use serde_json::{Map, Value};

use super::elsewhere;
use crate::client::answer::Answer;
use crate::client::directory;
use crate::client::error::ApiError;
use crate::client::extract::{RumaAnd, Session};

/// What joining needs.
pub(super) type Parts = (State<Rooms>, State<Users>, State<Option<Federation>>);

/// `POST /_matrix/client/v3/join/{roomIdOrAlias}`.
pub async fn join(
    parts: Parts,
    session: Session,
    RumaAnd(request, content): RumaAnd<Request, Map<String, Value>>,
) -> Result<Answer<Response>, ApiError> {
    let (State(rooms), _, State(federation)) = &parts;
    let (room, via) = match <&RoomId>::try_from(&*request.room_id_or_alias) {
        Ok(room) => (room.to_owned(), request.via),
        Err(alias) => directory::find(rooms, federation.as_ref(), alias).await?,
    };
    let room_id = enter(parts, session, room, via, content).await?;
    Ok(Answer(Response::new(room_id)))
}

/// Joins a room of this server or of others.
pub(super) async fn enter(
    (State(rooms), State(users), State(federation)): Parts,
    session: Session,
    room: OwnedRoomId,
    via: Vec<OwnedServerName>,
    content: Map<String, Value>,
) -> Result<OwnedRoomId, ApiError> {
    let others = elsewhere::for_room(federation.as_ref(), &rooms, &room).await?;
    if let Some(signed) = content.get("third_party_signed").filter(|it| !it.is_null()) {
        let signed = serde_json::from_value::<SignedInvite>(signed.clone());
        let signed = signed.map_err(|error| ApiError::bad_json(error.to_string()))?;
        redeem((&rooms, federation.as_ref()), &room, &session, signed).await?;
    }
    if let Some(federation) = others {
        // Whether a room that is not here lets guests in cannot be seen; an invite says it.
        if session.is_guest && !is_invited(&rooms, &room, &session.user_id).await? {
            return Err(ApiError::guest_forbidden());
        }
        let user = &session.user_id;
        let wish = elsewhere::wish_with_face((&rooms, &users), &room, user, via, content);
        federation.join(wish.await?).await?;
        return Ok(room);
    }
    let join = Join {
        room: room.clone(),
        user: session.user_id.clone(),
        is_guest: session.is_guest,
        content: content.clone(),
    };
    match (rooms.join(join).await, federation) {
        // Somebody of another server has to let the user in.
        (Err(MembershipError::UnableToAuthorise), Some(federation)) => {
            let via = elsewhere::with_servers_of(&rooms, &room, via).await;
            let user = &session.user_id;
            let wish = elsewhere::wish_with_face((&rooms, &users), &room, user, via, content);
            federation.join(wish.await?).await?;
            Ok(room)
        }
        (joined, _) => Ok(joined?),
    }
}

/// An invite by an address becomes one of this user; the server of who invited may be another one.
async fn redeem(
    (rooms, federation): (&Rooms, Option<&Federation>),
    room: &RoomId,
    session: &Session,
    signed: SignedInvite,
) -> Result<(), ApiError> {
    match federation {
        Some(federation) if signed.proof.mxid == session.user_id => {
            Ok(federation.redeem_invite(room, signed).await?)
        }
        _ => Ok(rooms.redeem_invite(room, &session.user_id, signed).await?),
    }
}

/// Whether a user of this server is invited to a room that may be here or not.
async fn is_invited(rooms: &Rooms, room: &RoomId, user: &UserId) -> Result<bool, ApiError> {
    let head = match rooms.head_with(room, &[user.to_owned()]).await {
        Ok(head) => head,
        Err(LoadError::NoSuchRoom) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let member = head.remembered_member(user).flatten();
    Ok(member.is_some_and(|member| member.membership() == Some(Membership::Invite)))
}
