//! What a site says of an embeddable thing (oEmbed 1.0, found by the page's discovery link).

use serde::Deserialize;
use serde_json::Value;

use super::page;

/// What is taken of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Embedded {
    pub(super) title: Option<String>,
    pub(super) text: Option<String>,
    pub(super) provider: Option<String>,
    pub(super) picture: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "type")]
    kind: String,
    // Some sites send numbers as titles.
    title: Option<Value>,
    provider_name: Option<Value>,
    thumbnail_url: Option<Value>,
    url: Option<Value>,
    html: Option<Value>,
}

/// Reads an answer; nothing where it is none.
pub(super) fn read(body: &[u8]) -> Option<Embedded> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let text = |value: Option<Value>| match value? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let mut embedded = Embedded {
        title: text(answer.title),
        text: None,
        provider: text(answer.provider_name),
        picture: text(answer.thumbnail_url),
    };
    match answer.kind.as_str() {
        "photo" => embedded.picture = text(answer.url).or(embedded.picture),
        // The markup itself is for browsers; its words are the description.
        "rich" => {
            let words = text(answer.html).map(|html| page::words(&html));
            embedded.text = words.filter(|words| !words.is_empty());
        }
        "video" | "link" => {}
        _ => return None,
    }
    Some(embedded)
}

#[cfg(test)]
#[path = "oembed_test.rs"]
mod oembed_test;
