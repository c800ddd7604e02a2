use super::*;
use crate::preview::page;

fn card(html: &str, embedded: Option<Embedded>) -> (Value, Option<String>) {
    let (card, picture) = Card::of(page::read(html), embedded);
    (Value::Object(card.into_properties()), picture)
}

#[test]
fn opengraph_wins_and_the_rest_fills_up() {
    let html = "<title>title</title><meta property=og:title content=og><p>words</p>\
                <meta name=description content=described><meta property=og:type content=article>\
                <meta property=og:image:width content=7><meta property=og:image content=/i.png>";
    let embedded = Embedded {
        title: Some("embedded".to_owned()),
        provider: Some("Provider".to_owned()),
        picture: Some("/e.png".to_owned()),
        text: None,
    };
    let (properties, picture) = card(html, Some(embedded));
    let expected = serde_json::json!({
        "og:title": "og",
        "og:type": "article",
        "og:description": "described",
        "og:site_name": "Provider",
    });
    assert_eq!(properties, expected);
    assert_eq!(picture.as_deref(), Some("/i.png"));
}

#[test]
fn a_plain_page_has_a_title_and_words() {
    let (properties, picture) = card("<h1>Head</h1><p>one<p>two", None);
    let expected = serde_json::json!({ "og:title": "Head", "og:description": "one\n\ntwo" });
    assert_eq!((properties, picture), (expected, None));
    assert_eq!(card("nothing", None).0, serde_json::json!({}));
}

#[test]
fn long_texts_are_cut_between_words() {
    assert_eq!(shorten("short", 5), "short");
    assert_eq!(shorten("one two three", 9), "one two…");
    assert_eq!(shorten("ääääääääää", 4), "ääää…");
}
