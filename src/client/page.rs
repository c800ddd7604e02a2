//! Pages for people: nothing of them is loaded from elsewhere or framed, and what strangers have
//! written is escaped.

use axum::response::{Html, IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, StatusCode};

/// Nothing is loaded, nothing runs, nobody frames it.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";

/// Nobody frames it, and its address, which may be a secret, stays here.
const HEADERS: [(HeaderName, &str); 4] = [
    (X_FRAME_OPTIONS, "DENY"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
];

/// What a page may run.
pub struct Script<'a> {
    /// Its elements.
    pub html: &'a str,
    /// What the policy says of them, as in `script-src 'sha256-...'`.
    pub policy: &'a str,
}

/// A page with a title and the HTML of its body.
pub fn show(title: &str, body: &str) -> Response {
    with_status(StatusCode::OK, title, body)
}

/// The same that tells of a failure.
pub fn with_status(status: StatusCode, title: &str, body: &str) -> Response {
    respond(status, title, body, POLICY)
}

/// A page that runs something.
pub fn with_script(title: &str, body: &str, script: &Script<'_>) -> Response {
    let policy = format!("{POLICY}; {}", script.policy);
    let body = format!("{body}{}", script.html);
    respond(StatusCode::OK, title, &body, &policy)
}

fn respond(status: StatusCode, title: &str, body: &str, policy: &str) -> Response {
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{}</title>\
         <body>{body}</body></html>",
        escape(title)
    );
    let headers = HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value)));
    let mut headers = HeaderMap::from_iter(headers);
    // A policy that is no header value would leave the page without one.
    let policy = HeaderValue::from_str(policy).unwrap_or(HeaderValue::from_static(POLICY));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    (status, headers, Html(html)).into_response()
}

/// A text inside a page, or inside an attribute in quotes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
