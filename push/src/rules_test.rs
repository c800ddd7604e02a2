use causeway_events::RoomVersion;
use ruma::push::{NewConditionalPushRule, NewPatternedPushRule, NewPushRule, PushCondition};
use ruma::{RoomVersionId, event_id};
use serde_json::json;

use super::*;

fn defaults() -> Defaults {
    Arc::new(Ruleset::server_default)
}

fn event(sender: &str, kind: &str, state_key: Option<&str>, content: serde_json::Value) -> Pdu {
    let version = RoomVersion::find(&RoomVersionId::V11).unwrap();
    let mut json = json!({
        "auth_events": [], "content": content, "depth": 3, "hashes": {"sha256": "x"},
        "origin_server_ts": 1, "prev_events": [], "room_id": "!room:hs.test", "sender": sender,
        "signatures": {}, "type": kind,
    });
    if let Some(key) = state_key {
        json["state_key"] = json!(key);
    }
    Pdu::from_stored(version, event_id!("$event").to_owned(), json.to_string()).unwrap()
}

fn message(content: serde_json::Value) -> Pdu {
    event("@bob:hs.test", "m.room.message", None, content)
}

fn text(body: &str) -> Pdu {
    message(json!({"msgtype": "m.text", "body": body}))
}

/// What Alice, who has the default rules, is told in a room of `joined`.
fn to_alice(pdu: &Pdu, joined: u32) -> Option<Outcome> {
    let alice = user_id!("@alice:hs.test");
    Stage::new(pdu, joined, None).outcome(&Ruleset::server_default(alice), alice, Some("Alice"))
}

fn actions(outcome: Option<Outcome>) -> serde_json::Value {
    outcome.map_or(json!(null), |outcome| {
        serde_json::from_str(&outcome.actions).unwrap()
    })
}

const SOUND: &str = r#"{"set_tweak":"sound","value":"default"}"#;

fn with_sound() -> serde_json::Value {
    json!([
        "notify",
        serde_json::from_str::<serde_json::Value>(SOUND).unwrap()
    ])
}

#[test]
fn messages_notify_and_those_between_two_ring() {
    assert_eq!(actions(to_alice(&text("hello"), 3)), json!(["notify"]));
    assert_eq!(actions(to_alice(&text("hello"), 2)), with_sound());
    let encrypted = event("@bob:hs.test", "m.room.encrypted", None, json!({}));
    assert_eq!(actions(to_alice(&encrypted, 3)), json!(["notify"]));
    assert_eq!(actions(to_alice(&encrypted, 2)), with_sound());
    let call = event("@bob:hs.test", "m.call.invite", None, json!({}));
    assert_eq!(
        actions(to_alice(&call, 3)),
        json!(["notify", {"set_tweak": "sound", "value": "ring"}])
    );
}

#[test]
fn what_is_no_news_notifies_nobody() {
    for pdu in [
        message(json!({"msgtype": "m.notice", "body": "hello"})),
        message(
            json!({"msgtype": "m.text", "body": "* hi", "m.relates_to": {"rel_type": "m.replace", "event_id": "$a"}}),
        ),
        event("@bob:hs.test", "m.reaction", None, json!({})),
        event(
            "@bob:hs.test",
            "m.room.redaction",
            None,
            json!({"redacts": "$a"}),
        ),
        event(
            "@bob:hs.test",
            "m.room.topic",
            Some(""),
            json!({"topic": "hello"}),
        ),
        event(
            "@bob:hs.test",
            "m.room.member",
            Some("@bob:hs.test"),
            json!({"membership": "join"}),
        ),
        event("@bob:hs.test", "m.room.server_acl", Some(""), json!({})),
        event(
            "@alice:hs.test",
            "m.room.message",
            None,
            json!({"body": "my own"}),
        ),
    ] {
        assert_eq!(to_alice(&pdu, 2), None, "{}", pdu.json());
    }
}

#[test]
fn mentions_are_highlights_for_those_who_are_mentioned() {
    let mention = |user: &str| {
        message(json!({"msgtype": "m.text", "body": "hi", "m.mentions": {"user_ids": [user]}}))
    };
    assert!(to_alice(&mention("@alice:hs.test"), 9).unwrap().highlight);
    assert!(!to_alice(&mention("@carol:hs.test"), 9).unwrap().highlight);
    // Naming somebody in the text is no mention (since v1.17).
    assert!(
        !to_alice(&text("hello alice, @alice:hs.test, Alice"), 9)
            .unwrap()
            .highlight
    );
}

#[test]
fn invites_ring_for_those_who_are_invited() {
    let invite = |user: &str| {
        event(
            "@bob:hs.test",
            "m.room.member",
            Some(user),
            json!({"membership": "invite"}),
        )
    };
    assert_eq!(
        actions(to_alice(&invite("@alice:hs.test"), 1)),
        with_sound()
    );
    assert_eq!(to_alice(&invite("@carol:hs.test"), 1), None);
}

