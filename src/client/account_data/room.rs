use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::config::{get_room_account_data as get_it, set_room_account_data as set_it};
use ruma::{OwnedRoomId, OwnedUserId};
use serde_json::{Value, json};

use super::{read, write};
use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::parameters::InPath;

/// `GET /_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}`
pub async fn get(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<get_it::v3::Request>,
) -> Result<Answer<get_it::v3::Response>, ApiError> {
    let event_type = request.event_type.to_string();
    let (user, room) = (&request.user_id, Some(&*request.room_id));
    let content = read(&users, &session, user, room, &event_type).await?;
    Ok(Answer(get_it::v3::Response::new(content)))
}

/// `PUT /_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}`
pub async fn set(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<set_it::v3::Request>,
) -> Result<Answer<set_it::v3::Response>, ApiError> {
    let event_type = request.event_type.to_string();
    let (user, room) = (&request.user_id, Some(&*request.room_id));
    write(&users, &session, user, room, &event_type, request.data).await?;
    Ok(Answer(set_it::v3::Response::new()))
}

/// `DELETE /_matrix/client/unstable/org.matrix.msc3391/user/{userId}/rooms/{roomId}/account_data/{type}`
pub async fn delete(
    State(users): State<Users>,
    session: Session,
    InPath((user, room, event_type)): InPath<(OwnedUserId, OwnedRoomId, String)>,
) -> Result<Json<Value>, ApiError> {
    session.must_be(&user)?;
    users
        .delete_account_data(&user, Some(&room), &event_type)
        .await?;
    Ok(Json(json!({})))
}
