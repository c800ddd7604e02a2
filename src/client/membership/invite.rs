use axum::extract::State;
use causeway_rooms::Rooms;
use ruma::api::client::membership::invite_user::v3::{InvitationRecipient, Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/rooms/{roomId}/invite`.
pub async fn invite(
    State(rooms): State<Rooms>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let InvitationRecipient::UserId(recipient) = request.recipient else {
        return Err(ApiError::no_third_party_invites());
    };
    let (target, reason) = (recipient.user_id, recipient.reason);
    let change = super::change(session, request.room_id, target, reason);
    rooms.invite(change).await?;
    Ok(Answer(Response::new()))
}
