//! Reading request bodies within limits.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde::de::IgnoredAny;

use super::error::ApiError;

/// How deep arrays and objects of a body may stand in each other. An event may not be that deep
/// anywhere in Matrix, and no parser of this server recurses deeper.
pub const MAX_JSON_DEPTH: usize = 100;

/// How long a client may take to send a JSON body.
pub const MAX_BODY_TIME: Duration = Duration::from_secs(60);

/// How much of a body that is too large is read nevertheless, in bytes. A client that is still
/// sending when the connection closes does not get to see the answer.
pub const MAX_DISCARDED_BYTES: usize = 16 * 1024 * 1024;

/// How long that may take.
const MAX_DISCARD_TIME: Duration = Duration::from_secs(10);

/// Reads a whole body of at most `limit` bytes, which is text.
///
/// # Errors
/// `M_TOO_LARGE` (413) above the limit; 408 when it takes longer than [`MAX_BODY_TIME`];
/// `M_UNKNOWN` (400) when the connection breaks; `M_NOT_JSON` (400) if it is not UTF-8.
pub async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        discard(headers, body).await;
        return Err(too_large(limit));
    }
    let bytes = match tokio::time::timeout(MAX_BODY_TIME, collect(body, limit)).await {
        Ok(collected) => collected?,
        Err(_) => {
            return Err(ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                "M_UNKNOWN",
                "The request body took too long",
            ));
        }
    };
    // Parsers pass over what they do not need without looking whether it is text.
    match std::str::from_utf8(&bytes) {
        Ok(_) => Ok(bytes),
        Err(_) => Err(ApiError::not_json("The request body is not UTF-8")),
    }
}

async fn collect(mut body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let mut gathered = BytesMut::new();
    while let Some(data) = next_data(&mut body).await {
        let data = data.map_err(|_| ApiError::unknown("The request body ended before its time"))?;
        if gathered.len() + data.len() > limit {
            discard(&HeaderMap::new(), body).await;
            return Err(too_large(limit));
        }
        gathered.extend_from_slice(&data);
    }
    Ok(gathered.freeze())
}

/// Reads what is left of a body that is refused, up to [`MAX_DISCARDED_BYTES`].
pub async fn discard(headers: &HeaderMap, mut body: Body) {
    // Who asks first has not begun to send, and would do so if we began to read.
    if headers.contains_key(EXPECT) {
        return;
    }
    let reading = async {
        let mut left = MAX_DISCARDED_BYTES;
        while let Some(Ok(data)) = next_data(&mut body).await {
            let Some(less) = left.checked_sub(data.len()) else {
                break;
            };
            left = less;
        }
    };
    // Out of time: the client has to live without the answer.
    let _ = tokio::time::timeout(MAX_DISCARD_TIME, reading).await;
}

/// The next piece of a body; trailers are passed over.
async fn next_data(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        match body.frame().await? {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Some(Ok(data));
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
}

fn too_large(limit: usize) -> ApiError {
    ApiError::too_large(format!("The request body is larger than {limit} bytes"))
}

/// Checks that a body is JSON, and not too deep; an empty body passes. Parsers of single types
/// look at as much of it as they need.
///
/// # Errors
/// `M_NOT_JSON` or `M_BAD_JSON` (400).
pub fn check_json(body: &[u8]) -> Result<(), ApiError> {
    check_depth(body)?;
    if body.is_empty() {
        return Ok(());
    }
    match serde_json::from_slice::<IgnoredAny>(body) {
        Ok(_) => Ok(()),
        Err(_) => Err(ApiError::not_json("The request body is not valid JSON")),
    }
}

/// Refuses JSON that is nested deeper than [`MAX_JSON_DEPTH`], before any parser sees it. What is
/// not JSON passes, the parser refuses it.
///
/// # Errors
/// `M_BAD_JSON` (400).
pub fn check_depth(json: &[u8]) -> Result<(), ApiError> {
    let mut depth = 0usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in json {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_JSON_DEPTH {
                    return Err(ApiError::bad_json(format!(
                        "The JSON is nested deeper than {MAX_JSON_DEPTH} levels"
                    )));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}
