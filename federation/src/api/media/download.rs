use axum::extract::State;
use axum::response::Response;
use causeway_media::{Media, waiting_time};
use serde::Deserialize;

use super::answer::answer;
use crate::error::ApiError;
use crate::keys::KeyRing;
use crate::origin::Origin;
use crate::parameters::{InPath, InQuery};

#[derive(Deserialize)]
pub(crate) struct Parameters {
    timeout_ms: Option<u64>,
}

/// `GET /_matrix/federation/v1/media/download/{mediaId}`: a file of this server.
pub(crate) async fn download(
    State(media): State<Media>,
    State(ring): State<KeyRing>,
    InPath(id): InPath<String>,
    InQuery(parameters): InQuery<Parameters>,
    _: Origin,
) -> Result<Response, ApiError> {
    let wait = waiting_time(parameters.timeout_ms);
    let opened = media.get(ring.own().server_name(), &id, wait).await?;
    answer(opened)
}
