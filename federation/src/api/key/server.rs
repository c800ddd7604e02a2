use axum::Json;
use axum::extract::State;
use ruma::CanonicalJsonObject;

use crate::error::ApiError;
use crate::keys::KeyRing;

/// `GET /_matrix/key/v2/server`
pub(crate) async fn server(
    State(ring): State<KeyRing>,
) -> Result<Json<CanonicalJsonObject>, ApiError> {
    Ok(Json(ring.own_document()?))
}
