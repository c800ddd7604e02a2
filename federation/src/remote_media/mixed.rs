//! Reads `multipart/mixed` bodies as they come, without holding a part in memory.
//! Specification: RFC 2046, "Multipart Media Type".

use std::fmt::Display;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Longest head of a part, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Largest part that is skipped, in bytes.
const MAX_SKIPPED_BYTES: usize = 64 * 1024;

/// Longest boundary, in bytes.
const MAX_BOUNDARY_BYTES: usize = 70;

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum MixedError {
    #[error("the body is not multipart: {0}")]
    Malformed(&'static str),
    #[error("the body broke off: {0}")]
    Broken(String),
}

/// A body in parts.
pub(super) struct Mixed<S> {
    body: S,
    buffer: BytesMut,
    /// What stands between two parts, with the line break before it.
    delimiter: Vec<u8>,
    /// Whether the buffer begins right behind a delimiter.
    is_at_head: bool,
}

/// The boundary that a content type names.
pub(super) fn boundary(content_type: &str) -> Option<&str> {
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    let mut named = parts.filter_map(|part| part.split_once('='));
    let (_, value) = named.find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))?;
    let value = value.trim();
    let inner = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let value = inner.unwrap_or(value);
    (!value.is_empty() && value.len() <= MAX_BOUNDARY_BYTES).then_some(value)
}

impl<S, E> Mixed<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Display,
{
    /// Reads a body with this boundary.
    pub(super) fn new(boundary: &str, body: S) -> Self {
        Self {
            body,
            // The first delimiter may stand at the very beginning, where no line break is before.
            buffer: BytesMut::from(&b"\r\n"[..]),
            delimiter: [b"\r\n--", boundary.as_bytes()].concat(),
            is_at_head: false,
        }
    }

    /// Skips what is left of this part and reads the head of the next.
    pub(super) async fn next_part(&mut self) -> Result<HeaderMap, MixedError> {
        let mut skipped = 0;
        while let Some(content) = self.next_chunk().await? {
            skipped += content.len();
            if skipped > MAX_SKIPPED_BYTES {
                return Err(MixedError::Malformed("a part before the file is too large"));
            }
        }
        let end = loop {
            if self.buffer.starts_with(b"--") {
                return Err(MixedError::Malformed("there is no file"));
            }
            if let Some(end) = find(&self.buffer, END_OF_HEAD) {
                break end;
            }
            if self.buffer.len() > MAX_HEAD_BYTES {
                return Err(MixedError::Malformed("the head of a part is too large"));
            }
            self.fill().await?;
        };
        let head = self.buffer.split_to(end + END_OF_HEAD.len()).freeze();
        self.is_at_head = false;
        headers(&head[..end])
    }

    /// More of this part; nothing when it is over.
    pub(super) async fn next_chunk(&mut self) -> Result<Option<Bytes>, MixedError> {
        if self.is_at_head {
            return Ok(None);
        }
        loop {
            if let Some(end) = find(&self.buffer, &self.delimiter) {
                if end > 0 {
                    return Ok(Some(self.buffer.split_to(end).freeze()));
                }
                let _ = self.buffer.split_to(self.delimiter.len());
                self.is_at_head = true;
                return Ok(None);
            }
            // The end may be the beginning of a delimiter.
            let certain = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
            if certain > 0 {
                return Ok(Some(self.buffer.split_to(certain).freeze()));
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), MixedError> {
        match self.body.next().await {
            Some(Ok(more)) => {
                self.buffer.extend_from_slice(&more);
                Ok(())
            }
            Some(Err(error)) => Err(MixedError::Broken(error.to_string())),
            None => Err(MixedError::Malformed("it ends before its last boundary")),
        }
    }
}

/// The fields of a head, which begins with what stands behind the boundary.
fn headers(head: &[u8]) -> Result<HeaderMap, MixedError> {
    let malformed = || MixedError::Malformed("the head of a part cannot be read");
    let mut headers = HeaderMap::new();
    let mut lines = head.split(|&byte| byte == b'\n');
    let rest = lines.next().unwrap_or_default();
    if !rest.trim_ascii().is_empty() {
        return Err(malformed());
    }
    for line in lines {
        let colon = line.iter().position(|&byte| byte == b':');
        let (name, value) = line.split_at(colon.ok_or_else(malformed)?);
        let name = HeaderName::from_bytes(name.trim_ascii()).map_err(|_| malformed())?;
        let value = HeaderValue::from_bytes(value[1..].trim_ascii()).map_err(|_| malformed())?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Where `what` begins first.
fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, what)
}

#[cfg(test)]
#[path = "mixed_test.rs"]
mod mixed_test;
