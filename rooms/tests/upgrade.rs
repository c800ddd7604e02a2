//! Replacing rooms.

mod kitchen;
mod people;

use causeway_rooms::actions::{CreateRoom, SendError, Upgrade, UpgradeError};
use causeway_rooms::{Rooms, WriteError};
use causeway_store::Change;
use causeway_store::log::AccountData;
use causeway_store::users::account_data;
use kitchen::Kitchen;
use people::{
    change, content, join, member, membership, private_room, public_room, send_is_forbidden, state,
    text,
};
use ruma::{OwnedRoomId, RoomAliasId, RoomId, RoomVersionId, UserId, user_id};
use serde_json::{Value, json};

fn alice() -> &'static UserId {
    user_id!("@alice:hs.test")
}

fn bob() -> &'static UserId {
    user_id!("@bob:hs.test")
}

fn carol() -> &'static UserId {
    user_id!("@carol:hs.test")
}

fn wish(room: &RoomId, user: &UserId, version: RoomVersionId) -> Upgrade {
    Upgrade {
        room: room.to_owned(),
        user: user.to_owned(),
        version,
        additional_creators: Vec::new(),
    }
}

async fn set(rooms: &Rooms, room: &RoomId, kind: &str, key: &str, content: Value) {
    let set = rooms
        .set_state(state(room, alice(), kind, key, content))
        .await;
    set.unwrap_or_else(|error| panic!("{kind}: {error}"));
}

/// State that an upgrade carries over as it is.
fn carried() -> [(&'static str, Value); 8] {
    [
        ("m.room.name", json!({"name": "Hall"})),
        ("m.room.topic", json!({"topic": "T"})),
        ("m.room.avatar", json!({"url": "mxc://hs.test/a"})),
        ("m.room.join_rules", json!({"join_rule": "public"})),
        ("m.room.guest_access", json!({"guest_access": "can_join"})),
        (
            "m.room.history_visibility",
            json!({"history_visibility": "joined"}),
        ),
        (
            "m.room.encryption",
            json!({"algorithm": "m.megolm.v1.aes-sha2"}),
        ),
        (
            "m.room.server_acl",
            json!({"allow": ["*"], "deny": ["bad.test"]}),
        ),
    ]
}

async fn full_room(rooms: &Rooms, version: RoomVersionId) -> (OwnedRoomId, String) {
    let local = format!("hall{version}");
    let request = CreateRoom {
        alias_name: Some(local.clone()),
        published: true,
        creation_content: people::object(json!({"type": "m.space", "m.federate": false})),
        ..private_room(alice(), version)
    };
    let room = rooms.create(request).await.expect("a room");
    for (kind, content) in carried() {
        set(rooms, &room, kind, "", content).await;
    }
    set(rooms, &room, "org.example.own", "", json!({"stays": true})).await;
    let child = json!({"via": ["hs.test"]});
    set(rooms, &room, "m.space.child", "!child:hs.test", child).await;
    join(rooms, &room, bob()).await.expect("joined");
    rooms
        .ban(change(&room, alice(), carol()))
        .await
        .expect("banned");
    (room, format!("#{local}:hs.test"))
}

#[tokio::test]
async fn an_upgrade_carries_over_what_it_should() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let table = [
        (RoomVersionId::V1, RoomVersionId::V2),
        (RoomVersionId::V6, RoomVersionId::V11),
        (RoomVersionId::V11, RoomVersionId::V12),
        (RoomVersionId::V12, RoomVersionId::V12),
    ];
    for (from, to) in table {
        let case = format!("{from} to {to}");
        let (old, alias) = full_room(rooms, from.clone()).await;
        let new = rooms.upgrade(wish(&old, alice(), to.clone())).await;
        let new = new.unwrap_or_else(|error| panic!("{case}: {error}"));
        for (kind, expected) in carried() {
            assert_eq!(content(rooms, &new, kind).await, expected, "{case}");
        }
        let create = content(rooms, &new, "m.room.create").await;
        assert_eq!(create["room_version"], to.as_str());
        assert_eq!(create["type"], "m.space");
        assert_eq!(create["m.federate"], false);
        check_links(rooms, &old, &new, &create).await;
        assert_eq!(content(rooms, &new, "org.example.own").await, Value::Null);
        let head = rooms.head(&new).await.expect("a head");
        assert!(head.state("m.space.child", "!child:hs.test").is_some());
        assert_eq!(membership(rooms, &new, alice()).await, Some("join"));
        assert_eq!(membership(rooms, &new, bob()).await, None);
        assert_eq!(member(rooms, &new, carol()).await["membership"], "ban");
        let alias = RoomAliasId::parse(alias).expect("an alias");
        assert_eq!(rooms.resolve_alias(&alias).await.expect("found"), new);
        let canonical = content(rooms, &new, "m.room.canonical_alias").await;
        assert_eq!(canonical["alias"], alias.as_str());
        let canonical = content(rooms, &old, "m.room.canonical_alias").await;
        assert_eq!(canonical, json!({}));
        assert!(rooms.is_published(&new).await.expect("known"));
        assert!(!rooms.is_published(&old).await.expect("known"));
        let refused = rooms.send(text(&old, bob(), "x", "x")).await;
        assert!(send_is_forbidden(&refused.expect_err("closed")), "{case}");
        rooms
            .send(text(&new, alice(), "x", "x"))
            .await
            .expect("open");
    }
}

