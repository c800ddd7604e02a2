//! Published rooms of other servers.

use std::time::Duration;

use ruma::ServerName;
use serde_json::{Map, Value};

use super::AskError;
use crate::Federation;
use crate::links::LinkError;

/// Longest time for a page.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Largest page, in bytes.
const MAX_BYTES: usize = 8 * 1024 * 1024;

impl Federation {
    /// A page of another server's published rooms; `question` is the body of the request.
    /// Specification: server-server API, `POST /publicRooms`.
    ///
    /// # Errors
    /// [`AskError`] says why there is none.
    pub async fn remote_public_rooms(
        &self,
        server: &ServerName,
        question: &Map<String, Value>,
    ) -> Result<Map<String, Value>, AskError> {
        let request = self
            .links()
            .post(server, "/_matrix/federation/v1/publicRooms");
        let request = request.within(TIMEOUT).at_most(MAX_BYTES);
        let answer = request.json(question)?.send().await?;
        let page: Map<String, Value> = answer.json()?;
        if !page.get("chunk").is_some_and(Value::is_array) {
            return Err(LinkError::Malformed("no list of rooms".to_owned()).into());
        }
        Ok(page)
    }
}