#[test]
fn the_whole_room_hears_only_whom_the_power_levels_let() {
    let pdu = message(json!({"msgtype": "m.text", "body": "hi", "m.mentions": {"room": true}}));
    let version = RoomVersion::find(&RoomVersionId::V11).unwrap();
    let levels = |bob: i64, needed: i64| {
        let content = json!({"users": {"@bob:hs.test": bob}, "notifications": {"room": needed}});
        let levels = event("@bob:hs.test", "m.room.power_levels", Some(""), content);
        PowerLevels::read(version, None, Some(&levels))
    };
    let everybody = for_everybody(&defaults());
    let outcome = |levels: Option<&PowerLevels>| {
        Stage::new(&pdu, 9, levels)
            .outcome_for_everybody(&everybody)
            .unwrap()
            .highlight
    };
    assert!(outcome(Some(&levels(50, 50))));
    assert!(!outcome(Some(&levels(49, 50))));
    assert!(outcome(Some(&levels(0, 0))));
    assert!(!outcome(None));
}

#[test]
fn everybody_is_told_what_no_name_is_needed_for() {
    let everybody = for_everybody(&defaults());
    let mut stage = Stage::new(&text("hello"), 9, None);
    let outcome = stage.outcome_for_everybody(&everybody).unwrap();
    assert_eq!(
        (outcome.highlight, &*outcome.actions),
        (false, r#"["notify"]"#)
    );
    let mention = json!({"body": "x", "m.mentions": {"user_ids": ["@everybody:invalid"]}});
    let mut stage = Stage::new(&message(mention), 9, None);
    assert!(!stage.outcome_for_everybody(&everybody).unwrap().highlight);
}

fn own(rules: &[NewPushRule]) -> String {
    let mut own = Ruleset::server_default(user_id!("@alice:hs.test"));
    for rule in rules {
        own.insert(rule.clone(), None, None).unwrap();
    }
    json!({"global": own}).to_string()
}

fn pattern(pattern: &str) -> NewPushRule {
    let actions = serde_json::from_value(json!(["notify", {"set_tweak": "highlight"}])).unwrap();
    NewPushRule::Content(NewPatternedPushRule::new(
        "own".into(),
        pattern.into(),
        actions,
    ))
}

#[test]
fn rules_of_ones_own_come_first() {
    let alice = user_id!("@alice:hs.test");
    let judge = |content: &str, pdu: &Pdu| {
        let rules = read(content, alice, &defaults());
        Stage::new(pdu, 9, None).outcome(&rules, alice, Some("Alice"))
    };
    let cake = own(&[pattern("cak*")]);
    assert!(judge(&cake, &text("we have CAKES")).unwrap().highlight);
    assert!(!judge(&cake, &text("pancakes")).unwrap().highlight);
    let room = PushCondition::EventMatch(ruma::push::EventMatchConditionData::new(
        "room_id".into(),
        "!room:hs.test".into(),
    ));
    let muted = own(&[NewPushRule::Override(NewConditionalPushRule::new(
        "muted".into(),
        vec![room],
        vec![],
    ))]);
    assert_eq!(judge(&muted, &text("hello")), None);
    assert_eq!(
        judge("nonsense", &text("hello")).unwrap().actions,
        r#"["notify"]"#.into()
    );
}

#[test]
fn old_and_hostile_rules_do_no_harm() {
    let alice = user_id!("@alice:hs.test");
    // A rule set of another day, without a rule of today, with one that is gone.
    let old = json!({"global": {"override": [
        {"rule_id": ".m.rule.gone", "default": true, "enabled": true, "conditions": [], "actions": ["notify"]},
        {"rule_id": ".m.rule.master", "default": true, "enabled": true, "conditions": [], "actions": []},
    ]}});
    let rules = read(&old.to_string(), alice, &defaults());
    assert!(rules.override_.get(".m.rule.gone").is_none());
    assert!(rules.override_.get(".m.rule.master").unwrap().enabled);
    assert!(rules.underride.get(".m.rule.message").is_some());
    // Too long for an automaton: it matches nothing, and nothing breaks.
    let long = own(&[pattern(&format!("a{}b", "?".repeat(100_000)))]);
    let rules = read(&long, alice, &defaults());
    assert!(rules.content.is_empty());
    let widest = own(&[pattern(&format!("a{}b", "?".repeat(MAX_PATTERN_BYTES - 2)))]);
    let rules = read(&widest, alice, &defaults());
    let outcome = Stage::new(&text("ab"), 9, None).outcome(&rules, alice, None);
    assert!(!outcome.unwrap().highlight);
}

#[test]
fn default_rules_are_recognised() {
    let alice = user_id!("@alice:hs.test");
    assert!(are_default(&own(&[]), alice, &defaults()));
    assert!(!are_default(&own(&[pattern("cake")]), alice, &defaults()));
    assert!(!are_default(
        &own(&[]),
        user_id!("@bob:hs.test"),
        &defaults()
    ));
    assert!(!are_default("{}", alice, &defaults()));
}