async fn check_links(rooms: &Rooms, old: &RoomId, new: &RoomId, create: &Value) {
    let head = rooms.head(old).await.expect("a head");
    let tombstone = &head.state("m.room.tombstone", "").expect("a tombstone").pdu;
    let body: Value = serde_json::from_str(tombstone.content_json()).expect("JSON");
    assert_eq!(body["replacement_room"], new.as_str());
    let predecessor = &create["predecessor"];
    assert_eq!(predecessor["room_id"], old.as_str());
    if !rooms
        .head(new)
        .await
        .expect("a head")
        .version()
        .room_id_is_create_hash()
    {
        assert_eq!(predecessor["event_id"], tombstone.event_id().as_str());
    }
}

#[tokio::test]
async fn power_goes_along() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let old = public_room(rooms, alice(), RoomVersionId::V9).await;
    // Once upgraded, nobody but a moderator of 120 could set the name; as strings, as once was.
    let levels = json!({
        "users": {alice().as_str(): 120, bob().as_str(): "60"},
        "events": {"m.room.name": 110}, "events_default": 7, "invite": 3,
    });
    let own = json!({"users": {alice().as_str(): 100}});
    set(rooms, &old, "m.room.power_levels", "", own).await;
    let too_high = state(&old, alice(), "m.room.power_levels", "", levels.clone());
    assert!(send_is_forbidden(
        &rooms.set_state(too_high).await.expect_err("above her own")
    ));
    let levels = json!({
        "users": {alice().as_str(): 100, bob().as_str(): "60"},
        "events": {"m.room.name": "100"}, "events_default": 7, "invite": 3,
    });
    set(rooms, &old, "m.room.name", "", json!({"name": "kept"})).await;
    set(rooms, &old, "m.room.power_levels", "", levels.clone()).await;
    let same = rooms.upgrade(wish(&old, alice(), RoomVersionId::V9)).await;
    let same = same.expect("upgraded");
    assert_eq!(content(rooms, &same, "m.room.power_levels").await, levels);
    let closed = content(rooms, &old, "m.room.power_levels").await;
    assert_eq!(
        (&closed["events_default"], &closed["invite"]),
        (&json!(50), &json!(50))
    );
    let new = rooms
        .upgrade(wish(&same, alice(), RoomVersionId::V12))
        .await;
    let new = new.expect("upgraded");
    let levels = content(rooms, &new, "m.room.power_levels").await;
    assert_eq!(levels["users"], json!({bob().as_str(): 60}));
    assert_eq!(levels["events"]["m.room.tombstone"], 150);
    assert_eq!(content(rooms, &new, "m.room.name").await["name"], "kept");
    let back = rooms.upgrade(wish(&new, alice(), RoomVersionId::V11)).await;
    let levels = content(rooms, &back.expect("upgraded"), "m.room.power_levels").await;
    assert_eq!(
        levels["users"],
        json!({alice().as_str(): 100, bob().as_str(): 60})
    );
}

