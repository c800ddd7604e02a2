use axum::extract::State;
use causeway_federation::Federation;
use causeway_rooms::Rooms;
use causeway_rooms::actions::Knock;
use causeway_users::Users;
use ruma::RoomId;
use ruma::api::client::knock::knock_room::v3::{Request, Response};

use super::elsewhere;
use crate::client::answer::Answer;
use crate::client::directory;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/knock/{roomIdOrAlias}`.
pub async fn knock(
    State(rooms): State<Rooms>,
    State(users): State<Users>,
    State(federation): State<Option<Federation>>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let (room, via) = match <&RoomId>::try_from(&*request.room_id_or_alias) {
        Ok(room) => (room.to_owned(), request.via),
        Err(alias) => directory::find(&rooms, federation.as_ref(), alias).await?,
    };
    let user = session.user_id;
    let others = elsewhere::for_room(federation.as_ref(), &rooms, &room).await?;
    if let Some(federation) = others {
        let reason = request
            .reason
            .map(|reason| ("reason".to_owned(), reason.into()));
        let content = reason.into_iter().collect();
        let wish = elsewhere::wish_with_face((&rooms, &users), &room, &user, via, content);
        federation.knock(wish.await?).await?;
        return Ok(Answer(Response::new(room)));
    }
    let room_id = rooms
        .knock(Knock {
            room,
            user,
            reason: request.reason,
        })
        .await?;
    Ok(Answer(Response::new(room_id)))
}
