use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::config::{get_room_account_data as get_it, set_room_account_data as set_it};
use ruma::serde::Raw;

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `GET /_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}`
pub async fn get(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<get_it::v3::Request>,
) -> Result<Answer<get_it::v3::Response>, ApiError> {
    session.must_be(&request.user_id)?;
    let event_type = request.event_type.to_string();
    let room = Some(&*request.room_id);
    let content = users
        .account_data(&request.user_id, room, &event_type)
        .await?;
    let content = Raw::from_json_string(content).map_err(ApiError::internal)?;
    Ok(Answer(get_it::v3::Response::new(content)))
}

/// `PUT /_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}`
pub async fn set(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<set_it::v3::Request>,
) -> Result<Answer<set_it::v3::Response>, ApiError> {
    session.must_be(&request.user_id)?;
    let event_type = request.event_type.to_string();
    let content = request.data.json().get().to_owned();
    let room = Some(&*request.room_id);
    users
        .set_account_data(&request.user_id, room, &event_type, content)
        .await?;
    Ok(Answer(set_it::v3::Response::new()))
}
