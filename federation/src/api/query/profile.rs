use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use causeway_users::profile::ProfileError;
use ruma::OwnedUserId;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::origin::Origin;
use crate::parameters::InQuery;

/// The parameters of [`profile`].
#[derive(Deserialize)]
pub(crate) struct Parameters {
    user_id: OwnedUserId,
    field: Option<String>,
}

/// `GET /_matrix/federation/v1/query/profile`
pub(crate) async fn profile(
    State(users): State<Users>,
    InQuery(parameters): InQuery<Parameters>,
    _: Origin,
) -> Result<Json<Map<String, Value>>, ApiError> {
    let Parameters { user_id, field } = parameters;
    if !users.is_local(&user_id) {
        return Err(ProfileError::NotFound.into());
    }
    let mut profile = users.profile(&user_id).await?;
    if let Some(field) = field {
        profile.retain(|name, _| *name == field);
    }
    Ok(Json(profile))
}
