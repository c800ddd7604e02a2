//! Reading request bodies within limits.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::error::ApiError;

/// How deep arrays and objects of a body may stand in each other. An event may not be that deep
/// anywhere in Matrix, and no parser of this server recurses deeper.
pub const MAX_JSON_DEPTH: usize = 100;

/// How long a client may take to send a JSON body.
pub const MAX_BODY_TIME: Duration = Duration::from_secs(60);

/// Reads a whole body of at most `limit` bytes.
///
/// # Errors
/// `M_TOO_LARGE` (413) above the limit, at once where the length is announced; 408 when it takes
/// longer than [`MAX_BODY_TIME`]; `M_UNKNOWN` (400) when the connection breaks.
pub async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    let collected = tokio::time::timeout(MAX_BODY_TIME, Limited::new(body, limit).collect());
    match collected.await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Ok(Err(_)) => Err(ApiError::unknown("The request body ended before its time")),
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "M_UNKNOWN",
            "The request body took too long",
        )),
    }
}

fn too_large(limit: usize) -> ApiError {
    ApiError::too_large(format!("The request body is larger than {limit} bytes"))
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
