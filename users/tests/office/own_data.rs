use causeway_users::account_data::AccountDataError;
use causeway_users::filters::FilterError;
use causeway_users::profile::{ProfileChange, ProfileError};
use causeway_users::push_rules::PushRuleError;
use causeway_users::pushers::Pusher;
use ruma::push::{NewPatternedPushRule, NewPushRule, RuleKind};
use ruma::room_id;
use serde_json::json;

use crate::office;

#[tokio::test]
async fn account_data_is_kept_and_replaced() {
    let office = office().await;
    let user = office.register("alice").await.user_id;
    let get = || office.users.account_data(&user, None, "org.example.a");
    assert!(matches!(get().await, Err(AccountDataError::NotFound)));
    for content in [r#"{"a":1}"#, r#"{"a":2}"#] {
        let content = content.to_owned();
        office
            .users
            .set_account_data(&user, None, "org.example.a", content)
            .await
            .unwrap();
    }
    assert_eq!(get().await.unwrap(), r#"{"a":2}"#);
    let refused = office
        .users
        .set_account_data(&user, None, "m.push_rules", "{}".into())
        .await;
    assert!(matches!(refused, Err(AccountDataError::ServerManaged)));
    let refused = office
        .users
        .set_account_data(&user, None, "a", "[]".into())
        .await;
    assert!(matches!(refused, Err(AccountDataError::NotAnObject)));
    let room = Some(room_id!("!unknown:example.org"));
    let refused = office
        .users
        .set_account_data(&user, room, "a", "{}".into())
        .await;
    assert!(matches!(refused, Err(AccountDataError::UnknownRoom)));
}

#[tokio::test]
async fn the_push_rules_stand_in_the_account_data_from_the_start() {
    let office = office().await;
    let user = office.register("alice").await.user_id;
    let content = office
        .users
        .account_data(&user, None, "m.push_rules")
        .await
        .unwrap();
    assert!(content.contains(".m.rule.master"));
    let cake = NewPatternedPushRule::new("cake".into(), "cake".into(), Vec::new());
    let cake = NewPushRule::Content(cake);
    office
        .users
        .put_push_rule(&user, cake, None, None)
        .await
        .unwrap();
    let off = office
        .users
        .set_push_rule_enabled(&user, RuleKind::Content, "cake", false)
        .await;
    off.unwrap();
    let rules = office.users.push_rules(&user).await.unwrap();
    assert!(!rules.get(RuleKind::Content, "cake").unwrap().enabled());
    office
        .users
        .delete_push_rule(&user, RuleKind::Content, "cake")
        .await
        .unwrap();
    let gone = office
        .users
        .delete_push_rule(&user, RuleKind::Content, "cake")
        .await;
    assert!(matches!(gone, Err(PushRuleError::NotFound)));
    let master = office
        .users
        .delete_push_rule(&user, RuleKind::Override, ".m.rule.master")
        .await;
    assert!(matches!(master, Err(PushRuleError::ServerDefault)));
}

#[tokio::test]
async fn the_same_filter_has_the_same_id() {
    let office = office().await;
    let alice = office.register("alice").await.user_id;
    let bob = office.register("bob").await.user_id;
    let first = office
        .users
        .create_filter(&alice, r#"{"a":1}"#)
        .await
        .unwrap();
    let other = office
        .users
        .create_filter(&alice, r#"{"a":2}"#)
        .await
        .unwrap();
    assert_eq!(
        office
            .users
            .create_filter(&alice, r#"{"a":1}"#)
            .await
            .unwrap(),
        first
    );
    assert_ne!(first, other);
    assert_eq!(
        office.users.filter(&alice, &other).await.unwrap(),
        r#"{"a":2}"#
    );
    for (user, id) in [
        (&bob, first.as_str()),
        (&alice, "99"),
        (&alice, "x"),
        (&alice, "-1"),
    ] {
        assert!(
            matches!(
                office.users.filter(user, id).await,
                Err(FilterError::NotFound)
            ),
            "{id}"
        );
    }
}

#[tokio::test]
async fn profiles_change_field_by_field() {
    let office = office().await;
    let user = office.register("alice").await.user_id;
    let begun = office.users.profile(&user).await.unwrap();
    assert_eq!(
        serde_json::Value::from(begun),
        json!({"displayname": "alice"})
    );
    let set = |field: &'static str, value| office.users.set_profile_field(&user, field, value);
    assert_eq!(
        set("displayname", json!("Alice")).await.unwrap(),
        ProfileChange::Membership
    );
    assert_eq!(
        set("displayname", json!("Alice")).await.unwrap(),
        ProfileChange::Unchanged
    );
    assert_eq!(
        set("m.tz", json!("Europe/London")).await.unwrap(),
        ProfileChange::Field
    );
    let profile = office.users.profile(&user).await.unwrap();
    assert_eq!(profile["displayname"], "Alice");
    assert_eq!(profile["m.tz"], "Europe/London");
    let big = json!("x".repeat(65_536));
    assert!(matches!(
        set("org.example.big", big).await,
        Err(ProfileError::TooLarge)
    ));
    let gone = office
        .users
        .delete_profile_field(&user, "displayname")
        .await
        .unwrap();
    assert_eq!(gone, ProfileChange::Membership);
    let field = office.users.profile_field(&user, "displayname").await;
    assert!(matches!(field, Err(ProfileError::NotFound)));
    let nobody = ruma::user_id!("@nobody:example.org");
    assert!(matches!(
        office.users.profile(nobody).await,
        Err(ProfileError::NotFound)
    ));
}

fn pusher(device: &str, key: &str) -> Pusher {
    Pusher {
        app_id: "org.example.app".to_owned(),
        pushkey: key.to_owned(),
        device_id: device.to_owned(),
        kind: "http".to_owned(),
        app_display_name: "App".to_owned(),
        device_display_name: "Phone".to_owned(),
        profile_tag: None,
        lang: "en".to_owned(),
        data: json!({ "url": "https://push.example.org/_matrix/push/v1/notify" }).to_string(),
        gateway: String::new(),
    }
}

#[tokio::test]
async fn a_push_key_moves_with_its_phone_and_goes_with_its_device() {
    let office = office().await;
    let alice = office.register("alice").await;
    let bob = office.register("bob").await;
    let of_alice = pusher(alice.device_id.as_str(), "key");
    office
        .users
        .set_pusher(&alice.user_id, of_alice.clone(), false)
        .await
        .unwrap();
    office
        .users
        .set_pusher(&alice.user_id, of_alice.clone(), false)
        .await
        .unwrap();
    assert_eq!(office.users.pushers(&alice.user_id).await.unwrap().len(), 1);
    let of_bob = pusher(bob.device_id.as_str(), "key");
    office
        .users
        .set_pusher(&bob.user_id, of_bob.clone(), true)
        .await
        .unwrap();
    assert_eq!(
        office.users.pushers(&alice.user_id).await.unwrap().len(),
        1,
        "appended"
    );
    office
        .users
        .set_pusher(&bob.user_id, of_bob.clone(), false)
        .await
        .unwrap();
    assert!(
        office
            .users
            .pushers(&alice.user_id)
            .await
            .unwrap()
            .is_empty(),
        "moved"
    );
    office
        .users
        .logout(&bob.user_id, &bob.device_id)
        .await
        .unwrap();
    assert!(office.users.pushers(&bob.user_id).await.unwrap().is_empty());
}
