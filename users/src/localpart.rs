//! Names of new accounts. Specification: appendices, "User Identifiers".

use ruma::{OwnedUserId, ServerName, UserId};

/// Why a name cannot be given to a new account.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LocalpartError {
    /// There is nothing.
    #[error("A user name cannot be empty")]
    Empty,
    /// Other characters than a-z, 0-9 and `.`, `_`, `=`, `-`, `/`, `+`.
    #[error("A user name can only contain a-z, 0-9 and . _ = - / +")]
    Characters,
    /// It begins with `_`, which is kept for application services.
    #[error("A user name cannot begin with _")]
    Reserved,
    /// The whole id would be longer than 255 bytes.
    #[error("The user name is too long")]
    TooLong,
}

/// The id of a new account of that name. Capital letters become small ones.
///
/// # Errors
/// If the name cannot be given.
pub fn new_user_id(name: &str, server: &ServerName) -> Result<OwnedUserId, LocalpartError> {
    let name = name.to_ascii_lowercase();
    if name.is_empty() {
        return Err(LocalpartError::Empty);
    }
    let allowed =
        |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'=' | b'-' | b'/' | b'+');
    if !name.bytes().all(allowed) {
        return Err(LocalpartError::Characters);
    }
    if name.starts_with('_') {
        return Err(LocalpartError::Reserved);
    }
    if name.len() + server.as_str().len() + 2 > 255 {
        return Err(LocalpartError::TooLong);
    }
    UserId::parse_with_server_name(name, server).map_err(|_| LocalpartError::Characters)
}

#[cfg(test)]
#[path = "localpart_test.rs"]
mod localpart_test;
