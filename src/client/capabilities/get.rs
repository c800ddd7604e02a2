use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use causeway_events::RoomVersion;
use causeway_rooms::delayed::{MAX_DELAY_MS, MAX_SCHEDULED};
use ruma::api::client::discovery::get_capabilities::v3::{
    Capabilities, GetLoginTokenCapability, ProfileFieldsCapability, Request, RoomVersionStability,
    RoomVersionsCapability,
};

use serde_json::{Value, json};

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::config::Settings;

/// `GET /_matrix/client/v3/capabilities`. What has its default value is said all the same: not
/// every client knows the defaults.
pub async fn get(
    State(settings): State<Arc<Settings>>,
    session: Session,
    _: Ruma<Request>,
) -> Result<Json<Value>, ApiError> {
    let available = RoomVersion::all().map(|version| {
        let stability = if version.is_stable() {
            RoomVersionStability::Stable
        } else {
            RoomVersionStability::Unstable
        };
        (version.id().clone(), stability)
    });
    let mut capabilities = Capabilities::new();
    capabilities.room_versions = RoomVersionsCapability::new(
        settings.server.default_room_version.clone(),
        available.collect(),
    );
    capabilities.get_login_token = GetLoginTokenCapability::new(settings.login.token);
    capabilities.profile_fields = Some(ProfileFieldsCapability::new(true));
    let mut all = serde_json::to_value(capabilities).map_err(ApiError::internal)?;
    all["m.change_password"] = json!({"enabled": settings.login.password});
    all["m.set_displayname"] = json!({"enabled": true});
    all["m.set_avatar_url"] = json!({"enabled": true});
    all["m.3pid_changes"] = json!({"enabled": settings.mail.is_offered()});
    all["org.matrix.msc4140.delayed_events"] =
        json!({"max_delay_ms": MAX_DELAY_MS, "max_scheduled": MAX_SCHEDULED});
    // Absent for those who may not: "Account moderation capability".
    if session.is_admin {
        all["m.account_moderation"] = json!({"suspend": true, "lock": true});
    }
    Ok(Json(json!({"capabilities": all})))
}
