use causeway_store::Position;
use causeway_store::push::PusherKey;

use super::*;

fn pusher(format: Option<&str>) -> DuePusher {
    let mut data = json!({"url": "https://push.example.org/_matrix/push/v1/notify", "brand": "x"});
    if let Some(format) = format {
        data["format"] = json!(format);
    }
    DuePusher {
        key: PusherKey {
            user: "@alice:hs.test".into(),
            app_id: "app".into(),
            pushkey: "key".into(),
        },
        data: data.to_string(),
        gateway: "push.example.org".into(),
        created_at: 12_345_678,
        due: Position(1),
        failures: 0,
        told_unread: 0,
    }
}

fn queued(kind: &str, state_key: Option<&str>, content: Value, actions: &Value) -> Queued {
    let mut event = json!({
        "auth_events": [], "content": content, "depth": 3, "hashes": {"sha256": "x"},
        "origin_server_ts": 1, "prev_events": [], "room_id": "!room:hs.test",
        "sender": "@bob:hs.test", "signatures": {}, "type": kind,
    });
    if let Some(key) = state_key {
        event["state_key"] = json!(key);
    }
    Queued {
        position: Position(1),
        room_id: "!room:hs.test".into(),
        version: "11".into(),
        event_id: "$event".into(),
        json: event.to_string(),
        origin_ts: 1,
        actions: actions.to_string(),
        sender_name: Some("Bob".into()),
        name: Some(json!({"content": {"name": "Room"}}).to_string()),
        alias: Some(json!({"content": {"alias": ""}}).to_string()),
    }
}

#[test]
fn everything_is_told_of_an_event() {
    let pusher = pusher(None);
    let target = Target::read(&pusher).unwrap();
    let content = json!({"msgtype": "m.text", "body": "hello"});
    let actions =
        json!(["notify", {"set_tweak": "sound", "value": "bing"}, {"set_tweak": "highlight"}]);
    let queued = queued("m.room.message", None, content.clone(), &actions);
    assert_eq!(
        target.about(&pusher, &queued, 2).unwrap(),
        json!({"notification": {
            "event_id": "$event", "id": "$event", "room_id": "!room:hs.test", "type": "m.room.message",
            "sender": "@bob:hs.test", "sender_display_name": "Bob", "room_name": "Room",
            "prio": "high", "content": content, "counts": {"unread": 2},
            "devices": [{
                "app_id": "app", "pushkey": "key", "pushkey_ts": 12_345,
                "data": {"brand": "x"}, "tweaks": {"sound": "bing", "highlight": true},
            }],
        }})
    );
}

#[test]
fn who_wants_ids_only_is_told_nothing_else() {
    let pusher = pusher(Some("event_id_only"));
    let target = Target::read(&pusher).unwrap();
    let queued = queued(
        "m.room.message",
        None,
        json!({"body": "secret"}),
        &json!(["notify"]),
    );
    assert_eq!(
        target.about(&pusher, &queued, 0).unwrap(),
        json!({"notification": {
            "event_id": "$event", "room_id": "!room:hs.test", "prio": "low", "counts": {},
            "devices": [{
                "app_id": "app", "pushkey": "key", "pushkey_ts": 12_345,
                "data": {"brand": "x", "format": "event_id_only"},
            }],
        }})
    );
}

#[test]
fn invites_and_encrypted_events_say_what_they_are() {
    let pusher = pusher(None);
    let target = Target::read(&pusher).unwrap();
    let invite = json!({"membership": "invite"});
    let about = |user: &str| {
        let queued = queued(
            "m.room.member",
            Some(user),
            invite.clone(),
            &json!(["notify"]),
        );
        let notice = target.about(&pusher, &queued, 1).unwrap();
        assert_eq!(notice["notification"]["membership"], "invite");
        notice["notification"]["user_is_target"].clone()
    };
    assert_eq!(about("@alice:hs.test"), json!(true));
    assert_eq!(about("@carol:hs.test"), json!(false));
    let encrypted = queued("m.room.encrypted", None, json!({}), &json!(["notify"]));
    let notice = target.about(&pusher, &encrypted, 1).unwrap();
    assert_eq!(notice["notification"]["prio"], "high");
}

#[test]
fn a_room_without_a_name_is_called_by_its_alias() {
    let pusher = pusher(None);
    let target = Target::read(&pusher).unwrap();
    let mut queued = queued("m.room.message", None, json!({}), &json!(["notify"]));
    let alias = json!({"content": {"alias": "#here:hs.test"}}).to_string();
    queued.alias = Some(alias);
    let named = target.about(&pusher, &queued, 1).unwrap();
    assert_eq!(named["notification"]["room_name"], "Room");
    queued.name = None;
    let called = target.about(&pusher, &queued, 1).unwrap();
    assert_eq!(called["notification"]["room_name"], "#here:hs.test");
    assert_eq!(called["notification"]["room_alias"], "#here:hs.test");
}

#[test]
fn the_number_alone_says_zero() {
    let pusher = pusher(None);
    let badge = Target::read(&pusher).unwrap().badge(&pusher, 0);
    assert_eq!(badge["notification"]["counts"], json!({"unread": 0}));
    assert!(badge["notification"].get("event_id").is_none());
}
