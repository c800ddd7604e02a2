use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use causeway_users::keys::{ClaimedKeys, Claims};
use ruma::api::client::keys::claim_keys::v3::Request;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/keys/claim`
pub async fn claim(
    State(users): State<Users>,
    _: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Json<ClaimedKeys>, ApiError> {
    let claims: Claims = request
        .one_time_keys
        .into_iter()
        .map(|(user, devices)| {
            let devices = devices.into_iter();
            let devices = devices.map(|(device, algorithm)| (device, algorithm.to_string()));
            (user, devices.collect())
        })
        .collect();
    Ok(Json(users.claim_keys(claims).await?))
}
