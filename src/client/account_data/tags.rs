use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::tag::{create_tag, delete_tag, get_tags};
use serde_json::{Value, json};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `GET /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags`
pub async fn list(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<get_tags::v3::Request>,
) -> Result<Json<Value>, ApiError> {
    session.must_be(&request.user_id)?;
    let tags = users.tags(&request.user_id, &request.room_id).await?;
    Ok(Json(json!({ "tags": tags })))
}

/// `PUT /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}`
pub async fn set(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<create_tag::v3::Request>,
) -> Result<Answer<create_tag::v3::Response>, ApiError> {
    session.must_be(&request.user_id)?;
    let info = serde_json::to_value(&request.tag_info).map_err(ApiError::internal)?;
    users
        .set_tag(&request.user_id, &request.room_id, &request.tag, info)
        .await?;
    Ok(Answer(create_tag::v3::Response::new()))
}

/// `DELETE /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}`
pub async fn delete(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<delete_tag::v3::Request>,
) -> Result<Answer<delete_tag::v3::Response>, ApiError> {
    session.must_be(&request.user_id)?;
    users
        .delete_tag(&request.user_id, &request.room_id, &request.tag)
        .await?;
    Ok(Answer(delete_tag::v3::Response::new()))
}
