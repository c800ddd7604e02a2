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
