//! A file as other servers get it: `multipart/mixed`, of which the first part is an object that has
//! nothing in it yet, and the second is the file.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use causeway_media::disposition::content_disposition;
use causeway_media::{Content, Opened};
use futures::stream::{self, StreamExt as _};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use tokio_util::io::ReaderStream;

use crate::error::ApiError;

/// Bytes that are read from the disk at a time.
const READ_BYTES: usize = 65_536;

/// The answer that holds a file.
pub(super) fn answer(opened: Opened) -> Result<Response, ApiError> {
    // Whoever could choose the content would have to find a file that names its own hash.
    let boundary: String = opened.tag.chars().take(60).collect();
    let about = opened.about;
    let content_type = about.content_type.as_deref();
    let content_type = content_type.unwrap_or("application/octet-stream");
    let disposition = content_disposition(content_type, about.file_name.as_deref());
    let before = format!(
        "--{boundary}\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--{boundary}\r\n\
         Content-Type: {content_type}\r\nContent-Disposition: {disposition}\r\n\r\n"
    );
    let after = format!("\r\n--{boundary}--\r\n");
    let length = before.len() as u64 + opened.size + after.len() as u64;
    let edge = |text: String| stream::iter([Ok(Bytes::from(text))]);
    let body = match opened.content {
        Content::File(file) => {
            let file = ReaderStream::with_capacity(file, READ_BYTES);
            Body::from_stream(edge(before).chain(file).chain(edge(after)))
        }
        Content::Memory(bytes) => {
            Body::from([before.as_bytes(), &bytes, after.as_bytes()].concat())
        }
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    // A hash in URL-safe Base64 is a token. Not quoted: Synapse takes quotes as part of it.
    let whole = format!("multipart/mixed; boundary={boundary}");
    let whole = HeaderValue::from_str(&whole).map_err(ApiError::internal)?;
    headers.insert(CONTENT_TYPE, whole);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let cache = HeaderValue::from_static("private, max-age=31536000, immutable");
    headers.insert(CACHE_CONTROL, cache);
    Ok(response)
}
