//! Making rooms, and what is said in them.

mod kitchen;
mod people;

use std::collections::HashSet;

use causeway_events::RoomVersion;
use causeway_rooms::actions::{
    AliasMistake, CreateError, CreateRoom, InitialState, Preset, SendError,
};
use causeway_rooms::{Rooms, WriteError};
use causeway_store::rooms::{find_alias, find_event};
use futures::future::join_all;
use kitchen::Kitchen;
use people::{
    content, event, join, member, membership, object, private_room, public_room, redaction, say,
    send_is_forbidden, state, text,
};
use ruma::{OwnedEventId, RoomAliasId, RoomId, RoomVersionId, UserId, user_id};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

fn alice() -> &'static UserId {
    user_id!("@alice:hs.test")
}

fn bob() -> &'static UserId {
    user_id!("@bob:hs.test")
}

fn initial(event_type: &str, content: Value) -> InitialState {
    InitialState {
        event_type: event_type.to_owned(),
        state_key: String::new(),
        content: to_raw_value(&content).expect("JSON"),
    }
}

async fn stored(kitchen: &Kitchen, room: &RoomId, event: &OwnedEventId) -> Value {
    let head = kitchen.rooms.head(room).await.expect("a head");
    let row = find_event(&kitchen.store, head.room(), event).await;
    let row = row.expect("an answer").expect("the event");
    serde_json::from_str(&row.json).expect("JSON")
}

#[tokio::test]
async fn a_room_lives_in_every_version() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    for version in RoomVersion::all() {
        let id = version.id().clone();
        let room = public_room(rooms, alice(), id.clone()).await;
        let is_hash = !room.as_str().contains(':');
        assert_eq!(is_hash, version.room_id_is_create_hash(), "{id}: {room}");
        let create = content(rooms, &room, "m.room.create").await;
        assert_eq!(create["room_version"], id.as_str());
        let names_creator = !version.rules().authorization.use_room_create_sender;
        assert_eq!(create.get("creator").is_some(), names_creator, "{id}");
        join(rooms, &room, bob()).await.expect("joined");
        let said = say(rooms, &room, bob(), "hello").await;
        let taken = rooms.redact(redaction(&room, alice(), &said)).await;
        let taken = taken.unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_ne!(taken, said);
        let left = stored(&kitchen, &room, &said).await;
        assert_eq!(left["content"], json!({}), "{id}");
        rooms.leave(&room, bob(), None).await.expect("left");
        let refused = rooms.send(text(&room, bob(), "again", "again")).await;
        assert!(send_is_forbidden(&refused.expect_err("gone")), "{id}");
        assert_eq!(rooms.head(&room).await.expect("a head").joined_members(), 1);
    }
}

#[tokio::test]
async fn presets_decide_who_gets_in() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let table = [
        (Preset::PrivateChat, "invite", Some("can_join")),
        (Preset::TrustedPrivateChat, "invite", Some("can_join")),
        (Preset::PublicChat, "public", None),
    ];
    for version in [RoomVersionId::V11, RoomVersionId::V12] {
        for (preset, join_rule, guest_access) in table {
            let request = CreateRoom {
                preset: Some(preset),
                invite: vec![bob().to_owned()],
                is_direct: true,
                ..private_room(alice(), version.clone())
            };
            let room = rooms.create(request).await.expect("a room");
            let of = async |kind: &str| content(rooms, &room, kind).await;
            assert_eq!(of("m.room.join_rules").await["join_rule"], join_rule);
            let guests = of("m.room.guest_access").await;
            assert_eq!(guests["guest_access"].as_str(), guest_access);
            let visibility = of("m.room.history_visibility").await;
            assert_eq!(visibility["history_visibility"], "shared");
            assert_eq!(membership(rooms, &room, bob()).await, Some("invite"));
            assert_eq!(member(rooms, &room, bob()).await["is_direct"], true);
            check_powers(rooms, &room, version == RoomVersionId::V12, preset).await;
        }
    }
}

