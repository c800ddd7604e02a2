use axum::extract::State;
use axum::response::Response;
use causeway_media::{Media, Wish, waiting_time};
use serde::Deserialize;

use super::answer::answer;
use crate::error::ApiError;
use crate::keys::KeyRing;
use crate::origin::Origin;
use crate::parameters::{InPath, InQuery};

#[derive(Deserialize)]
pub(crate) struct Parameters {
    width: i64,
    height: i64,
    method: Option<String>,
    animated: Option<bool>,
    timeout_ms: Option<u64>,
}

/// `GET /_matrix/federation/v1/media/thumbnail/{mediaId}`: a smaller picture of a file of this
/// server.
pub(crate) async fn thumbnail(
    State(media): State<Media>,
    State(ring): State<KeyRing>,
    InPath(id): InPath<String>,
    InQuery(parameters): InQuery<Parameters>,
    _: Origin,
) -> Result<Response, ApiError> {
    let sides = (parameters.width, parameters.height);
    let wish = Wish::read(sides, parameters.method.as_deref(), parameters.animated);
    let wish = wish.map_err(|error| ApiError::invalid_param(error.to_string()))?;
    let wait = waiting_time(parameters.timeout_ms);
    let place = (ring.own().server_name(), id.as_str());
    answer(media.thumbnail(place, wait, wish).await?)
}
