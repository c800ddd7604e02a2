use axum::extract::State;
use causeway_rooms::Rooms;
use ruma::api::client::directory::set_room_visibility::v3::{Request, Response};
use ruma::api::client::room::Visibility;

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `PUT /_matrix/client/v3/directory/list/room/{roomId}`.
pub async fn set_visibility(
    State(rooms): State<Rooms>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let published = match request.visibility {
        Visibility::Public => true,
        Visibility::Private => false,
        _ => return Err(ApiError::bad_json("`visibility` is `public` or `private`")),
    };
    rooms
        .publish(
            &request.room_id,
            &session.user_id,
            session.is_admin,
            published,
        )
        .await?;
    Ok(Answer(Response::new()))
}