async fn check_powers(rooms: &Rooms, room: &RoomId, creators_have_no_level: bool, preset: Preset) {
    let levels = content(rooms, room, "m.room.power_levels").await;
    let create = content(rooms, room, "m.room.create").await;
    let trusted = preset == Preset::TrustedPrivateChat;
    let power = rooms.head(room).await.expect("a head").power();
    assert_eq!(power.user(bob()) == power.user(alice()), trusted);
    if creators_have_no_level {
        assert_eq!(levels["users"], json!({}));
        assert_eq!(levels["events"]["m.room.tombstone"], 150);
        let additional = create.get("additional_creators").cloned();
        assert_eq!(additional, trusted.then(|| json!([bob()])));
    } else {
        assert_eq!(levels["users"][alice().as_str()], 100);
        assert_eq!(levels["users"].get(bob().as_str()).is_some(), trusted);
        assert_eq!(create.get("additional_creators"), None);
    }
}

#[tokio::test]
async fn every_option_of_a_new_room_is_taken() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let request = CreateRoom {
        published: true,
        preset: None,
        alias_name: Some("pub".to_owned()),
        name: Some("The pub".to_owned()),
        topic: Some("Beer".to_owned()),
        initial_state: vec![
            initial("m.room.name", json!({"name": "overridden"})),
            initial("m.room.join_rules", json!({"join_rule": "knock"})),
            initial("org.example.kept", json!({"is": "here"})),
        ],
        power_override: object(json!({"invite": 33})),
        creation_content: object(json!({"type": "m.space", "m.federate": false, "creator": bob()})),
        ..private_room(alice(), RoomVersionId::V11)
    };
    let room = rooms.create(request.clone()).await.expect("a room");
    let of = async |kind: &str| content(rooms, &room, kind).await;
    let alias = RoomAliasId::parse("#pub:hs.test").expect("an alias");
    assert_eq!(of("m.room.canonical_alias").await["alias"], alias.as_str());
    assert_eq!(rooms.resolve_alias(&alias).await.expect("found"), room);
    assert!(rooms.is_published(&room).await.expect("known"));
    assert_eq!(of("m.room.name").await["name"], "The pub");
    let topic = of("m.room.topic").await;
    assert_eq!(topic["topic"], "Beer");
    assert_eq!(topic["m.topic"]["m.text"][0]["body"], "Beer");
    assert_eq!(of("m.room.join_rules").await["join_rule"], "knock");
    assert_eq!(of("org.example.kept").await["is"], "here");
    assert_eq!(of("m.room.power_levels").await["invite"], 33);
    let create = of("m.room.create").await;
    assert_eq!(create["type"], "m.space");
    assert_eq!(create["m.federate"], false);
    assert_eq!(create.get("creator"), None);
    let again = rooms.create(request).await;
    assert!(matches!(again, Err(CreateError::AliasInUse(_))));
}

#[tokio::test]
async fn a_room_that_cannot_be_is_refused_whole() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let wish = || CreateRoom {
        alias_name: Some("never".to_owned()),
        ..private_room(alice(), RoomVersionId::V12)
    };
    let unknown = CreateRoom {
        version: Some(RoomVersionId::try_from("org.example.none").expect("an id")),
        ..wish()
    };
    let error = rooms.create(unknown).await.expect_err("no such version");
    assert!(matches!(error, CreateError::UnsupportedVersion(_)));
    let named_creator = CreateRoom {
        power_override: object(json!({"users": {alice().as_str(): 100}})),
        ..wish()
    };
    let error = rooms.create(named_creator).await.expect_err("a level");
    assert!(matches!(error, CreateError::BadContent(_)), "{error}");
    let powerless = CreateRoom {
        version: Some(RoomVersionId::V11),
        power_override: object(json!({"users": {}, "state_default": 80})),
        ..wish()
    };
    let error = rooms.create(powerless).await.expect_err("no power");
    assert!(matches!(error, CreateError::InvalidState(_)), "{error}");
    let spaced = CreateRoom {
        alias_name: Some("two words".to_owned()),
        ..wish()
    };
    let error = rooms.create(spaced).await.expect_err("no alias");
    assert!(matches!(error, CreateError::BadAlias(_)), "{error}");
    let alias = RoomAliasId::parse("#never:hs.test").expect("an alias");
    let found = find_alias(&kitchen.store, &alias).await.expect("an answer");
    assert!(found.is_none(), "a refused room leaves nothing behind");
}

