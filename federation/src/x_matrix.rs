//! Requests between servers are signed: `Authorization: X-Matrix`.
//!
//! Specification: server-server API, "Request Authentication".

use std::fmt::Write as _;

use causeway_events::ServerKey;
use causeway_events::canonical::{Value, write_string};
use ruma::{OwnedServerName, ServerName};

/// The name of the scheme, with the space that follows it.
const SCHEME: &str = "X-Matrix ";

/// Longest header that is read, in bytes.
const MAX_HEADER_BYTES: usize = 2_048;

/// What a server says of itself in a request, before any of it is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XMatrix {
    /// Who speaks.
    pub origin: OwnedServerName,
    /// To whom; servers from before Matrix 1.3 leave it out.
    pub destination: Option<OwnedServerName>,
    /// The key, as in `ed25519:abc`.
    pub key_id: String,
    /// The signature, in Base64.
    pub signature: String,
}

impl XMatrix {
    /// Reads the value of an `Authorization` header; nothing where it is of another scheme or
    /// malformed.
    pub fn parse(header: &str) -> Option<Self> {
        let scheme = header.get(..SCHEME.len())?;
        if header.len() > MAX_HEADER_BYTES || !scheme.eq_ignore_ascii_case(SCHEME) {
            return None;
        }
        let (mut origin, mut destination, mut key_id, mut signature) = (None, None, None, None);
        let mut rest = header[SCHEME.len()..].trim_start();
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=')?;
            let (value, after) = value(after.trim_start())?;
            let place = match name.trim().to_ascii_lowercase().as_str() {
                "origin" => &mut origin,
                "destination" => &mut destination,
                "key" => &mut key_id,
                "sig" => &mut signature,
                // Unknown ones are for others.
                _ => &mut None,
            };
            if place.replace(value).is_some() {
                return None;
            }
            rest = after.trim_start();
            if let Some(next) = rest.strip_prefix(',') {
                rest = next.trim_start();
            } else if !rest.is_empty() {
                return None;
            }
        }
        let destination = destination.map(OwnedServerName::try_from).transpose();
        Some(Self {
            origin: OwnedServerName::try_from(origin?).ok()?,
            destination: destination.ok()?,
            key_id: key_id?,
            signature: signature?,
        })
    }

    /// The header of a request that this server makes. `body` is canonical JSON.
    pub(crate) fn sign(
        key: &ServerKey,
        destination: &ServerName,
        method: &str,
        uri: &str,
        body: Option<&str>,
    ) -> String {
        let origin = key.server_name();
        let text = signed_text(origin, Some(destination), method, uri, body);
        let mut header = SCHEME.to_owned();
        let signature = key.sign_bytes(text.as_bytes());
        let id = key.key_id();
        // Writing to a string does not fail.
        let _ = write!(
            header,
            r#"origin="{origin}",destination="{destination}",key="{id}",sig="{signature}""#
        );
        header
    }

    /// The bytes whose signature this is, of a request with a body of canonical JSON.
    pub(crate) fn signed_text(&self, method: &str, uri: &str, body: Option<&str>) -> String {
        signed_text(&self.origin, self.destination.as_deref(), method, uri, body)
    }
}

/// A token or a quoted string, and what follows. Older servers leave the quotes out around
/// values with colons.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(letters.next()?.1),
            letter => value.push(letter),
        }
    }
    None
}

fn signed_text(
    origin: &ServerName,
    destination: Option<&ServerName>,
    method: &str,
    uri: &str,
    body: Option<&str>,
) -> String {
    let mut text = Vec::with_capacity(256 + body.map_or(0, str::len));
    let mut separator = b'{';
    let mut entry = |name: &str, write: &mut dyn FnMut(&mut Vec<u8>)| {
        text.push(separator);
        separator = b',';
        write_string(&mut text, name);
        text.push(b':');
        write(&mut text);
    };
    if let Some(body) = body {
        entry("content", &mut |out| out.extend_from_slice(body.as_bytes()));
    }
    if let Some(destination) = destination {
        entry("destination", &mut |out| {
            write_string(out, destination.as_str())
        });
    }
    entry("method", &mut |out| write_string(out, method));
    entry("origin", &mut |out| write_string(out, origin.as_str()));
    entry("uri", &mut |out| write_string(out, uri));
    text.push(b'}');
    String::from_utf8(text).unwrap_or_default()
}

/// A JSON text in canonical form.
///
/// # Errors
/// If it is not JSON, or has no canonical form: numbers that are not integers, keys twice.
pub fn canonical(json: &str) -> Result<String, serde_json::Error> {
    let value = Value::parse(json)?;
    let mut out = Vec::with_capacity(json.len());
    value.write(&mut out);
    String::from_utf8(out).map_err(serde::de::Error::custom)
}

#[cfg(test)]
#[path = "x_matrix_test.rs"]
mod x_matrix_test;
