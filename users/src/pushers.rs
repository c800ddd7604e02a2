//! Pushers. Specification: client-server API, "Push Notifications".

use causeway_store::StoreError;
use causeway_store::users::pushers as store;
pub use causeway_store::users::pushers::Pusher;
use ruma::UserId;

use crate::Users;

/// Longest push key, in bytes.
pub const MAX_PUSHKEY_BYTES: usize = 512;

/// Longest app id, in characters.
pub const MAX_APP_ID_CHARS: usize = 64;

/// Longest of all other texts of a pusher, in bytes.
pub const MAX_TEXT_BYTES: usize = 4_096;

/// Why a pusher was not set.
#[derive(Debug, thiserror::Error)]
pub enum PusherError {
    /// A field is too long, or `data` is not what its kind needs; the text says which.
    #[error("{0}")]
    Invalid(&'static str),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Users {
    /// Sets a pusher. Without `append`, the same key of other users goes.
    ///
    /// # Errors
    /// [`PusherError::Invalid`], or the database's.
    pub async fn set_pusher(
        &self,
        user_id: &UserId,
        pusher: &Pusher,
        append: bool,
    ) -> Result<(), PusherError> {
        check(pusher)?;
        let now_ms = self.now_ms();
        store::set(self.store(), user_id.as_str(), pusher, !append, now_ms).await?;
        Ok(())
    }

    /// Removes a pusher, if it is there.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_pusher(
        &self,
        user_id: &UserId,
        app_id: &str,
        pushkey: &str,
    ) -> Result<(), StoreError> {
        store::delete(self.store(), user_id.as_str(), app_id, pushkey).await
    }

    /// All pushers of a user.
    ///
    /// # Errors
    /// The database's.
    pub async fn pushers(&self, user_id: &UserId) -> Result<Vec<Pusher>, StoreError> {
        store::list(self.store(), user_id.as_str()).await
    }
}

fn check(pusher: &Pusher) -> Result<(), PusherError> {
    if pusher.pushkey.len() > MAX_PUSHKEY_BYTES {
        return Err(PusherError::Invalid("pushkey has at most 512 bytes"));
    }
    if pusher.app_id.chars().count() > MAX_APP_ID_CHARS {
        return Err(PusherError::Invalid("app_id has at most 64 characters"));
    }
    let texts = [
        Some(&pusher.kind),
        Some(&pusher.app_display_name),
        Some(&pusher.device_display_name),
        pusher.profile_tag.as_ref(),
        Some(&pusher.lang),
        Some(&pusher.data),
    ];
    if texts
        .into_iter()
        .flatten()
        .any(|text| text.len() > MAX_TEXT_BYTES)
    {
        return Err(PusherError::Invalid("a field is too long"));
    }
    if pusher.kind != "http" {
        return Err(PusherError::Invalid("only pushers of kind http are served"));
    }
    let data: serde_json::Value = serde_json::from_str(&pusher.data).unwrap_or_default();
    let url = data
        .get("url")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    if !is_gateway(url) {
        return Err(PusherError::Invalid(
            "data.url must be https://.../_matrix/push/v1/notify",
        ));
    }
    Ok(())
}

/// A gateway is an https address with the path that the specification fixes. Plain http is
/// accepted for the loopback only, where there is nobody in between.
fn is_gateway(url: &str) -> bool {
    let rest = match url.split_once("://") {
        Some(("https", rest)) => rest,
        Some(("http", rest)) => {
            let host = rest.split(['/', ':']).next().unwrap_or_default();
            if host != "localhost" && host != "127.0.0.1" {
                return false;
            }
            rest
        }
        _ => return false,
    };
    rest.split_once('/').is_some_and(|(host, path)| {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        !host.is_empty() && path == "_matrix/push/v1/notify"
    })
}

#[cfg(test)]
#[path = "pushers_test.rs"]
mod pushers_test;
