//! What a page says of itself: OpenGraph, other `<meta>`s, its title, first words and pictures.
//! A stream of tags is read, no tree is built: nesting costs nothing.

use std::collections::BTreeMap;

use html5gum::emitters::default::StartTag;
use html5gum::{DefaultEmitter, Token, Tokenizer};

/// Most properties that are kept of each kind.
const MAX_PROPERTIES: usize = 50;

/// Longest name of a property, in bytes.
const MAX_NAME_BYTES: usize = 100;

/// Longest value that is kept, in bytes.
const MAX_VALUE_BYTES: usize = 8192;

/// Words of the page that are gathered for a description, in bytes.
const MAX_TEXT_BYTES: usize = 2048;

/// Sides of a picture from which on it may stand for the page, in pixels.
const MIN_PICTURE_SIDE: u64 = 50;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// OpenGraph's properties, the first of each name.
    pub(super) graph: BTreeMap<String, String>,
    /// `<meta name>`: `description` and `twitter:...`.
    pub(super) named: BTreeMap<String, String>,
    pub(super) title: Option<String>,
    pub(super) heading: Option<String>,
    pub(super) paragraphs: Option<String>,
    /// The address of the largest picture that tells its size.
    pub(super) picture: Option<String>,
    /// Where relative addresses begin.
    pub(super) base: Option<String>,
    /// Where oEmbed says more, as JSON.
    pub(super) oembed: Option<String>,
}

/// What the text between tags belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Title,
    Heading,
    Paragraph,
}

#[derive(Default)]
struct Reader {
    page: Page,
    place: Option<Place>,
    text: String,
    /// The element whose inside is not looked at.
    skipped: Option<&'static str>,
    largest: u64,
}

/// Elements whose inside is no text of the page.
const SKIPPED: [&str; 8] = [
    "script", "style", "svg", "noscript", "template", "nav", "textarea", "iframe",
];

/// Reads a page.
pub(super) fn read(html: &str) -> Page {
    let mut reader = Reader::default();
    for token in tokens(html) {
        match token {
            Token::StartTag(tag) => reader.opens(&tag),
            Token::EndTag(tag) => reader.closes(&text_of(&tag.name)),
            Token::String(text) if reader.skipped.is_none() => reader.says(&text_of(&text)),
            _ => {}
        }
    }
    reader.finish();
    reader.page
}

/// The words of a piece of markup.
pub(super) fn words(html: &str) -> String {
    let mut all = String::new();
    for token in tokens(html) {
        match token {
            Token::String(text) if all.len() < MAX_TEXT_BYTES => all.push_str(&text_of(&text)),
            Token::StartTag(_) => all.push(' '),
            _ => {}
        }
    }
    collapse(&all)
}

fn tokens(html: &str) -> impl Iterator<Item = Token> {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    Tokenizer::new_with_emitter(html, emitter).filter_map(Result::ok)
}

impl Reader {
    fn opens(&mut self, tag: &StartTag<()>) {
        if self.skipped.is_some() {
            return;
        }
        let name = text_of(&tag.name);
        match name.as_str() {
            "meta" => self.meta(tag),
            "link" => self.link(tag),
            "base" => {
                let href = attribute(tag, "href");
                self.page.base = self.page.base.take().or(href);
            }
            "img" => self.img(tag),
            "title" if self.page.title.is_none() => self.begins(Place::Title),
            "h1" if self.page.heading.is_none() => self.begins(Place::Heading),
            "p" => self.begins(Place::Paragraph),
            _ => {
                let skipped = SKIPPED.into_iter().find(|skipped| *skipped == name);
                self.skipped = skipped.filter(|_| !tag.self_closing);
                // Words in neighbouring elements do not grow together.
                if self.place.is_some() {
                    self.text.push(' ');
                }
            }
        }
    }

    fn closes(&mut self, name: &str) {
        if self.skipped.is_some() {
            if self.skipped == Some(name) {
                self.skipped = None;
            }
            return;
        }
        let ends = match self.place {
            Some(Place::Title) => name == "title",
            Some(Place::Heading) => name == "h1",
            Some(Place::Paragraph) => name == "p" || name == "div" || name == "article",
            None => false,
        };
        if ends {
            self.finish();
        }
    }

    fn begins(&mut self, place: Place) {
        self.finish();
        self.place = Some(place);
    }

    fn says(&mut self, text: &str) {
        if self.place.is_some() && self.text.len() < MAX_TEXT_BYTES {
            let rest = MAX_TEXT_BYTES - self.text.len();
            self.text.push_str(cut(text, rest));
        }
    }

    fn finish(&mut self) {
        let text = collapse(&std::mem::take(&mut self.text));
        let Some(place) = self.place.take() else {
            return;
        };
        if text.is_empty() {
            return;
        }
        match place {
            Place::Title => self.page.title = Some(text),
            Place::Heading => self.page.heading = Some(text),
            Place::Paragraph => {
                let paragraphs = self.page.paragraphs.get_or_insert_default();
                if paragraphs.len() < MAX_TEXT_BYTES {
                    if !paragraphs.is_empty() {
                        paragraphs.push_str("\n\n");
                    }
                    paragraphs.push_str(&text);
                }
            }
        }
    }

    fn meta(&mut self, tag: &StartTag<()>) {
        let name = attribute(tag, "property").or_else(|| attribute(tag, "name"));
        let (Some(name), Some(content)) = (name, attribute(tag, "content")) else {
            return;
        };
        let name = name.trim().to_ascii_lowercase();
        if name.len() > MAX_NAME_BYTES || content.trim().is_empty() {
            return;
        }
        let kept = if name.starts_with("og:") {
            &mut self.page.graph
        } else if name.starts_with("twitter:") || name == "description" {
            &mut self.page.named
        } else {
            return;
        };
        if kept.len() < MAX_PROPERTIES {
            kept.entry(name).or_insert(content);
        }
    }

    fn link(&mut self, tag: &StartTag<()>) {
        let relations = attribute(tag, "rel")
            .unwrap_or_default()
            .to_ascii_lowercase();
        let is_oembed = relations
            .split_ascii_whitespace()
            .any(|it| it == "alternate")
            && attribute(tag, "type").is_some_and(|it| it.trim() == "application/json+oembed");
        if is_oembed && self.page.oembed.is_none() {
            self.page.oembed = attribute(tag, "href");
        }
    }

    fn img(&mut self, tag: &StartTag<()>) {
        let side = |name| attribute(tag, name).and_then(|side| side.trim().parse::<u64>().ok());
        let (Some(width), Some(height)) = (side("width"), side("height")) else {
            return;
        };
        let area = width.saturating_mul(height);
        if width >= MIN_PICTURE_SIDE
            && height >= MIN_PICTURE_SIDE
            && area > self.largest
            && let Some(source) = attribute(tag, "src")
        {
            self.largest = area;
            self.page.picture = Some(source);
        }
    }
}

fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    let value = tag.attributes.get(name.as_bytes())?;
    Some(cut(&text_of(value), MAX_VALUE_BYTES).trim().to_owned())
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// At most `most` bytes, whole letters.
fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// White space as browsers show it.
fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "page_test.rs"]
mod page_test;
