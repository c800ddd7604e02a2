use axum::extract::State;
use causeway_federation::Federation;
use causeway_federation::join::RemoteInvite;
use causeway_identity::{IdentityServers, Named, ThirdPartyId};
use causeway_rooms::Rooms;
use causeway_rooms::actions::SetState;
use ruma::api::client::membership::Invite3pid;
use ruma::api::client::membership::invite_user::v3::{InvitationRecipient, Request, Response};
use ruma::{OwnedRoomId, OwnedUserId, RoomId};
use serde_json::value::to_raw_value;

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/rooms/{roomId}/invite`.
pub async fn invite(
    State(rooms): State<Rooms>,
    State(federation): State<Option<Federation>>,
    State(identity): State<IdentityServers>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let room = request.room_id;
    let (target, reason) = match request.recipient {
        InvitationRecipient::UserId(recipient) => (recipient.user_id, recipient.reason),
        InvitationRecipient::ThirdPartyId(invite) => {
            match by_address(&rooms, &identity, &session, &room, &invite).await? {
                Some(user) => (user, None),
                None => return Ok(Answer(Response::new())),
            }
        }
        _ => return Err(ApiError::unknown("Nobody can be invited like this")),
    };
    one(&rooms, federation.as_ref(), session, room, target, reason).await?;
    Ok(Answer(Response::new()))
}

/// Invites a user, of this server or another.
async fn one(
    rooms: &Rooms,
    federation: Option<&Federation>,
    session: Session,
    room: OwnedRoomId,
    target: OwnedUserId,
    reason: Option<String>,
) -> Result<(), ApiError> {
    if let Some(federation) = federation.filter(|_| !rooms.is_local(&target)) {
        let reason = reason.map(|reason| ("reason".to_owned(), reason.into()));
        let invite = RemoteInvite {
            room,
            sender: session.user_id,
            target,
            content: reason.into_iter().collect(),
        };
        federation.invite(invite).await?;
        return Ok(());
    }
    let change = super::change(session, room, target, reason);
    rooms.invite(change).await?;
    Ok(())
}

/// Invites by addresses into a room, one after the other. The first that cannot be ends it.
///
/// # Errors
/// Why it cannot.
pub async fn invite_addresses(
    rooms: &Rooms,
    federation: Option<&Federation>,
    identity: &IdentityServers,
    session: &Session,
    room: &RoomId,
    invites: &[Invite3pid],
) -> Result<(), ApiError> {
    for invite in invites {
        let found = by_address(rooms, identity, session, room, invite).await?;
        if let Some(target) = found {
            let (session, room) = (session.clone(), room.to_owned());
            one(rooms, federation, session, room, target, None).await?;
        }
    }
    Ok(())
}

/// The user who has an address; where nobody has, an invite is left for who will.
async fn by_address(
    rooms: &Rooms,
    identity: &IdentityServers,
    session: &Session,
    room: &RoomId,
    invite: &Invite3pid,
) -> Result<Option<OwnedUserId>, ApiError> {
    rooms.check_inviter(room, &session.user_id).await?;
    let at = Named {
        server: &invite.id_server,
        access_token: &invite.id_access_token,
    };
    let id = ThirdPartyId {
        medium: invite.medium.as_str(),
        address: &invite.address,
    };
    if let Some(user) = identity.lookup(at, id).await? {
        return Ok(Some(user));
    }
    let sender = &session.user_id;
    let stored = identity.store_invite(at, id, room, sender).await?;
    let content = to_raw_value(&stored.content).map_err(ApiError::internal)?;
    rooms
        .set_state(SetState {
            room: room.to_owned(),
            sender: sender.clone(),
            event_type: "m.room.third_party_invite".to_owned(),
            state_key: stored.token,
            content,
            timestamp_ms: None,
        })
        .await?;
    Ok(None)
}
