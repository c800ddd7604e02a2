//! Bodies of answers, up to a size.

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _};
use reqwest::Response;

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is larger than the caller takes.
    #[error("the answer is too large")]
    TooLarge,
    /// The other side stopped, or was too slow.
    #[error(transparent)]
    Broken(#[from] reqwest::Error),
}

/// Reads the whole body, at most `max_bytes`.
///
/// # Errors
/// [`BodyError`] says why not.
pub async fn read_at_most(response: Response, max_bytes: usize) -> Result<Bytes, BodyError> {
    let announced = response.content_length().unwrap_or(0);
    if announced > max_bytes as u64 {
        return Err(BodyError::TooLarge);
    }
    collect(response.bytes_stream(), max_bytes).await
}

/// Reads the beginning of a body: `max_bytes`, or all where there is less.
///
/// # Errors
/// [`BodyError::Broken`].
pub async fn read_beginning(response: Response, max_bytes: usize) -> Result<Bytes, BodyError> {
    let mut body = std::pin::pin!(response.bytes_stream());
    let mut read = BytesMut::new();
    while read.len() < max_bytes {
        let Some(chunk) = body.next().await else {
            break;
        };
        let chunk = chunk?;
        let wanted = chunk.len().min(max_bytes - read.len());
        read.extend_from_slice(&chunk[..wanted]);
    }
    Ok(read.freeze())
}

async fn collect(
    body: impl Stream<Item = Result<Bytes, reqwest::Error>>,
    max_bytes: usize,
) -> Result<Bytes, BodyError> {
    let mut body = std::pin::pin!(body);
    let mut read = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        if read.len() + chunk.len() > max_bytes {
            return Err(BodyError::TooLarge);
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read.freeze())
}
