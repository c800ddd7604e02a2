//! How a browser is told to treat a file: shown in place only where that is harmless.
//! Specification: client-server API, "Serving inline content".

/// Types that may be shown in place.
const INLINE: [&str; 26] = [
    "text/css",
    "text/plain",
    "text/csv",
    "application/json",
    "application/ld+json",
    "image/jpeg",
    "image/gif",
    "image/png",
    "image/apng",
    "image/webp",
    "image/avif",
    "video/mp4",
    "video/webm",
    "video/ogg",
    "video/quicktime",
    "audio/mp4",
    "audio/webm",
    "audio/aac",
    "audio/mpeg",
    "audio/ogg",
    "audio/wave",
    "audio/wav",
    "audio/x-wav",
    "audio/x-pn-wav",
    "audio/flac",
    "audio/x-flac",
];

/// Types of which a thumbnail can be shown.
const PICTURES: [&str; 6] = [
    "image/jpeg",
    "image/gif",
    "image/png",
    "image/apng",
    "image/webp",
    "image/avif",
];

/// The type without its parameters, in small letters.
fn essence(content_type: &str) -> String {
    content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// Whether a file of that type is a picture that every client can show.
pub fn is_picture(content_type: &str) -> bool {
    PICTURES.contains(&essence(content_type).as_str())
}

/// The value of `Content-Disposition` for a file of that type and name.
pub fn content_disposition(content_type: &str, file_name: Option<&str>) -> String {
    let kind = if INLINE.contains(&essence(content_type).as_str()) {
        "inline"
    } else {
        "attachment"
    };
    match file_name {
        None | Some("") => kind.to_owned(),
        Some(name) if is_token(name) => format!("{kind}; filename={name}"),
        Some(name) if is_quotable(name) => {
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            format!("{kind}; filename=\"{quoted}\"")
        }
        Some(name) => format!("{kind}; filename*=utf-8''{}", percent_encode(name)),
    }
}

/// The name that a `Content-Disposition` gives a file, of which only the last part of a path is
/// taken. Percent-encoded names (RFC 8187) are read as UTF-8, and go before others.
pub fn file_name(disposition: &str) -> Option<String> {
    let (mut plain, mut encoded) = (None, None);
    for parameter in parameters(disposition) {
        let Some((name, value)) = parameter.split_once('=') else {
            continue;
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "filename" => plain = Some(unquote(value.trim())),
            "filename*" => encoded = percent_decode(value.trim()),
            _ => {}
        }
    }
    let name = encoded.or(plain)?;
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    (!last.is_empty()).then(|| last.to_owned())
}

/// What stands between semicolons that are not quoted.
fn parameters(text: &str) -> Vec<&str> {
    let (mut parts, mut from) = (Vec::new(), 0);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b';' if !is_quoted => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

fn unquote(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let Some(inner) = inner else {
        return value.to_owned();
    };
    let (mut text, mut is_escaped) = (String::new(), false);
    for letter in inner.chars() {
        if letter == '\\' && !is_escaped {
            is_escaped = true;
        } else {
            text.push(letter);
            is_escaped = false;
        }
    }
    text
}

fn percent_decode(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_, text) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let (mut bytes, mut left) = (Vec::new(), text.as_bytes());
    while let Some((&first, rest)) = left.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            left = &rest[2..];
        } else {
            bytes.push(first);
            left = rest;
        }
    }
    String::from_utf8(bytes).ok()
}

fn is_token(name: &str) -> bool {
    name.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&b))
}

fn is_quotable(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

/// As RFC 8187 wants values with characters beyond ASCII.
fn percent_encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len() * 3);
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
#[path = "disposition_test.rs"]
mod disposition_test;
