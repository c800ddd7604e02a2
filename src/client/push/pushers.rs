use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use causeway_users::pushers::Pusher;
use ruma::api::client::push::set_pusher::v3::PusherAction;
use ruma::api::client::push::{get_pushers, set_pusher};
use serde_json::{Value, json};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `GET /_matrix/client/v3/pushers`
pub async fn list(
    State(users): State<Users>,
    session: Session,
    _: Ruma<get_pushers::v3::Request>,
) -> Result<Json<Value>, ApiError> {
    let pushers = users.pushers(&session.user_id).await?;
    let shown: Result<Vec<Value>, _> = pushers.iter().map(shown).collect();
    Ok(Json(
        json!({ "pushers": shown.map_err(ApiError::internal)? }),
    ))
}

fn shown(pusher: &Pusher) -> serde_json::Result<Value> {
    let mut shown = json!({
        "app_id": pusher.app_id,
        "pushkey": pusher.pushkey,
        "kind": pusher.kind,
        "app_display_name": pusher.app_display_name,
        "device_display_name": pusher.device_display_name,
        "lang": pusher.lang,
        "data": serde_json::from_str::<Value>(&pusher.data)?,
    });
    if let Some(tag) = &pusher.profile_tag {
        shown["profile_tag"] = json!(tag);
    }
    Ok(shown)
}

/// `POST /_matrix/client/v3/pushers/set`
pub async fn set(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<set_pusher::v3::Request>,
) -> Result<Answer<set_pusher::v3::Response>, ApiError> {
    match request.action {
        PusherAction::Post(data) => {
            let new = data.pusher;
            let kind = serde_json::to_value(&new.kind).map_err(ApiError::internal)?;
            let pusher = Pusher {
                app_id: new.ids.app_id,
                pushkey: new.ids.pushkey,
                device_id: session.device_id.to_string(),
                kind: kind["kind"].as_str().unwrap_or_default().to_owned(),
                app_display_name: new.app_display_name,
                device_display_name: new.device_display_name,
                profile_tag: new.profile_tag,
                lang: new.lang,
                data: kind["data"].to_string(),
                gateway: String::new(),
            };
            users
                .set_pusher(&session.user_id, pusher, data.append)
                .await?;
        }
        PusherAction::Delete(ids) => {
            users
                .delete_pusher(&session.user_id, &ids.app_id, &ids.pushkey)
                .await?;
        }
        _ => {
            return Err(ApiError::unknown(
                "This kind of change of a pusher is not known",
            ));
        }
    }
    Ok(Answer(set_pusher::v3::Response::new()))
}
