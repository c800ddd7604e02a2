use axum::extract::State;
use causeway_federation::Federation;
use causeway_users::Users;
use ruma::api::client::profile::get_profile::v3::{Request, Response};

use super::profile_of;
use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::Ruma;

/// `GET /_matrix/client/v3/profile/{userId}`
pub async fn get(
    State(users): State<Users>,
    State(federation): State<Option<Federation>>,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let profile = profile_of(&users, federation.as_ref(), &request.user_id).await?;
    Ok(Answer(profile.into_iter().collect()))
}
