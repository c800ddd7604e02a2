use axum::Json;
use axum::extract::State;
use causeway_federation::Federation;
use causeway_users::Users;
use causeway_users::keys::{KeyAnswer, KeyWishes};
use ruma::api::client::keys::get_keys::v3::Request;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/keys/query`
pub async fn query(
    State(users): State<Users>,
    State(federation): State<Option<Federation>>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Json<KeyAnswer>, ApiError> {
    let mut wishes = request.device_keys;
    let mut remote = KeyWishes::new();
    if federation.is_some() {
        remote = wishes
            .extract_if(.., |user, _| !users.is_local(user))
            .collect();
    }
    let mut answer = users.query_keys(&session.user_id, &wishes).await?;
    if let Some(federation) = federation.filter(|_| !remote.is_empty()) {
        let told = federation.remote_keys(remote).await;
        answer.device_keys.extend(told.device_keys);
        answer.master_keys.extend(told.master_keys);
        answer.self_signing_keys.extend(told.self_signing_keys);
        answer.failures.extend(told.failures);
    }
    Ok(Json(answer))
}