#[tokio::test]
async fn two_equal_rooms_in_one_millisecond_are_two() {
    let kitchen = Kitchen::open().await;
    let make = || {
        kitchen
            .rooms
            .create(private_room(alice(), RoomVersionId::V12))
    };
    let ids: HashSet<_> = join_all((0..4).map(|_| make()))
        .await
        .into_iter()
        .map(|room| room.expect("a room"))
        .collect();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn a_transaction_is_one_event_and_outlives_the_right_to_send_it() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let room = public_room(rooms, alice(), RoomVersionId::V11).await;
    join(rooms, &room, bob()).await.expect("joined");
    let sends = (0..10).map(|_| rooms.send(text(&room, bob(), "once", "txn")));
    let ids: HashSet<OwnedEventId> = join_all(sends)
        .await
        .into_iter()
        .map(|sent| sent.expect("sent"))
        .collect();
    assert_eq!(ids.len(), 1);
    rooms.leave(&room, bob(), None).await.expect("left");
    let again = rooms.send(text(&room, bob(), "once", "txn")).await;
    assert!(ids.contains(&again.expect("the first event")));
    let without_device = || {
        let mut event = text(&room, alice(), "bridged", "txn");
        event.device = None;
        rooms.send(event)
    };
    let first = without_device().await.expect("sent");
    assert_eq!(without_device().await.expect("sent"), first);
}

#[tokio::test]
async fn many_senders_make_one_chain() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let room = public_room(rooms, alice(), RoomVersionId::V12).await;
    let users: Vec<_> = (0..8)
        .map(|n| UserId::parse(format!("@user{n}:hs.test")).expect("a user"))
        .collect();
    for user in &users {
        join(rooms, &room, user).await.expect("joined");
    }
    let (room_ref, users_ref) = (&room, &users);
    let sends = (0..80).map(|n| {
        let user = &users_ref[n % users_ref.len()];
        rooms.send(text(room_ref, user, "crowd", &format!("t{n}")))
    });
    let sent: Vec<OwnedEventId> = join_all(sends)
        .await
        .into_iter()
        .map(|sent| sent.expect("sent"))
        .collect();
    let mut prev = HashSet::new();
    for event in &sent {
        let json = stored(&kitchen, &room, event).await;
        let named = json["prev_events"].as_array().expect("prev_events").clone();
        assert_eq!(named.len(), 1, "no event has two before it");
        assert!(
            prev.insert(named[0].to_string()),
            "no event has two after it"
        );
    }
}

#[tokio::test]
async fn only_the_powerful_take_away_events_of_others() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let room = public_room(rooms, alice(), RoomVersionId::V11).await;
    join(rooms, &room, bob()).await.expect("joined");
    let hers = say(rooms, &room, alice(), "hers").await;
    let his = say(rooms, &room, bob(), "his").await;
    let refused = rooms.redact(redaction(&room, bob(), &hers)).await;
    assert!(send_is_forbidden(&refused.expect_err("no power")));
    rooms
        .redact(redaction(&room, bob(), &his))
        .await
        .expect("own");
    rooms
        .redact(redaction(&room, alice(), &his))
        .await
        .expect("again");
    let head = rooms.head(&room).await.expect("a head");
    let create = head.state("m.room.create", "").expect("create").pdu.clone();
    let refused = rooms
        .redact(redaction(&room, alice(), create.event_id()))
        .await;
    assert!(send_is_forbidden(&refused.expect_err("the create event")));
    let nowhere = ruma::EventId::parse("$nowhere").expect("an id");
    let refused = rooms.redact(redaction(&room, alice(), &nowhere)).await;
    assert!(matches!(
        refused,
        Err(SendError::Write(WriteError::NoSuchEvent))
    ));
    let as_event = event(
        &room,
        alice(),
        "m.room.redaction",
        json!({"redacts": hers}),
        "r",
    );
    rooms.send(as_event).await.expect("redacted");
    assert_eq!(stored(&kitchen, &room, &hers).await["content"], json!({}));
}

