use ruma::user_id;

use super::{EventFilter, like_pattern, matches_pattern};

#[test]
fn a_star_stands_for_any_text() {
    for (pattern, text, fits) in [
        ("m.room.message", "m.room.message", true),
        ("m.room.message", "m.room.messages", false),
        ("m.room.*", "m.room.topic", true),
        ("*", "anything", true),
        ("m.*.message", "m.room.message", true),
        ("m.*.message", "m.room.topic", false),
        ("*.message", "m.room.message", true),
        ("a*a", "a", false),
    ] {
        assert_eq!(matches_pattern(pattern, text), fits, "{pattern} {text}");
    }
    assert_eq!(like_pattern("a_b*%"), "a\\_b%\\%");
}

#[test]
fn a_filter_is_read_and_asked() {
    let filter = EventFilter::parse(
        r#"{"types":["m.room.*"],"not_senders":["@b:x"],"contains_url":true,"lazy_load_members":true}"#,
    )
    .unwrap();
    assert!(filter.lazy_load_members);
    assert!(filter.passes("m.room.message", user_id!("@a:x"), true));
    assert!(!filter.passes("m.room.message", user_id!("@a:x"), false));
    assert!(!filter.passes("m.room.message", user_id!("@b:x"), true));
    assert!(!filter.passes("m.sticker", user_id!("@a:x"), true));
    assert!(EventFilter::parse(r#"{"types":"m.room"}"#).is_err());
}
