use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Request, State};
use ruma::{CanonicalJsonObject, OwnedServerName};
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::keys::{KeyRing, MAX_VOUCHED, Wishes};
use crate::origin::{MAX_BODY_BYTES, read};

/// Keys of servers, each document signed by its server and by this one.
#[derive(Serialize)]
pub(crate) struct Vouched {
    pub(super) server_keys: Vec<CanonicalJsonObject>,
}

#[derive(Deserialize)]
struct Question {
    server_keys: BTreeMap<OwnedServerName, BTreeMap<String, Criteria>>,
}

#[derive(Deserialize)]
struct Criteria {
    #[serde(default)]
    minimum_valid_until_ts: u64,
}

/// `POST /_matrix/key/v2/query`
pub(crate) async fn query(
    State(ring): State<KeyRing>,
    request: Request,
) -> Result<Json<Vouched>, ApiError> {
    let (head, body) = request.into_parts();
    let body = read(&head.headers, body, MAX_BODY_BYTES).await?;
    let question: Question =
        serde_json::from_slice(&body).map_err(|error| ApiError::bad_json(error.to_string()))?;
    if question.server_keys.len() > MAX_VOUCHED {
        return Err(ApiError::too_large(format!(
            "Keys of more than {MAX_VOUCHED} servers are not told at once"
        )));
    }
    let wish = |(server, keys): (OwnedServerName, BTreeMap<String, Criteria>)| {
        let until = keys.values().map(|it| it.minimum_valid_until_ts).max();
        (server, until.unwrap_or(0))
    };
    let wishes: Wishes = question.server_keys.into_iter().map(wish).collect();
    let server_keys = ring.vouch(&wishes).await?;
    Ok(Json(Vouched { server_keys }))
}
