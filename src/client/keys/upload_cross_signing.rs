use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use causeway_users::keys::{CrossSigningUpload, Standing};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::json_body::JsonBody;
use crate::client::uia;
use crate::server::entrance::Entrance;

/// What a user uploads, as they sent it: signatures are over the text.
#[derive(Debug, Deserialize)]
pub struct Body {
    auth: Option<Value>,
    master_key: Option<Box<RawValue>>,
    self_signing_key: Option<Box<RawValue>>,
    user_signing_key: Option<Box<RawValue>>,
}

/// `POST /_matrix/client/v3/keys/device_signing/upload`. A user who replaces or adds to keys gives
/// their password again; the first keys, and the same ones, pass without.
pub async fn upload_cross_signing(
    State(users): State<Users>,
    State(entrance): State<Entrance>,
    session: Session,
    JsonBody(body): JsonBody<Body>,
) -> Result<Json<Value>, ApiError> {
    let auth = uia::auth(body.auth)?;
    let upload = CrossSigningUpload {
        master: body.master_key,
        self_signing: body.self_signing_key,
        user_signing: body.user_signing_key,
    };
    let checked = users.check_cross_signing(&session.user_id, &upload).await?;
    let passed = if checked.standing == Standing::New {
        let action = format!("cross_signing {}", checked.name());
        Some(uia::confirm(&users, &entrance, &session, &action, auth.as_ref()).await?)
    } else {
        None
    };
    users
        .publish_cross_signing(&session.user_id, checked)
        .await?;
    if let Some(passed) = passed {
        users.finish_uia(&passed).await?;
    }
    Ok(Json(json!({})))
}
