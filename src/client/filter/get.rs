use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::filter::get_filter::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `GET /_matrix/client/v3/user/{userId}/filter/{filterId}`
pub async fn get(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    session.must_be(&request.user_id)?;
    let definition = users.filter(&request.user_id, &request.filter_id).await?;
    let filter = serde_json::from_str(&definition).map_err(ApiError::internal)?;
    Ok(Answer(Response::new(filter)))
}
