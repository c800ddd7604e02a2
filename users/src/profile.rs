//! Profiles: names, pictures, and fields of one's own. Specification: client-server API,
//! "Profiles".

use causeway_store::log::ProfileField;
use causeway_store::users::{accounts, profiles};
use causeway_store::{AppendError, Change, StoreError};
use ruma::{MxcUri, UserId};
use serde_json::{Map, Value};

use crate::Users;

/// Longest name of a field, in bytes.
pub const MAX_FIELD_NAME_BYTES: usize = 255;

/// Largest profile, as canonical JSON in bytes.
pub const MAX_PROFILE_BYTES: usize = 65_536;

/// Longest display name, in characters.
pub const MAX_DISPLAY_NAME_CHARS: usize = 256;

/// Longest address of a picture, in bytes.
pub const MAX_AVATAR_BYTES: usize = 1_000;

/// Deepest value of a field.
const MAX_DEPTH: usize = 32;

/// Why a profile was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// There is no such user, or the profile has no such field.
    #[error("no such profile field")]
    NotFound,
    /// The name of the field is not one the specification allows.
    #[error("the name of the field is not valid")]
    BadName,
    /// The name of the field is longer than [`MAX_FIELD_NAME_BYTES`].
    #[error("the name of the field is too long")]
    NameTooLong,
    /// The value is not what this field holds; the text says what it would be.
    #[error("{0}")]
    BadValue(&'static str),
    /// The profile would be larger than [`MAX_PROFILE_BYTES`].
    #[error("the profile would be too large")]
    TooLarge,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// What a change of a profile means for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileChange {
    /// Nothing is different.
    Unchanged,
    /// A field of the profile only.
    Field,
    /// Name or picture, which stand in the member events of the user's rooms too.
    Membership,
}

impl Users {
    /// All fields of the profile of a user of this server.
    ///
    /// # Errors
    /// [`ProfileError::NotFound`] if there is no such user.
    pub async fn profile(&self, user_id: &UserId) -> Result<Map<String, Value>, ProfileError> {
        let fields = profiles::load_all(self.store(), user_id.as_str()).await?;
        if fields.is_empty() {
            self.check_exists(user_id).await?;
        }
        Ok(fields.into_iter().collect())
    }

    /// One field of the profile of a user of this server.
    ///
    /// # Errors
    /// [`ProfileError::NotFound`] if there is no such user or field.
    pub async fn profile_field(
        &self,
        user_id: &UserId,
        field: &str,
    ) -> Result<Value, ProfileError> {
        profiles::find_field(self.store(), user_id.as_str(), field)
            .await?
            .ok_or(ProfileError::NotFound)
    }

    async fn check_exists(&self, user_id: &UserId) -> Result<(), ProfileError> {
        match accounts::find(self.store(), user_id.as_str()).await? {
            Some(account) if !account.is_deactivated => Ok(()),
            _ => Err(ProfileError::NotFound),
        }
    }

    /// Sets a field of a user's profile; an empty name or picture removes it.
    ///
    /// # Errors
    /// [`ProfileError`] says why not.
    pub async fn set_profile_field(
        &self,
        user_id: &UserId,
        field: &str,
        value: Value,
    ) -> Result<ProfileChange, ProfileError> {
        check_name(field)?;
        let value = check_value(field, value)?;
        let _turn = self.0.in_turn.turn(user_id).await;
        let fields = profiles::load_all(self.store(), user_id.as_str()).await?;
        let mut profile: Map<String, Value> = fields.into_iter().collect();
        let before = profile.get(field).cloned();
        if before == value {
            return Ok(ProfileChange::Unchanged);
        }
        if let Some(value) = &value {
            profile.insert(field.to_owned(), value.clone());
            let size = serde_json::to_vec(&profile).map_or(usize::MAX, |json| json.len());
            if size > MAX_PROFILE_BYTES {
                return Err(ProfileError::TooLarge);
            }
        }
        self.write_field(user_id, field, value).await
    }

    /// Removes a field of a user's profile, if it is there.
    ///
    /// # Errors
    /// [`ProfileError`] says why not.
    pub async fn delete_profile_field(
        &self,
        user_id: &UserId,
        field: &str,
    ) -> Result<ProfileChange, ProfileError> {
        check_name(field)?;
        let _turn = self.0.in_turn.turn(user_id).await;
        if profiles::find_field(self.store(), user_id.as_str(), field)
            .await?
            .is_none()
        {
            return Ok(ProfileChange::Unchanged);
        }
        self.write_field(user_id, field, None).await
    }

    async fn write_field(
        &self,
        user_id: &UserId,
        field: &str,
        value: Option<Value>,
    ) -> Result<ProfileChange, ProfileError> {
        let change = ProfileField {
            user: user_id.to_owned(),
            field: field.to_owned(),
            value,
        };
        self.log().append(Change::Profile(change)).await?;
        Ok(match field {
            "displayname" | "avatar_url" => ProfileChange::Membership,
            _ => ProfileChange::Field,
        })
    }
}

/// Names follow the grammar of common namespaced identifiers.
fn check_name(field: &str) -> Result<(), ProfileError> {
    if field.len() > MAX_FIELD_NAME_BYTES {
        return Err(ProfileError::NameTooLong);
    }
    let starts_well = field.starts_with(|c: char| c.is_ascii_lowercase());
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    if !starts_well || !field.bytes().all(allowed) {
        return Err(ProfileError::BadName);
    }
    Ok(())
}

/// The value to store, `None` where the field is to go.
fn check_value(field: &str, value: Value) -> Result<Option<Value>, ProfileError> {
    match (field, &value) {
        ("displayname" | "avatar_url", Value::Null) => return Ok(None),
        ("displayname" | "avatar_url", Value::String(text)) if text.is_empty() => return Ok(None),
        ("displayname", Value::String(name)) if name.chars().count() > MAX_DISPLAY_NAME_CHARS => {
            return Err(ProfileError::BadValue(
                "A display name has at most 256 characters",
            ));
        }
        ("avatar_url", Value::String(url)) if url.len() > MAX_AVATAR_BYTES => {
            return Err(ProfileError::BadValue(
                "An avatar URL has at most 1000 bytes",
            ));
        }
        ("avatar_url", Value::String(url)) if !<&MxcUri>::from(url.as_str()).is_valid() => {
            return Err(ProfileError::BadValue("An avatar URL begins with mxc://"));
        }
        ("displayname" | "avatar_url", Value::String(_)) => {}
        ("m.tz", Value::String(zone)) if is_time_zone(zone) => {}
        ("displayname" | "avatar_url", _) => {
            return Err(ProfileError::BadValue("This field holds a string"));
        }
        ("m.tz", _) => {
            return Err(ProfileError::BadValue(
                "m.tz holds a time zone as in IANA's list",
            ));
        }
        _ => {}
    }
    if depth(&value) > MAX_DEPTH || has_nul(&value) {
        return Err(ProfileError::BadValue(
            "The value is too deep, or holds a zero character",
        ));
    }
    Ok(Some(value))
}

/// `Area/Place`, or a single word as in `UTC`.
fn is_time_zone(zone: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+');
    !zone.is_empty() && zone.len() <= 64 && zone.bytes().all(allowed)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Postgres cannot keep zero characters in `jsonb`.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

#[cfg(test)]
#[path = "profile_test.rs"]
mod profile_test;
