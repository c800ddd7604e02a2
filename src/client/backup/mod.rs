//! Backups of room keys.

mod create;
mod delete;
mod delete_keys;
mod get;
mod get_keys;
mod put_keys;
mod update;

pub use create::create;
pub use delete::delete;
pub use delete_keys::{delete_all_keys, delete_key_of_session, delete_keys_of_room};
pub use get::{get, get_current};
pub use get_keys::{get_all_keys, get_key_of_session, get_keys_of_room};
pub use put_keys::{put_all_keys, put_key_of_session, put_keys_of_room};
pub use update::update;

use axum::Json;
use causeway_store::users::key_backups::Tally;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;

/// The version in the query of requests that are about keys.
#[derive(Debug, Deserialize)]
pub struct InVersion {
    version: Option<String>,
}

impl InVersion {
    fn required(&self) -> Result<&str, ApiError> {
        let version = self.version.as_deref();
        version.ok_or_else(|| ApiError::missing_param("The parameter `version` is missing"))
    }
}

/// How the keys stand after a change, as clients are told.
fn told(tally: Tally) -> Json<Value> {
    Json(json!({ "count": tally.key_count, "etag": tally.etag.to_string() }))
}
