use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::filter::create_filter::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/user/{userId}/filter`
pub async fn create(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    session.must_be(&request.user_id)?;
    let definition = serde_json::to_string(&request.filter).map_err(ApiError::internal)?;
    let id = users.create_filter(&request.user_id, &definition).await?;
    Ok(Answer(Response::new(id)))
}
