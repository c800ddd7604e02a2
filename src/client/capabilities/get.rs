use std::sync::Arc;

use axum::extract::State;
use causeway_events::RoomVersion;
use ruma::api::client::discovery::get_capabilities::v3::{
    Capabilities, ChangePasswordCapability, GetLoginTokenCapability, ProfileFieldsCapability,
    Request, Response, RoomVersionStability, RoomVersionsCapability, ThirdPartyIdChangesCapability,
};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::config::Settings;

/// `GET /_matrix/client/v3/capabilities`. Display names and avatars may be set, which is what the
/// absence of their capabilities means.
pub async fn get(
    State(settings): State<Arc<Settings>>,
    _: Session,
    _: Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
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
    capabilities.change_password = ChangePasswordCapability::new(settings.login.password);
    capabilities.thirdparty_id_changes = ThirdPartyIdChangesCapability::new(false);
    capabilities.get_login_token = GetLoginTokenCapability::new(settings.login.token);
    capabilities.profile_fields = Some(ProfileFieldsCapability::new(true));
    Ok(Answer(Response::new(capabilities)))
}
