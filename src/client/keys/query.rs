use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use causeway_users::keys::KeyAnswer;
use ruma::api::client::keys::get_keys::v3::Request;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/keys/query`
pub async fn query(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Json<KeyAnswer>, ApiError> {
    let answer = users
        .query_keys(&session.user_id, &request.device_keys)
        .await?;
    Ok(Json(answer))
}
