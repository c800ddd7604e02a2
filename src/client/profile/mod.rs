//! Profiles: what a person shows of themselves.

mod delete_field;
mod get;
mod get_field;
mod set_field;

pub use delete_field::delete_field;
pub use get::get;
pub use get_field::get_field;
pub use set_field::set_field;

use super::error::ApiError;
use super::extract::Session;

/// Guests change their display name only (client-server API, "Guest access").
fn check_guest(session: &Session, field: &str) -> Result<(), ApiError> {
    if session.is_guest && field != "displayname" {
        return Err(ApiError::guest_forbidden());
    }
    Ok(())
}
