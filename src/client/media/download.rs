use std::io::SeekFrom;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use causeway_media::disposition::content_disposition;
use causeway_media::{Content, Opened, waiting_time};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use ruma::OwnedServerName;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use super::gallery::{Gallery, Reach};
use super::range::{Wanted, wanted};
use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::parameters::{InPath, InQuery};

/// Bytes that are read from the disk at a time.
const READ_BYTES: usize = 65_536;

/// Nothing in a file may run, load or be framed by others.
const POLICY: &str = "sandbox; default-src 'none'; script-src 'none'; plugin-types \
                      application/pdf; style-src 'unsafe-inline'; object-src 'self';";

/// The parameters of a download.
#[derive(Deserialize)]
pub struct Parameters {
    timeout_ms: Option<u64>,
    allow_remote: Option<bool>,
}

impl Parameters {
    fn wait(&self) -> Duration {
        waiting_time(self.timeout_ms)
    }
}

/// `GET /_matrix/client/v1/media/download/{serverName}/{mediaId}`
pub async fn download(
    State(gallery): State<Gallery>,
    _: Session,
    InPath((origin, id)): InPath<(OwnedServerName, String)>,
    InQuery(parameters): InQuery<Parameters>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let place = (&*origin, id.as_str());
    let opened = gallery
        .get(place, parameters.wait(), Reach::Everywhere)
        .await?;
    answer(opened, None, &headers).await
}

/// `GET /_matrix/client/v1/media/download/{serverName}/{mediaId}/{fileName}`
pub async fn download_as(
    State(gallery): State<Gallery>,
    _: Session,
    InPath((origin, id, name)): InPath<(OwnedServerName, String, String)>,
    InQuery(parameters): InQuery<Parameters>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let place = (&*origin, id.as_str());
    let opened = gallery
        .get(place, parameters.wait(), Reach::Everywhere)
        .await?;
    answer(opened, Some(name), &headers).await
}

/// `GET /_matrix/media/v3/download/{serverName}/{mediaId}`, without an access token.
pub async fn legacy_download(
    State(gallery): State<Gallery>,
    InPath((origin, id)): InPath<(OwnedServerName, String)>,
    InQuery(parameters): InQuery<Parameters>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let reach = Reach::allowed(parameters.allow_remote);
    let place = (&*origin, id.as_str());
    let opened = gallery.get(place, parameters.wait(), reach).await?;
    answer(opened, None, &headers).await
}

/// `GET /_matrix/media/v3/download/{serverName}/{mediaId}/{fileName}`, without an access token.
pub async fn legacy_download_as(
    State(gallery): State<Gallery>,
    InPath((origin, id, name)): InPath<(OwnedServerName, String, String)>,
    InQuery(parameters): InQuery<Parameters>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let reach = Reach::allowed(parameters.allow_remote);
    let place = (&*origin, id.as_str());
    let opened = gallery.get(place, parameters.wait(), reach).await?;
    answer(opened, Some(name), &headers).await
}

/// A file, or the part of it that is asked for, with the headers that make it harmless.
pub(super) async fn answer(
    opened: Opened,
    name: Option<String>,
    asked: &HeaderMap,
) -> Result<Response, ApiError> {
    let tag = format!("\"{}\"", opened.tag);
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
    let size = opened.size;
    let (status, from, length) = match wanted(range, size) {
        Wanted::All => (StatusCode::OK, 0, size),
        Wanted::Part { from, length } => (StatusCode::PARTIAL_CONTENT, from, length),
        Wanted::Nothing => return beyond_the_end(size),
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    describe(response.headers_mut(), &opened, name, &tag)?;
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {from}-{}/{size}", from + length - 1);
        headers.insert(CONTENT_RANGE, header(&range)?);
    }
    let body = body_of(opened.content, from, length).await;
    let body = body.map_err(ApiError::internal)?;
    Ok(response.map(|_| body))
}

/// The answer to a range of which the file has nothing (RFC 9110, 416).
fn beyond_the_end(size: u64) -> Result<Response, ApiError> {
    let error = ApiError::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "M_UNKNOWN",
        "The file ends before this range",
    );
    let mut response = error.into_response();
    let range = header(&format!("bytes */{size}"))?;
    response.headers_mut().insert(CONTENT_RANGE, range);
    Ok(response)
}

async fn body_of(content: Content, from: u64, length: u64) -> std::io::Result<Body> {
    match content {
        Content::File(mut file) => {
            if from > 0 {
                file.seek(SeekFrom::Start(from)).await?;
            }
            let content = ReaderStream::with_capacity(file.take(length), READ_BYTES);
            Ok(Body::from_stream(content))
        }
        Content::Memory(bytes) => {
            let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            Ok(Body::from(bytes.slice(place(from)..place(from + length))))
        }
    }
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
