use serde_json::json;

use super::*;

#[test]
fn names_of_fields_follow_the_grammar() {
    for good in ["displayname", "m.tz", "org.example.job_title", "a1-b"] {
        assert!(check_name(good).is_ok(), "{good}");
    }
    for bad in ["", "1a", ".a", "Upper", "a b", "ä", "_a"] {
        assert!(
            matches!(check_name(bad), Err(ProfileError::BadName)),
            "{bad}"
        );
    }
    let long = "a".repeat(MAX_FIELD_NAME_BYTES + 1);
    assert!(matches!(check_name(&long), Err(ProfileError::NameTooLong)));
}

#[test]
fn an_empty_name_or_picture_removes_it() {
    assert_eq!(check_value("displayname", json!("")).unwrap(), None);
    assert_eq!(check_value("avatar_url", json!("")).unwrap(), None);
    assert_eq!(check_value("displayname", json!(null)).unwrap(), None);
    assert_eq!(
        check_value("org.example.x", json!(null)).unwrap(),
        Some(json!(null))
    );
}

#[test]
fn known_fields_hold_what_the_specification_says() {
    assert!(check_value("displayname", json!("Alice")).is_ok());
    assert!(check_value("displayname", json!(7)).is_err());
    assert!(check_value("displayname", json!("x".repeat(257))).is_err());
    assert!(check_value("avatar_url", json!("mxc://example.org/abc")).is_ok());
    assert!(check_value("avatar_url", json!("https://example.org/abc")).is_err());
    assert!(check_value("m.tz", json!("Europe/London")).is_ok());
    assert!(check_value("m.tz", json!({"zone": "UTC"})).is_err());
}

#[test]
fn deep_values_and_zero_characters_are_refused() {
    let mut deep = json!(1);
    for _ in 0..=MAX_DEPTH {
        deep = json!([deep]);
    }
    assert!(check_value("org.example.x", deep).is_err());
    assert!(check_value("org.example.x", json!({"a": "b\u{0}"})).is_err());
    assert!(check_value("org.example.x", json!({"a": [1, "b"]})).is_ok());
}
