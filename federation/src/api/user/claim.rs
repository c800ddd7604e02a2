use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use causeway_users::keys::Claims;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::origin::Signed;

/// The body of [`claim`].
#[derive(Deserialize)]
pub(crate) struct Question {
    one_time_keys: Claims,
}

/// Keys that were taken, by user, device and `algorithm:id`.
#[derive(Serialize)]
pub(crate) struct Taken {
    one_time_keys: BTreeMap<String, BTreeMap<String, BTreeMap<String, Box<RawValue>>>>,
}

/// `POST /_matrix/federation/v1/user/keys/claim`
pub(crate) async fn claim(
    State(users): State<Users>,
    request: Signed<Question>,
) -> Result<Json<Taken>, ApiError> {
    let mut claims = request.body.one_time_keys;
    claims.retain(|user, _| users.is_local(user));
    let taken = users.claim_keys(claims).await?;
    tracing::debug!(origin = %request.origin.name(), "one-time keys were claimed");
    Ok(Json(Taken {
        one_time_keys: taken.one_time_keys,
    }))
}
