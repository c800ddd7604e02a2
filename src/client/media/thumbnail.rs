use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use causeway_media::{Wish, waiting_time};
use http::HeaderMap;
use ruma::OwnedServerName;
use serde::Deserialize;

use super::download::answer;
use super::gallery::{Gallery, Reach};
use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::parameters::{InPath, InQuery};

/// The parameters of a thumbnail.
#[derive(Deserialize)]
pub struct Parameters {
    width: i64,
    height: i64,
    method: Option<String>,
    animated: Option<bool>,
    timeout_ms: Option<u64>,
    allow_remote: Option<bool>,
}

impl Parameters {
    fn wait(&self) -> Duration {
        waiting_time(self.timeout_ms)
    }

    fn wish(&self) -> Result<Wish, ApiError> {
        let sides = (self.width, self.height);
        let wish = Wish::read(sides, self.method.as_deref(), self.animated);
        wish.map_err(|error| ApiError::invalid_param(error.to_string()))
    }
}

/// `GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}`
pub async fn thumbnail(
    State(gallery): State<Gallery>,
    _: Session,
    InPath((origin, id)): InPath<(OwnedServerName, String)>,
    InQuery(parameters): InQuery<Parameters>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    give(
        &gallery,
        (&origin, &id),
        Reach::Everywhere,
        &parameters,
        &headers,
    )
    .await
}

/// `GET /_matrix/media/v3/thumbnail/{serverName}/{mediaId}`, without an access token.
pub async fn legacy_thumbnail(
    State(gallery): State<Gallery>,
    InPath((origin, id)): InPath<(OwnedServerName, String)>,
    InQuery(parameters): InQuery<Parameters>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let reach = Reach::allowed(parameters.allow_remote);
    give(&gallery, (&origin, &id), reach, &parameters, &headers).await
}

async fn give(
    gallery: &Gallery,
    place: (&OwnedServerName, &str),
    reach: Reach,
    parameters: &Parameters,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let wish = parameters.wish()?;
    let place = (place.0.as_ref(), place.1);
    let opened = gallery
        .thumbnail(place, parameters.wait(), wish, reach)
        .await?;
    answer(opened, None, headers).await
}
