use axum::Json;
use axum::extract::State;
use causeway_users::Users;
use causeway_users::keys::DeviceList;
use ruma::OwnedUserId;

use crate::error::ApiError;
use crate::origin::Origin;
use crate::parameters::InPath;

/// `GET /_matrix/federation/v1/user/devices/{userId}`
pub(crate) async fn devices(
    State(users): State<Users>,
    InPath(user): InPath<OwnedUserId>,
    _: Origin,
) -> Result<Json<DeviceList>, ApiError> {
    let list = users.device_list(&user).await?;
    let none = || ApiError::not_found("There is no such user on this server");
    list.map(Json).ok_or_else(none)
}
