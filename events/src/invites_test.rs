use ruma::{UserId, user_id};
use serde_json::{Value, json};

use super::{
    FILTER, IGNORED_USERS, InvitePermission, InviteVerdict, MAX_PATTERN_BYTES, PERMISSION,
};

fn with_filter(content: &Value) -> InvitePermission {
    let mut permission = InvitePermission::default();
    permission.set(FILTER, &content.to_string());
    permission
}

fn john() -> &'static UserId {
    user_id!("@john:good.org:8448")
}

#[test]
fn lists_are_asked_in_their_order() {
    use InviteVerdict::{Allow, BlockByFilter, Ignore};
    for (content, verdict) in [
        (json!({}), Allow),
        (json!({"blocked_servers": ["*"]}), BlockByFilter),
        (json!({"blocked_servers": ["GOOD.org"]}), BlockByFilter),
        (json!({"blocked_servers": ["good.org:8448"]}), Allow),
        (
            json!({"ignored_servers": ["*.org"], "blocked_servers": ["*"]}),
            Ignore,
        ),
        (
            json!({"allowed_servers": ["g??d.org"], "ignored_servers": ["*"]}),
            Allow,
        ),
        (
            json!({"blocked_users": ["@john:*"], "allowed_servers": ["*"]}),
            BlockByFilter,
        ),
        (json!({"blocked_users": ["@JOHN:*"]}), Allow),
        (
            json!({"ignored_users": ["*"], "blocked_users": ["*"]}),
            Ignore,
        ),
        (
            json!({"allowed_users": ["@john:good.org:8448"], "blocked_users": ["*"]}),
            Allow,
        ),
        (json!({"enabled": false, "blocked_users": ["*"]}), Allow),
        (
            json!({"enabled": true, "blocked_users": ["*"]}),
            BlockByFilter,
        ),
        // What is wrong in one place is wrong as a whole.
        (json!({"blocked_users": ["*"], "allowed_users": "*"}), Allow),
        (json!({"blocked_users": ["*", 5]}), Allow),
        (json!({"blocked_users": ["*"], "enabled": "yes"}), Allow),
        (json!([]), Allow),
    ] {
        assert_eq!(with_filter(&content).verdict(john()), verdict, "{content}");
    }
}

#[test]
fn who_takes_no_invites_takes_none() {
    let mut permission = with_filter(&json!({"allowed_users": ["*"]}));
    let ignored = json!({"ignored_users": {john(): {}}}).to_string();
    permission.set(IGNORED_USERS, &ignored);
    assert_eq!(permission.verdict(john()), InviteVerdict::Ignore);
    permission.set(PERMISSION, r#"{"default_action": "block"}"#);
    assert_eq!(permission.verdict(john()), InviteVerdict::Block);
    permission.set(PERMISSION, r#"{"default_action": "dance"}"#);
    permission.set(IGNORED_USERS, "{}");
    assert_eq!(permission.verdict(john()), InviteVerdict::Allow);
}

#[test]
fn patterns_are_bounded_and_names_are_not() {
    let long = format!("*{}*", "a".repeat(MAX_PATTERN_BYTES));
    let names: Vec<String> = (0..10_000).map(|n| format!("@user{n}:good.org")).collect();
    let mut blocked = vec![long, "@x:*".to_owned()];
    blocked.extend(names);
    let permission = with_filter(&json!({"blocked_users": blocked}));
    for (user, verdict) in [
        (user_id!("@user9999:good.org"), InviteVerdict::BlockByFilter),
        (user_id!("@x:good.org"), InviteVerdict::BlockByFilter),
        (user_id!("@y:good.org"), InviteVerdict::Allow),
    ] {
        assert_eq!(permission.verdict(user), verdict, "{user}");
    }
}
