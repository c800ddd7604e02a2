//! The specification's own string formats (appendix "Identifier Grammar"), as far as they can
//! be told from the text alone.

use jsonschema::ValidationOptions;

/// Longest identifier, in bytes, sigil and server name included.
const MAX_IDENTIFIER_BYTES: usize = 255;

pub(super) fn register(options: ValidationOptions) -> ValidationOptions {
    options
        .with_format("mx-user-id", is_user_id)
        .with_format("mx-room-id", |text: &str| {
            is_identifier(text, '!') && text.len() > 1
        })
        .with_format("mx-event-id", |text: &str| {
            is_identifier(text, '$') && text.len() > 1
        })
        .with_format("mx-room-alias", |text: &str| {
            is_identifier(text, '#') && has_server(text)
        })
        .with_format("mx-server-name", is_server_name)
        .with_format("mx-mxc-uri", is_mxc_uri)
}

fn is_user_id(text: &str) -> bool {
    is_identifier(text, '@') && has_server(text)
}

fn is_identifier(text: &str, sigil: char) -> bool {
    text.starts_with(sigil) && text.len() <= MAX_IDENTIFIER_BYTES && !text.contains('\0')
}

fn has_server(text: &str) -> bool {
    text.split_once(':')
        .is_some_and(|(_, server)| is_server_name(server))
}

fn is_server_name(text: &str) -> bool {
    let port_at = text.rfind(':').filter(|at| !text[*at..].contains(']'));
    let (host, port) = port_at.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])));
    let host_fits = if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        !inner.is_empty()
            && inner
                .bytes()
                .all(|b| b.is_ascii_hexdigit() || b":.".contains(&b))
    } else {
        !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
    };
    host_fits && port.is_none_or(|p| (1..=5).contains(&p.len()) && p.parse::<u32>().is_ok())
}

fn is_mxc_uri(text: &str) -> bool {
    let Some((server, media)) = text
        .strip_prefix("mxc://")
        .and_then(|rest| rest.split_once('/'))
    else {
        // An empty string is how clients take an avatar away.
        return text.is_empty();
    };
    is_server_name(server)
        && !media.is_empty()
        && media
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}