#[tokio::test]
async fn one_reaction_of_a_kind_is_enough() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let room = public_room(rooms, alice(), RoomVersionId::V11).await;
    let said = say(rooms, &room, alice(), "hello").await;
    let react = |key: &str, txn: &str| {
        let relates_to = json!({"rel_type": "m.annotation", "event_id": said, "key": key});
        let content = json!({"m.relates_to": relates_to});
        rooms.send(event(&room, alice(), "m.reaction", content, txn))
    };
    let first = react("up", "1").await.expect("sent");
    assert_eq!(react("up", "1").await.expect("the same"), first);
    assert!(matches!(
        react("up", "2").await,
        Err(SendError::DuplicateAnnotation)
    ));
    react("down", "3").await.expect("another key");
    rooms
        .redact(redaction(&room, alice(), &first))
        .await
        .expect("taken");
    react("up", "4").await.expect("it is free again");
    let relates_to = json!({"rel_type": "m.thread", "event_id": first});
    let thread = json!({"m.relates_to": relates_to, "body": "x", "msgtype": "m.text"});
    rooms
        .send(event(&room, alice(), "m.room.message", thread, "5"))
        .await
        .expect("the reaction was redacted and relates to nothing");
}

#[tokio::test]
async fn state_is_set_once_and_aliases_must_lead_here() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let room = public_room(rooms, alice(), RoomVersionId::V11).await;
    let named = |name: &str| state(&room, alice(), "m.room.name", "", json!({"name": name}));
    let first = rooms.set_state(named("one")).await.expect("set");
    assert_eq!(rooms.set_state(named("one")).await.expect("set"), first);
    assert_ne!(rooms.set_state(named("two")).await.expect("set"), first);
    let create = state(&room, alice(), "m.room.create", "", json!({}));
    assert!(send_is_forbidden(
        &rooms.set_state(create).await.expect_err("once")
    ));
    let canonical = |content| state(&room, alice(), "m.room.canonical_alias", "", content);
    let elsewhere = rooms
        .set_state(canonical(json!({"alias": "#x:hs.test"})))
        .await;
    assert!(matches!(
        elsewhere,
        Err(SendError::Alias(AliasMistake::LeadsElsewhere(_)))
    ));
    let malformed = rooms
        .set_state(canonical(json!({"alt_aliases": ["x"]})))
        .await;
    assert!(matches!(
        malformed,
        Err(SendError::Alias(AliasMistake::Malformed(_)))
    ));
    let alias = RoomAliasId::parse("#x:hs.test").expect("an alias");
    rooms.add_alias(&alias, &room, alice()).await.expect("made");
    let set = rooms.set_state(canonical(json!({"alias": "#x:hs.test", "alt_aliases": []})));
    set.await.expect("it leads here");
    rooms
        .remove_alias(&alias, alice(), false)
        .await
        .expect("gone");
    let left = content(rooms, &room, "m.room.canonical_alias").await;
    assert_eq!(left, json!({"alt_aliases": []}));
}

#[tokio::test]
async fn a_room_that_exists_already_harms_no_other() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let room = public_room(rooms, alice(), RoomVersionId::V11).await;
    let version = RoomVersion::find(&RoomVersionId::V11).expect("known");
    let taken = RoomId::new_v1(&kitchen::server());
    let make = || {
        let content = json!({"room_version": "11"});
        let create = kitchen.state(alice(), "m.room.create", "", content);
        rooms.append_new(version, Some(taken.clone()), vec![create])
    };
    let sends = (0..20).map(|n| rooms.send(text(&room, alice(), "hello", &format!("t{n}"))));
    let (made, sent) = futures::join!(join_all([make(), make(), make()]), join_all(sends));
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    for sent in sent {
        sent.expect("a room of its own");
    }
}
