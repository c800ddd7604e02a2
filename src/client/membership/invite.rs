use axum::extract::State;
use causeway_federation::Federation;
use causeway_federation::join::RemoteInvite;
use causeway_rooms::Rooms;
use ruma::api::client::membership::invite_user::v3::{InvitationRecipient, Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/rooms/{roomId}/invite`.
pub async fn invite(
    State(rooms): State<Rooms>,
    State(federation): State<Option<Federation>>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let InvitationRecipient::UserId(recipient) = request.recipient else {
        return Err(ApiError::no_third_party_invites());
    };
    let (target, reason) = (recipient.user_id, recipient.reason);
    if let Some(federation) = federation.filter(|_| !rooms.is_local(&target)) {
        let reason = reason.map(|reason| ("reason".to_owned(), reason.into()));
        let invite = RemoteInvite {
            room: request.room_id,
            sender: session.user_id,
            target,
            content: reason.into_iter().collect(),
        };
        federation.invite(invite).await?;
        return Ok(Answer(Response::new()));
    }
    let change = super::change(session, request.room_id, target, reason);
    rooms.invite(change).await?;
    Ok(Answer(Response::new()))
}
