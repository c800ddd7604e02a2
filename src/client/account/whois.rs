use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use ruma::api::client::admin::get_user_info::v3::Request;
use serde_json::{Map, Value, json};

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `GET /_matrix/client/v3/admin/whois/{userId}`: from where a user's devices were last seen, for
/// the user and for administrators.
pub async fn whois(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Json<Value>, ApiError> {
    if !session.is_admin {
        session.must_be(&request.user_id)?;
    }
    if !users.exists(&request.user_id).await? {
        return Err(ApiError::not_found("There is no such account"));
    }
    let devices = users.devices(&request.user_id).await?;
    let shown: Map<String, Value> = devices
        .into_iter()
        .map(|device| {
            let mut connection = Map::new();
            if let Some(ip) = device.last_seen_ip {
                connection.insert("ip".to_owned(), ip.into());
            }
            if let Some(user_agent) = device.last_seen_user_agent {
                connection.insert("user_agent".to_owned(), user_agent.into());
            }
            if let Some(at_ms) = device.last_seen_at {
                connection.insert("last_seen".to_owned(), at_ms.into());
            }
            let session = json!({ "connections": [connection] });
            (device.device_id, json!({ "sessions": [session] }))
        })
        .collect();
    Ok(Json(
        json!({ "user_id": request.user_id, "devices": shown }),
    ))
}
