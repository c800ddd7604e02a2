use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use causeway_media::disposition::{content_disposition, is_picture};
use causeway_media::{MAX_WAIT_MS, Media, Opened};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use ruma::OwnedServerName;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use super::range::{Wanted, wanted};
use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::parameters::{InPath, InQuery};

/// Largest picture that is given in place of a thumbnail, in bytes.
const MAX_THUMBNAIL_BYTES: u64 = 10 * 1024 * 1024;

/// Bytes that are read from the disk at a time.
const READ_BYTES: usize = 65_536;

/// Nothing in a file may run, load or be framed by others.
const POLICY: &str = "sandbox; default-src 'none'; script-src 'none'; plugin-types \
                      application/pdf; style-src 'unsafe-inline'; object-src 'self';";

/// The parameters of a download.
#[derive(Deserialize)]
pub struct Parameters {
    timeout_ms: Option<u64>,
}

impl Parameters {
    fn wait(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.unwrap_or(MAX_WAIT_MS))
    }
}

/// `GET /_matrix/client/v1/media/download/{serverName}/{mediaId}`
pub async fn download(
    State(media): State<Media>,
    _: Session,
    InPath((origin, id)): InPath<(OwnedServerName, String)>,
    InQuery(parameters): InQuery<Parameters>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let opened = media.get(&origin, &id, parameters.wait()).await?;
    answer(opened, None, &headers).await
}

/// `GET /_matrix/client/v1/media/download/{serverName}/{mediaId}/{fileName}`
pub async fn download_as(
    State(media): State<Media>,
    _: Session,
    InPath((origin, id, name)): InPath<(OwnedServerName, String, String)>,
    InQuery(parameters): InQuery<Parameters>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let opened = media.get(&origin, &id, parameters.wait()).await?;
    answer(opened, Some(name), &headers).await
}

/// `GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}`: the picture itself, which is
/// at least as large as what is asked for.
pub async fn thumbnail(
    State(media): State<Media>,
    _: Session,
    InPath((origin, id)): InPath<(OwnedServerName, String)>,
    InQuery(parameters): InQuery<Parameters>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    picture(&media, &origin, &id, parameters.wait(), &headers).await
}

/// `GET /_matrix/media/v3/download/{serverName}/{mediaId}`, without an access token.
pub async fn legacy_download(
    State(media): State<Media>,
    InPath((origin, id)): InPath<(OwnedServerName, String)>,
    InQuery(parameters): InQuery<Parameters>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let opened = media.get(&origin, &id, parameters.wait()).await?;
    answer(opened, None, &headers).await
}

/// `GET /_matrix/media/v3/download/{serverName}/{mediaId}/{fileName}`, without an access token.
pub async fn legacy_download_as(
    State(media): State<Media>,
    InPath((origin, id, name)): InPath<(OwnedServerName, String, String)>,
    InQuery(parameters): InQuery<Parameters>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let opened = media.get(&origin, &id, parameters.wait()).await?;
    answer(opened, Some(name), &headers).await
}

/// `GET /_matrix/media/v3/thumbnail/{serverName}/{mediaId}`, without an access token.
pub async fn legacy_thumbnail(
    State(media): State<Media>,
    InPath((origin, id)): InPath<(OwnedServerName, String)>,
    InQuery(parameters): InQuery<Parameters>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    picture(&media, &origin, &id, parameters.wait(), &headers).await
}

async fn picture(
    media: &Media,
    origin: &OwnedServerName,
    id: &str,
    wait: Duration,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let opened = media.get(origin, id, wait).await?;
    if !is_picture(opened.about.content_type.as_deref().unwrap_or_default()) {
        return Err(ApiError::unknown(
            "There is no thumbnail of this type of content",
        ));
    }
    if opened.size > MAX_THUMBNAIL_BYTES {
        return Err(ApiError::too_large(
            "The picture is too large for a thumbnail",
        ));
    }
    answer(opened, None, headers).await
}

async fn answer(
    mut opened: Opened,
    name: Option<String>,
    asked: &HeaderMap,
) -> Result<Response, ApiError> {
    let tag = format!("\"{}\"", opened.hash);
    if asked
        .get(IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.as_bytes())
    {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        describe(response.headers_mut(), &opened, name, &tag)?;
        return Ok(response);
    }
    let range = asked.get(RANGE).and_then(|range| range.to_str().ok());
    let (status, from, length) = match wanted(range, opened.size) {
        Wanted::All => (StatusCode::OK, 0, opened.size),
        Wanted::Part { from, length } => (StatusCode::PARTIAL_CONTENT, from, length),
        Wanted::Nothing => (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0),
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    describe(response.headers_mut(), &opened, name, &tag)?;
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if status != StatusCode::OK {
        let range = match status {
            StatusCode::PARTIAL_CONTENT => {
                format!("bytes {from}-{}/{}", from + length - 1, opened.size)
            }
            _ => format!("bytes */{}", opened.size),
        };
        headers.insert(CONTENT_RANGE, header(&range)?);
    }
    if from > 0 {
        opened
            .file
            .seek(std::io::SeekFrom::Start(from))
            .await
            .map_err(ApiError::internal)?;
    }
    let content = ReaderStream::with_capacity(opened.file.take(length), READ_BYTES);
    Ok(response.map(|_| Body::from_stream(content)))
}

fn describe(
    headers: &mut HeaderMap,
    opened: &Opened,
    name: Option<String>,
    tag: &str,
) -> Result<(), ApiError> {
    let content_type = opened
        .about
        .content_type
        .as_deref()
        .unwrap_or("application/octet-stream");
    let name = name.as_deref().or(opened.about.file_name.as_deref());
    headers.insert(CONTENT_TYPE, header(content_type)?);
    headers.insert(
        CONTENT_DISPOSITION,
        header(&content_disposition(content_type, name))?,
    );
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("cross-origin"),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // What lies at an address never changes.
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("private, max-age=31536000, immutable"),
    );
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(ETAG, header(tag)?);
    Ok(())
}

fn header(value: &str) -> Result<HeaderValue, ApiError> {
    HeaderValue::from_str(value).map_err(ApiError::internal)
}