#[tokio::test]
async fn an_upgrade_takes_power_and_a_version() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let room = public_room(rooms, alice(), RoomVersionId::V11).await;
    join(rooms, &room, bob()).await.expect("joined");
    for user in [bob(), carol()] {
        let refused = rooms.upgrade(wish(&room, user, RoomVersionId::V12)).await;
        assert!(matches!(
            refused,
            Err(UpgradeError::Write(WriteError::Forbidden(_)))
        ));
    }
    let unknown = RoomVersionId::try_from("org.example.none").expect("an id");
    let refused = rooms.upgrade(wish(&room, alice(), unknown)).await;
    assert!(matches!(refused, Err(UpgradeError::UnsupportedVersion(_))));
    let nowhere = RoomId::new_v1(ruma::server_name!("hs.test"));
    let refused = rooms
        .upgrade(wish(&nowhere, alice(), RoomVersionId::V12))
        .await;
    assert!(matches!(refused, Err(UpgradeError::NoSuchRoom)));
    let itself = json!({"replacement_room": room});
    let itself = rooms
        .set_state(state(&room, alice(), "m.room.tombstone", "", itself))
        .await;
    assert!(matches!(
        itself,
        Err(SendError::Write(WriteError::Build(_)))
    ));
    assert_eq!(content(rooms, &room, "m.room.tombstone").await, Value::Null);
}

#[tokio::test]
async fn members_find_the_new_room_as_they_had_the_old_one() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let old = public_room(rooms, alice(), RoomVersionId::V11).await;
    join(rooms, &old, bob()).await.expect("joined");
    let nid = rooms.head(&old).await.expect("a head").room();
    let push = json!({"global": {"room": [{"rule_id": old, "actions": ["notify"]}]}});
    let own = [
        (
            Some((nid, old.clone())),
            "m.tag",
            json!({"tags": {"m.favourite": {}}}),
        ),
        (None, "m.direct", json!({alice().as_str(): [old]})),
        (None, "m.push_rules", push),
    ];
    for user in [alice(), bob()] {
        for (room, event_type, content) in own.clone() {
            let data = AccountData {
                user: user.to_owned(),
                room,
                event_type: event_type.to_owned(),
                content: content.to_string(),
            };
            let stored = kitchen.log.append(Change::AccountData(data)).await;
            stored.expect("stored");
        }
    }
    let new = rooms.upgrade(wish(&old, alice(), RoomVersionId::V12)).await;
    let new = new.expect("upgraded");
    join(rooms, &new, bob()).await.expect("joined");
    for user in [alice(), bob()] {
        let of = async |room: Option<&str>, kind: &str| -> Value {
            let found = account_data::find(&kitchen.store, user.as_str(), room, kind).await;
            let found = found.expect("an answer").unwrap_or_default();
            serde_json::from_str(&found).unwrap_or_default()
        };
        let tags = of(Some(new.as_str()), "m.tag").await;
        assert_eq!(tags, json!({"tags": {"m.favourite": {}}}), "{user}");
        let direct = of(None, "m.direct").await;
        assert_eq!(direct, json!({alice().as_str(): [old, new]}));
        let rules = of(None, "m.push_rules").await;
        assert_eq!(rules["global"]["room"][1]["rule_id"], new.as_str());
    }
}
