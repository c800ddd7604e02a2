use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use causeway_media::{MAX_WAIT_MS, Media, Method, ThumbnailSize, Wish};
use http::HeaderMap;
use ruma::OwnedServerName;
use serde::Deserialize;

use super::download::answer;
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
}

impl Parameters {
    fn wait(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.unwrap_or(MAX_WAIT_MS))
    }

    fn wish(&self) -> Result<Wish, ApiError> {
        let side = |side: i64| match side {
            1.. => Ok(u32::try_from(side).unwrap_or(u32::MAX)),
            _ => Err(ApiError::invalid_param("A thumbnail has positive sides")),
        };
        let method = match self.method.as_deref() {
            None | Some("scale") => Method::Scale,
            Some("crop") => Method::Crop,
            Some(_) => return Err(ApiError::invalid_param("The method is crop or scale")),
        };
        Ok(Wish {
            size: ThumbnailSize {
                width: side(self.width)?,
                height: side(self.height)?,
                method,
            },
            animated: self.animated.unwrap_or(false),
        })
    }
}

/// `GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}`
pub async fn thumbnail(
    State(media): State<Media>,
    _: Session,
    InPath((origin, id)): InPath<(OwnedServerName, String)>,
    InQuery(parameters): InQuery<Parameters>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    give(&media, (&origin, &id), &parameters, &headers).await
}

/// `GET /_matrix/media/v3/thumbnail/{serverName}/{mediaId}`, without an access token.
pub async fn legacy_thumbnail(
    State(media): State<Media>,
    InPath((origin, id)): InPath<(OwnedServerName, String)>,
    InQuery(parameters): InQuery<Parameters>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    give(&media, (&origin, &id), &parameters, &headers).await
}

async fn give(
    media: &Media,
    (origin, id): (&OwnedServerName, &str),
    parameters: &Parameters,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let wish = parameters.wish()?;
    let opened = media
        .thumbnail((origin, id), parameters.wait(), wish)
        .await?;
    answer(opened, None, headers).await
}
