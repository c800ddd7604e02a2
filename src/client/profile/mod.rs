//! Profiles: what a person shows of themselves.

mod delete_field;
mod get;
mod get_field;
mod set_field;

pub use delete_field::delete_field;
pub use get::get;
pub use get_field::get_field;
pub use set_field::set_field;

use causeway_federation::Federation;
use causeway_rooms::Rooms;
use causeway_users::Users;
use causeway_users::profile::ProfileError;
use ruma::{OwnedUserId, UserId};
use serde_json::{Map, Value};

use super::error::ApiError;
use super::extract::Session;

/// Guests change their display name only (client-server API, "Guest access").
fn check_guest(session: &Session, field: &str) -> Result<(), ApiError> {
    if session.is_guest && field != "displayname" {
        return Err(ApiError::guest_forbidden());
    }
    Ok(())
}

/// Shows a changed name or picture in the rooms of its owner. The work goes on if the client goes
/// away meanwhile.
async fn show_in_rooms(rooms: Rooms, user: OwnedUserId, field: &str) -> Result<(), ApiError> {
    if !matches!(field, "displayname" | "avatar_url") {
        return Ok(());
    }
    let showing = tokio::spawn(async move { rooms.update_profile(&user).await });
    showing.await.map_err(ApiError::internal)??;
    Ok(())
}

/// The profile of a user, of this server or another.
async fn profile_of(
    users: &Users,
    federation: Option<&Federation>,
    user: &UserId,
) -> Result<Map<String, Value>, ApiError> {
    match federation {
        _ if users.is_local(user) => Ok(users.profile(user).await?),
        Some(federation) => Ok(federation.remote_profile(user).await?),
        None => Err(ProfileError::NotFound.into()),
    }
}
