use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::filter::get_filter::v3::Request;
use serde_json::value::RawValue;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `GET /_matrix/client/v3/user/{userId}/filter/{filterId}`
pub async fn get(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Json<Box<RawValue>>, ApiError> {
    session.must_be(&request.user_id)?;
    let definition = users.filter(&request.user_id, &request.filter_id).await?;
    let definition = RawValue::from_string(definition).map_err(ApiError::internal)?;
    Ok(Json(definition))
}
