use axum::extract::State;
use causeway_users::Users;
use causeway_users::profile::ProfileError;
use ruma::api::client::profile::get_profile::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::Ruma;

/// `GET /_matrix/client/v3/profile/{userId}`
pub async fn get(
    State(users): State<Users>,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    if !users.is_local(&request.user_id) {
        return Err(ProfileError::NotFound.into());
    }
    let profile = users.profile(&request.user_id).await?;
    Ok(Answer(profile.into_iter().collect()))
}
