use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use causeway_store::Clock;
use hmac::{Hmac, KeyInit, Mac};
use ruma::UserId;
use ruma::api::client::voip::get_turn_server_info::v3::Request;
use serde_json::{Value, json};
use sha1::Sha1;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::config::{Settings, TurnCredentials};

/// `GET /_matrix/client/v3/voip/turnServer`: an empty object where there is no relay, which is
/// how clients know it.
pub async fn turn_server(
    State(settings): State<Arc<Settings>>,
    State(clock): State<Clock>,
    session: Session,
    _: Ruma<Request>,
) -> Result<Json<Value>, ApiError> {
    let turn = &settings.turn;
    let Some(credentials) = &turn.credentials else {
        return Ok(Json(json!({})));
    };
    let life_s = Duration::from_millis(turn.lifetime_ms).as_secs();
    let (username, password) = match credentials {
        TurnCredentials::Fixed { username, password } => {
            (username.clone(), password.expose().to_owned())
        }
        TurnCredentials::SharedSecret(secret) => {
            let until_s = Duration::from_millis(clock.now_ms()).as_secs() + life_s;
            temporary(secret.expose(), until_s, &session.user_id)?
        }
    };
    Ok(Json(json!({
        "username": username, "password": password, "uris": turn.uris, "ttl": life_s,
    })))
}

/// Name and password that a relay accepts until a time, in seconds since 1970: the "REST API for
/// access to TURN services" (draft-uberti-behave-turn-rest), which coturn and others follow.
fn temporary(secret: &str, until_s: u64, user: &UserId) -> Result<(String, String), ApiError> {
    let username = format!("{until_s}:{user}");
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).map_err(ApiError::internal)?;
    mac.update(username.as_bytes());
    Ok((username, STANDARD.encode(mac.finalize().into_bytes())))
}
