use axum::extract::State;
use causeway_federation::Federation;
use causeway_rooms::{Rooms, StateEntry};
use causeway_store::log::Membership;
use ruma::api::client::membership::leave_room::v3::{Request, Response};

use super::elsewhere;
use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/rooms/{roomId}/leave`.
pub async fn leave(
    State(rooms): State<Rooms>,
    State(federation): State<Option<Federation>>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let (room, user) = (&request.room_id, &session.user_id);
    let others = elsewhere::for_room(federation.as_ref(), &rooms, room).await?;
    let member = rooms.member(room, user).await.ok().flatten();
    let member = member.as_ref().and_then(StateEntry::membership);
    if let (Some(federation), Some(Membership::Invite | Membership::Knock)) = (others, member) {
        let reason = request
            .reason
            .map(|reason| ("reason".to_owned(), reason.into()));
        let content = reason.into_iter().collect();
        let wish = elsewhere::wish(&rooms, room, user, Vec::new(), content).await;
        federation.leave(wish).await?;
        return Ok(Answer(Response::new()));
    }
    rooms
        .leave(&request.room_id, &session.user_id, request.reason)
        .await?;
    Ok(Answer(Response::new()))
}
