//! The answer: what a page says of itself, in OpenGraph's words, with the fall-backs where it
//! does not use them.

use serde_json::{Map, Value};

use super::oembed::Embedded;
use super::page::Page;
use super::picture::Picture;

/// Longest value of a property, in characters.
const MAX_VALUE_CHARS: usize = 1000;

/// Longest description, in characters.
const MAX_DESCRIPTION_CHARS: usize = 500;

#[derive(Default)]
pub(super) struct Card(Map<String, Value>);

impl Card {
    /// A card without its picture, and the address of that.
    pub(super) fn of(mut page: Page, embedded: Option<Embedded>) -> (Self, Option<String>) {
        let embedded = embedded.unwrap_or_default();
        let mut named = |name: &str| page.named.remove(name);
        let title = named("twitter:title");
        let description = named("twitter:description").or_else(|| named("description"));
        let picture = named("twitter:image").or_else(|| named("twitter:image:src"));
        let mut card = Self::default();
        let mut own_picture = None;
        for (name, value) in std::mem::take(&mut page.graph) {
            match name.as_str() {
                "og:image" | "og:image:url" | "og:image:secure_url" => {
                    own_picture.get_or_insert(value);
                }
                // Said of a picture that the client will not see as it is.
                _ if name.starts_with("og:image:") => {}
                _ => card.set(&name, Some(value)),
            }
        }
        card.set(
            "og:title",
            embedded.title.or(title).or(page.title).or(page.heading),
        );
        card.set(
            "og:description",
            embedded.text.or(description).or(page.paragraphs),
        );
        card.set("og:site_name", embedded.provider);
        let picture = own_picture
            .or(embedded.picture)
            .or(picture)
            .or(page.picture);
        (card, picture)
    }

    /// Sets a property that is not there yet.
    fn set(&mut self, name: &str, value: Option<String>) {
        let most = match name {
            "og:description" => MAX_DESCRIPTION_CHARS,
            _ => MAX_VALUE_CHARS,
        };
        let value = value.map(|value| shorten(value.trim(), most));
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return;
        };
        self.0.entry(name).or_insert(Value::String(value));
    }

    /// Adds the picture.
    pub(super) fn picture(&mut self, picture: Picture) {
        let mut put = |name: &str, value: Value| self.0.insert(name.to_owned(), value);
        put("og:image", picture.uri.as_str().into());
        put("og:image:type", picture.content_type.into());
        put("matrix:image:size", picture.bytes.into());
        if let Some((width, height)) = picture.pixels {
            put("og:image:width", width.into());
            put("og:image:height", height.into());
        }
    }

    pub(super) fn into_properties(self) -> Map<String, Value> {
        self.0
    }
}

/// At most `most` characters, cut between words where there is one near.
fn shorten(text: &str, most: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(most) else {
        return text.to_owned();
    };
    let cut = &text[..end];
    let word = cut.rfind(char::is_whitespace).filter(|at| *at > end / 2);
    format!("{}…", cut[..word.unwrap_or(end)].trim_end())
}

#[cfg(test)]
#[path = "card_test.rs"]
mod card_test;
