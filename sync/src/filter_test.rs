use ruma::api::client::filter::FilterDefinition;
use ruma::{room_id, user_id};
use serde_json::json;

use super::{Filter, like, matches, path};

fn filter(definition: serde_json::Value) -> Filter {
    Filter::new(serde_json::from_value::<FilterDefinition>(definition).expect("a filter"))
}

#[test]
fn stars_stand_for_any_text() {
    for (pattern, text, expected) in [
        ("m.room.message", "m.room.message", true),
        ("m.room.message", "m.room.messages", false),
        ("m.room.*", "m.room.message", true),
        ("m.room.*", "m.room.", true),
        ("m.room.*", "m.reaction", false),
        ("*", "", true),
        ("*message", "m.room.message", true),
        ("m.*.m*e", "m.room.message", true),
        ("m.*x*e", "m.room.message", false),
        ("a*a", "a", false),
        ("", "m", false),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }
}

#[test]
fn patterns_are_escaped_for_sql() {
    assert_eq!(like("m.room.*"), "m.room.%");
    assert_eq!(like("100%_\\"), "100\\%\\_\\\\");
}

#[test]
fn exclusion_wins() {
    let filter = filter(json!({"room": {
        "rooms": ["!a:b", "!c:d"], "not_rooms": ["!c:d"],
        "timeline": {"types": ["m.*"], "not_types": ["m.room.member"], "not_senders": ["@x:y"]},
    }}));
    let rules = &filter.timeline.rules;
    assert!(rules.allow("m.room.message", Some(user_id!("@u:v"))));
    assert!(!rules.allow("m.room.message", Some(user_id!("@x:y"))));
    assert!(!rules.allow("m.room.member", Some(user_id!("@u:v"))));
    assert!(!rules.allow("org.example", Some(user_id!("@u:v"))));
    assert!(filter.rooms.allows(room_id!("!a:b")));
    assert!(!filter.rooms.allows(room_id!("!c:d")));
    assert!(!filter.rooms.allows(room_id!("!e:f")));
    assert!(!filter.takes_whole_timelines());
}

#[test]
fn an_empty_list_allows_nothing_and_none_everything() {
    let nothing = filter(json!({"presence": {"types": []}}));
    assert!(!nothing.presence.allow("m.presence", None));
    assert!(nothing.takes_whole_timelines());
    assert!(Filter::default().presence.allow("m.presence", None));
}

#[test]
fn limits_are_limited() {
    assert_eq!(Filter::default().timeline_limit(), 10);
    let huge = filter(json!({"room": {"timeline": {"limit": 100_000_000}}}));
    assert_eq!(huge.timeline_limit(), super::MAX_TIMELINE_EVENTS);
}

#[test]
fn fields_are_paths() {
    assert_eq!(path("content.body"), ["content", "body"]);
    assert_eq!(
        path(r"content.m\.relates_to.a\\b"),
        ["content", "m.relates_to", r"a\b"]
    );
}
