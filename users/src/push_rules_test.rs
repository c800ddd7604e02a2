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
    let content: Content =
        serde_json::from_str(&default_rules(user_id!("@alice:example.org"))).unwrap();
    assert!(
        content
            .global
            .get(RuleKind::Override, ".m.rule.master")
            .is_some()
    );
}
