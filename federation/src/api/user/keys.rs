use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use causeway_users::keys::KeyWishes;
use ruma::OwnedUserId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::ApiError;
use crate::origin::Signed;

/// The body of [`keys`].
#[derive(Deserialize)]
pub(crate) struct Question {
    device_keys: KeyWishes,
}

/// Keys of users of this server.
#[derive(Serialize)]
pub(crate) struct Found {
    device_keys: BTreeMap<String, BTreeMap<String, Value>>,
    master_keys: BTreeMap<String, Value>,
    self_signing_keys: BTreeMap<String, Value>,
}

/// `POST /_matrix/federation/v1/user/keys/query`
pub(crate) async fn keys(
    State(users): State<Users>,
    request: Signed<Question>,
) -> Result<Json<Found>, ApiError> {
    let mut wishes = request.body.device_keys;
    wishes.retain(|user: &OwnedUserId, _| users.is_local(user));
    let found = users.query_keys_for_server(&wishes).await?;
    Ok(Json(Found {
        device_keys: found.device_keys,
        master_keys: found.master_keys,
        self_signing_keys: found.self_signing_keys,
    }))
}
