use ruma::push::{NewPatternedPushRule, Ruleset};
use ruma::user_id;

use super::*;

fn rules() -> Ruleset {
    Ruleset::server_default(user_id!("@alice:example.org"))
}

fn content(id: &str) -> NewPushRule {
    NewPushRule::Content(NewPatternedPushRule::new(
        id.to_owned(),
        "cake*".to_owned(),
        vec![Action::Notify],
    ))
}

fn ids<'a>(rules: impl IntoIterator<Item = &'a ConditionalPushRule>) -> Vec<&'a str> {
    rules
        .into_iter()
        .map(|rule| rule.rule_id.as_str())
        .collect()
}

fn order(rules: &Ruleset) -> Vec<&str> {
    let own = rules.content.iter().filter(|rule| !rule.default);
    own.map(|rule| rule.rule_id.as_str()).collect()
}

#[test]
fn a_new_rule_stands_first_unless_told_otherwise() {
    let mut rules = rules();
    put(&mut rules, content("a"), None, None).unwrap();
    put(&mut rules, content("b"), None, None).unwrap();
    put(&mut rules, content("c"), None, Some("a")).unwrap();
    put(&mut rules, content("d"), Some("b"), None).unwrap();
    assert_eq!(order(&rules), ["d", "b", "a", "c"]);
}

#[test]
fn a_rule_can_move_to_the_end_and_keeps_being_off() {
    let mut rules = rules();
    for id in ["c", "b", "a"] {
        put(&mut rules, content(id), None, None).unwrap();
    }
    rules.set_enabled(RuleKind::Content, "a", false).unwrap();
    put(&mut rules, content("a"), None, Some("c")).unwrap();
    assert_eq!(order(&rules), ["b", "c", "a"]);
    assert!(!rules.get(RuleKind::Content, "a").unwrap().enabled());
}

#[test]
fn a_rule_cannot_stand_beside_itself_or_a_rule_of_the_server() {
    let mut rules = rules();
    put(&mut rules, content("a"), None, None).unwrap();
    assert!(put(&mut rules.clone(), content("a"), None, Some("a")).is_err());
    let server = ".m.rule.contains_user_name";
    assert!(put(&mut rules.clone(), content("b"), Some(server), None).is_err());
    assert!(put(&mut rules, content(server), None, None).is_err());
}

#[test]
fn default_rules_are_what_clients_expect() {
    let rules = defaults(user_id!("@alice:example.org"), false);
    // In the order of the specification (v1.19), "Predefined Rules".
    let overrides = [
        ".m.rule.master",
        ".m.rule.suppress_notices",
        ".m.rule.invite_for_me",
        ".m.rule.member_event",
        ".m.rule.is_user_mention",
        ".m.rule.is_room_mention",
        ".m.rule.tombstone",
        ".m.rule.reaction",
        ".m.rule.room.server_acl",
        ".m.rule.suppress_edits",
    ];
    let underrides = [
        ".m.rule.call",
        ".m.rule.encrypted_room_one_to_one",
        ".m.rule.room_one_to_one",
        ".m.rule.message",
        ".m.rule.encrypted",
    ];
    assert_eq!(ids(&rules.override_), overrides);
    assert_eq!(ids(&rules.underride), underrides);
    assert!(rules.content.is_empty() && rules.room.is_empty() && rules.sender.is_empty());
    let rules = defaults(user_id!("@alice:example.org"), true);
    assert_eq!(
        ids(&rules.override_)[..3],
        [
            ".m.rule.master",
            ".org.matrix.msc4028.encrypted_event",
            ".m.rule.suppress_notices"
        ]
    );
}

#[test]
fn rules_are_bounded() {
    let mut rules = rules();
    let long = NewPushRule::Content(NewPatternedPushRule::new(
        "long".to_owned(),
        "?".repeat(MAX_PATTERN_BYTES + 1),
        vec![],
    ));
    assert!(matches!(
        put(&mut rules, long, None, None),
        Err(PushRuleError::LongPattern)
    ));
    for number in 0..MAX_OWN_RULES {
        put(&mut rules, content(&number.to_string()), None, None).unwrap();
    }
    assert!(matches!(
        put(&mut rules, content("more"), None, None),
        Err(PushRuleError::TooMany)
    ));
}

#[test]
fn actions_of_older_specifications_mean_nothing() {
    let actions: Vec<Action> =
        serde_json::from_str(r#"["dont_notify","coalesce","notify"]"#).unwrap();
    let left = meaningful(actions);
    assert_eq!(serde_json::to_string(&left).unwrap(), r#"["notify"]"#);
}
