//! Profiles of users of other servers.

use std::time::Duration;

use ruma::UserId;
use serde_json::{Map, Value};

use super::AskError;
use crate::Federation;
use crate::links::segment;

/// Longest time for a profile.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Largest profile, in bytes: as large as the specification lets one be, and some space.
const MAX_BYTES: usize = 128 * 1024;

impl Federation {
    /// The profile of a user of another server. Specification: server-server API, `GET
    /// /query/profile`.
    ///
    /// # Errors
    /// [`AskError`] says why there is none.
    pub async fn remote_profile(&self, user: &UserId) -> Result<Map<String, Value>, AskError> {
        let user_id = segment(user.as_str());
        let path = format!("/_matrix/federation/v1/query/profile?user_id={user_id}");
        let request = self.links().get(user.server_name(), path);
        let answer = request.within(TIMEOUT).at_most(MAX_BYTES).send().await?;
        let mut profile: Map<String, Value> = answer.json()?;
        profile.retain(|field, value| match field.as_str() {
            "displayname" | "avatar_url" => value.is_string(),
            _ => true,
        });
        Ok(profile)
    }
}
