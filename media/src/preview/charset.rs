//! Which letters the bytes of a page are (HTML, "Determining the character encoding").

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How far into a page its own word about this is looked for, in bytes.
const PRESCAN_BYTES: usize = 1024;

/// Decodes a page. What cannot be read becomes U+FFFD.
pub(super) fn decode<'a>(body: &'a [u8], content_type: &str) -> Cow<'a, str> {
    let encoding = label_in(content_type)
        .or_else(|| Encoding::for_bom(body).map(|(encoding, _)| encoding))
        .or_else(|| said_inside(body))
        .unwrap_or_else(|| guess(body));
    // A mark at the beginning wins over everything, and is taken off.
    encoding.decode(body).0
}

fn said_inside(body: &[u8]) -> Option<&'static Encoding> {
    let start = &body[..body.len().min(PRESCAN_BYTES)];
    let text = String::from_utf8_lossy(start).to_ascii_lowercase();
    let encoding = label_in(&text).or_else(|| {
        // <?xml version="1.0" encoding="..."?>
        let declaration = text
            .trim_start()
            .strip_prefix("<?xml")?
            .split("?>")
            .next()?;
        label(
            declaration
                .split_once("encoding")?
                .1
                .trim_start()
                .strip_prefix('=')?,
        )
    })?;
    // Who could read this far does not read UTF-16.
    Some(if encoding == UTF_16LE || encoding == UTF_16BE {
        UTF_8
    } else {
        encoding
    })
}

/// `charset=...` in a header or a `<meta>`.
fn label_in(text: &str) -> Option<&'static Encoding> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("charset") {
        if let Some(value) = after.trim_start().strip_prefix('=')
            && let Some(encoding) = label(value)
        {
            return Some(encoding);
        }
        rest = after;
    }
    None
}

fn label(value: &str) -> Option<&'static Encoding> {
    let value = value.trim_start().trim_start_matches(['"', '\'']);
    let end = value
        .find(|c: char| !(c.is_ascii_alphanumeric() || "-_:.".contains(c)))
        .unwrap_or(value.len());
    Encoding::for_label(&value.as_bytes()[..end])
}

fn guess(body: &[u8]) -> &'static Encoding {
    match std::str::from_utf8(body) {
        Ok(_) => UTF_8,
        // Only the last letter is cut.
        Err(error) if error.error_len().is_none() => UTF_8,
        Err(_) => WINDOWS_1252,
    }
}

#[cfg(test)]
#[path = "charset_test.rs"]
mod charset_test;
