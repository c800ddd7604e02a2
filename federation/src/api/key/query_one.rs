use axum::Json;
use axum::extract::State;
use ruma::OwnedServerName;
use serde::Deserialize;

use super::query::Vouched;
use crate::error::ApiError;
use crate::keys::{KeyRing, Wishes};
use crate::parameters::{InPath, InQuery};

/// How long the keys must hold, in milliseconds since 1970; absent: now.
#[derive(Deserialize)]
pub(crate) struct Until {
    #[serde(default)]
    minimum_valid_until_ts: u64,
}

/// `GET /_matrix/key/v2/query/{serverName}`
pub(crate) async fn query_one(
    State(ring): State<KeyRing>,
    InPath(server): InPath<OwnedServerName>,
    InQuery(until): InQuery<Until>,
) -> Result<Json<Vouched>, ApiError> {
    let wishes = Wishes::from([(server, until.minimum_valid_until_ts)]);
    let server_keys = ring.vouch(&wishes).await?;
    Ok(Json(Vouched { server_keys }))
}

/// `GET /_matrix/key/v2/query/{serverName}/{keyId}`, which older servers use: the id never narrowed
/// anything.
pub(crate) async fn query_one_key(
    ring: State<KeyRing>,
    InPath((server, _)): InPath<(OwnedServerName, String)>,
    until: InQuery<Until>,
) -> Result<Json<Vouched>, ApiError> {
    query_one(ring, InPath(server), until).await
}
