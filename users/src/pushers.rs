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
        mut pusher: Pusher,
        append: bool,
    ) -> Result<(), PusherError> {
        pusher.gateway = check(&pusher, self.settings().push_plain_http)?;
        let now_ms = self.now_ms();
        store::set(self.store(), user_id.as_str(), &pusher, !append, now_ms).await?;
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

/// Checks what a client asks for; gives the host of the gateway.
fn check(pusher: &Pusher, plain_http: bool) -> Result<String, PusherError> {
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
    let url = data.get("url").and_then(serde_json::Value::as_str);
    let gateway = url.and_then(|url| gateway_of(url, plain_http));
    gateway.map(ToOwned::to_owned).ok_or(PusherError::Invalid(
        "data.url must be https://.../_matrix/push/v1/notify",
    ))
}

/// The host (and port) of a gateway: an https address with the path that the specification fixes.
/// Plain http only where the operator allows it.
pub fn gateway_of(url: &str, plain_http: bool) -> Option<&str> {
    let rest = match url.split_once("://") {
        Some(("https", rest)) => rest,
        Some(("http", rest)) if plain_http => rest,
        _ => return None,
    };
    let (host, path) = rest.split_once('/')?;
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let is_gateway = !host.is_empty() && !host.contains('@') && path == "_matrix/push/v1/notify";
    is_gateway.then_some(host)
}

#[cfg(test)]
#[path = "pushers_test.rs"]
mod pushers_test;
