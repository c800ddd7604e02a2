//! Who may do what to whose membership.

mod kitchen;
mod people;

use causeway_rooms::Rooms;
use causeway_rooms::actions::{CreateRoom, InitialState, Join, MembershipError};
use causeway_store::Change;
use causeway_store::log::{AccountData, ProfileField};
use causeway_store::users::accounts::{NewAccount, create};
use kitchen::Kitchen;
use people::{
    change, content, invite, is_forbidden, join, knock, member, membership, private_room,
    public_room, send_is_forbidden, state,
};
use ruma::{OwnedRoomId, RoomId, RoomVersionId, UserId, user_id};
use serde_json::value::to_raw_value;
use serde_json::{Map, Value, json};

fn alice() -> &'static UserId {
    user_id!("@alice:hs.test")
}

fn bob() -> &'static UserId {
    user_id!("@bob:hs.test")
}

fn carol() -> &'static UserId {
    user_id!("@carol:hs.test")
}

async fn room_with_rule(rooms: &Rooms, version: RoomVersionId, rule: Value) -> OwnedRoomId {
    let rules = InitialState {
        event_type: "m.room.join_rules".to_owned(),
        state_key: String::new(),
        content: to_raw_value(&rule).expect("JSON"),
    };
    let request = CreateRoom {
        initial_state: vec![rules],
        ..private_room(alice(), version)
    };
    rooms.create(request).await.expect("a room")
}

/// Brings a user to a membership, from none.
async fn bring(rooms: &Rooms, room: &RoomId, user: &UserId, to: &str) {
    match to {
        "none" => {}
        "invite" => invite(rooms, room, alice(), user).await.expect("invited"),
        "join" => join(rooms, room, user).await.expect("joined"),
        "knock" => knock(rooms, room, user).await.expect("knocked"),
        "leave" => {
            join(rooms, room, user).await.expect("joined");
            rooms.leave(room, user, None).await.expect("left");
        }
        "ban" => rooms
            .ban(change(room, alice(), user))
            .await
            .expect("banned"),
        other => panic!("{other} is no membership"),
    }
}

/// What Alice, who has the power, comes to with each action on Bob, by his membership.
#[tokio::test]
async fn the_table_of_moderation() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let table = [
        // before, after a kick, after a ban, after lifting a ban, after an invite
        ("none", None, Some("ban"), None, Some("invite")),
        ("invite", Some("leave"), Some("ban"), None, Some("invite")),
        ("join", Some("leave"), Some("ban"), None, None),
        ("leave", None, Some("ban"), None, Some("invite")),
        ("ban", None, Some("ban"), Some("leave"), None),
    ];
    for version in [RoomVersionId::V1, RoomVersionId::V11, RoomVersionId::V12] {
        for (before, kicked, banned, unbanned, invited) in table {
            let fresh = async || {
                let room = public_room(rooms, alice(), version.clone()).await;
                bring(rooms, &room, bob(), before).await;
                room
            };
            let case = |action: &str| format!("{version}: {action} of {before}");
            let room = fresh().await;
            let done = rooms.kick(change(&room, alice(), bob())).await;
            expect(rooms, &room, done, kicked, &case("kick")).await;
            let room = fresh().await;
            let done = rooms.ban(change(&room, alice(), bob())).await;
            expect(rooms, &room, done, banned, &case("ban")).await;
            let room = fresh().await;
            let done = rooms.unban(change(&room, alice(), bob())).await;
            expect(rooms, &room, done, unbanned, &case("unban")).await;
            let room = fresh().await;
            let done = invite(rooms, &room, alice(), bob()).await;
            expect(rooms, &room, done, invited, &case("invite")).await;
        }
    }
}

async fn expect(
    rooms: &Rooms,
    room: &RoomId,
    done: Result<(), MembershipError>,
    after: Option<&str>,
    case: &str,
) {
    match (done, after) {
        (Ok(()), Some(after)) => {
            assert_eq!(membership(rooms, room, bob()).await, Some(after), "{case}");
        }
        (Err(_), None) => {}
        (done, _) => panic!("{case} came to {done:?}"),
    }
}

/// Carol has no power, and whoever is outside has none either.
#[tokio::test]
async fn without_power_nothing_is_moderated() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let room = public_room(rooms, alice(), RoomVersionId::V12).await;
    bring(rooms, &room, bob(), "join").await;
    for is_inside in [false, true] {
        if is_inside {
            bring(rooms, &room, carol(), "join").await;
        }
        for target in [alice(), bob()] {
            let wish = || change(&room, carol(), target);
            assert!(is_forbidden(&rooms.kick(wish()).await.expect_err("kick")));
            assert!(is_forbidden(&rooms.ban(wish()).await.expect_err("ban")));
        }
        let dave = user_id!("@dave:hs.test");
        let refused = invite(rooms, &room, carol(), dave).await;
        assert!(is_forbidden(&refused.expect_err("invite takes 50 here")));
    }
    bring(rooms, &room, user_id!("@erin:hs.test"), "ban").await;
    let lift = change(&room, carol(), user_id!("@erin:hs.test"));
    assert!(is_forbidden(
        &rooms.unban(lift).await.expect_err("no power")
    ));
}

#[tokio::test]
async fn joining_follows_the_join_rules() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    for version in [RoomVersionId::V6, RoomVersionId::V10, RoomVersionId::V12] {
        let room = room_with_rule(rooms, version, json!({"join_rule": "invite"})).await;
        let refused = join(rooms, &room, bob()).await.expect_err("not invited");
        assert!(is_forbidden(&refused));
        invite(rooms, &room, alice(), bob()).await.expect("invited");
        join(rooms, &room, bob()).await.expect("joined");
        join(rooms, &room, bob()).await.expect("in already");
        rooms
            .ban(change(&room, alice(), bob()))
            .await
            .expect("banned");
        assert!(is_forbidden(
            &join(rooms, &room, bob()).await.expect_err("banned")
        ));
        let refused = rooms.leave(&room, bob(), None).await.expect_err("banned");
        assert!(is_forbidden(&refused));
    }
    let nowhere = RoomId::new_v1(ruma::server_name!("hs.test"));
    let refused = join(rooms, &nowhere, bob()).await;
    assert!(matches!(refused, Err(MembershipError::NoSuchRoom)));
    let away = invite(rooms, &nowhere, bob(), user_id!("@x:elsewhere.test")).await;
    assert!(matches!(away, Err(MembershipError::NotInRoom)));
}

#[tokio::test]
async fn knocking() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let old = room_with_rule(rooms, RoomVersionId::V6, json!({"join_rule": "invite"})).await;
    assert!(is_forbidden(
        &knock(rooms, &old, bob()).await.expect_err("too old")
    ));
    let rule = json!({"join_rule": "knock"});
    for version in [RoomVersionId::V7, RoomVersionId::V12] {
        let room = room_with_rule(rooms, version.clone(), rule.clone()).await;
        knock(rooms, &room, bob()).await.expect("knocked");
        assert_eq!(member(rooms, &room, bob()).await["reason"], "please");
        knock(rooms, &room, bob()).await.expect("once more");
        rooms.leave(&room, bob(), None).await.expect("taken back");
        knock(rooms, &room, bob()).await.expect("knocked");
        rooms
            .kick(change(&room, alice(), bob()))
            .await
            .expect("turned away");
        knock(rooms, &room, bob()).await.expect("knocked");
        assert!(is_forbidden(
            &join(rooms, &room, bob()).await.expect_err("not yet")
        ));
        invite(rooms, &room, alice(), bob()).await.expect("let in");
        assert!(is_forbidden(
            &knock(rooms, &room, bob()).await.expect_err("invited")
        ));
        join(rooms, &room, bob()).await.expect("joined");
        assert!(is_forbidden(
            &knock(rooms, &room, bob()).await.expect_err("joined")
        ));
        let closed = room_with_rule(rooms, version, json!({"join_rule": "invite"})).await;
        assert!(is_forbidden(
            &knock(rooms, &closed, bob()).await.expect_err("closed")
        ));
    }
}

#[tokio::test]
async fn members_of_one_room_may_join_another() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let table = [
        (RoomVersionId::V8, "restricted"),
        (RoomVersionId::V10, "knock_restricted"),
        (RoomVersionId::V12, "restricted"),
        (RoomVersionId::V12, "knock_restricted"),
    ];
    for (version, rule) in table {
        let space = public_room(rooms, alice(), version.clone()).await;
        let allow = json!([{"type": "m.room_membership", "room_id": space}]);
        let rule = json!({"join_rule": rule, "allow": allow});
        let room = room_with_rule(rooms, version.clone(), rule).await;
        assert!(is_forbidden(
            &join(rooms, &room, bob()).await.expect_err("outside")
        ));
        join(rooms, &space, bob()).await.expect("joined");
        join(rooms, &room, bob()).await.expect("let in");
        let joined = member(rooms, &room, bob()).await;
        assert_eq!(joined["join_authorised_via_users_server"], alice().as_str());
        // An invite needs nobody who lets in.
        invite(rooms, &room, alice(), carol())
            .await
            .expect("invited");
        join(rooms, &room, carol()).await.expect("joined");
        let joined = member(rooms, &room, carol()).await;
        assert_eq!(joined.get("join_authorised_via_users_server"), None);
        // Once nobody who may invite is there, nobody can be let in.
        let invite_takes = json!({"invite": 100, "users": {}});
        let levels = state(&room, alice(), "m.room.power_levels", "", invite_takes);
        rooms.set_state(levels).await.expect("set");
        rooms.leave(&room, alice(), None).await.expect("left");
        let dave = user_id!("@dave:hs.test");
        join(rooms, &space, dave).await.expect("joined");
        let refused = join(rooms, &room, dave).await;
        assert!(
            matches!(refused, Err(MembershipError::UnableToAuthorise)),
            "{version}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn forgetting_takes_having_left() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let room = public_room(rooms, alice(), RoomVersionId::V12).await;
    for before in ["invite", "join"] {
        bring(rooms, &room, bob(), before).await;
        let refused = rooms.forget(&room, bob()).await;
        assert!(matches!(refused, Err(MembershipError::StillIn)));
    }
    rooms.leave(&room, bob(), None).await.expect("left");
    rooms.leave(&room, bob(), None).await.expect("left already");
    rooms.forget(&room, bob()).await.expect("forgotten");
    let never = rooms.leave(&room, carol(), None).await;
    assert!(matches!(never, Err(MembershipError::NotInRoom)));
}

#[tokio::test]
async fn guests_come_and_go_with_the_rooms_word() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let guest = NewAccount {
        user_id: bob().as_str(),
        password_hash: None,
        is_guest: true,
        is_admin: false,
        registration_token: None,
        email: None,
        external_id: None,
    };
    create(&kitchen.store, guest, 0).await.expect("an account");
    let room = public_room(rooms, alice(), RoomVersionId::V12).await;
    let come = || Join {
        room: room.clone(),
        user: bob().to_owned(),
        is_guest: true,
        content: Map::new(),
    };
    let refused = rooms.join(come()).await;
    assert!(matches!(refused, Err(MembershipError::GuestsForbidden)));
    let access = |word: &str| {
        let content = json!({"guest_access": word});
        rooms.set_state(state(&room, alice(), "m.room.guest_access", "", content))
    };
    access("can_join").await.expect("set");
    rooms.join(come()).await.expect("joined");
    join(rooms, &room, carol()).await.expect("joined");
    access("forbidden").await.expect("set");
    assert_eq!(membership(rooms, &room, bob()).await, Some("leave"));
    assert_eq!(membership(rooms, &room, carol()).await, Some("join"));
}

#[tokio::test]
async fn a_member_set_as_state_is_a_membership_like_others() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let room = public_room(rooms, alice(), RoomVersionId::V12).await;
    let set = |sender: &UserId, target: &UserId, content: Value| {
        rooms.set_state(state(
            &room,
            sender,
            "m.room.member",
            target.as_str(),
            content,
        ))
    };
    set(
        bob(),
        bob(),
        json!({"membership": "join", "displayname": "B"}),
    )
    .await
    .expect("joined");
    set(
        bob(),
        bob(),
        json!({"membership": "join", "displayname": "Bob here", "org.x": 1}),
    )
    .await
    .expect("renamed");
    let here = member(rooms, &room, bob()).await;
    assert_eq!(here["displayname"], "Bob here");
    assert_eq!(here["org.x"], 1);
    let refused = set(bob(), alice(), json!({"membership": "leave"})).await;
    assert!(refused.is_err_and(|error| match error {
        causeway_rooms::actions::SendError::Membership(error) => is_forbidden(&error),
        error => send_is_forbidden(&error),
    }));
    set(bob(), bob(), json!({"membership": "dance"}))
        .await
        .expect_err("no membership");
    set(alice(), bob(), json!({"membership": "ban"}))
        .await
        .expect("banned");
    assert_eq!(membership(rooms, &room, bob()).await, Some("ban"));
}

#[tokio::test]
async fn who_wants_no_invites_gets_none() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let room = public_room(rooms, alice(), RoomVersionId::V12).await;
    let choose = |content: Value| {
        kitchen.log.append(Change::AccountData(AccountData {
            user: bob().to_owned(),
            room: None,
            event_type: "m.invite_permission_config".to_owned(),
            content: content.to_string(),
        }))
    };
    choose(json!({"default_action": "block"}))
        .await
        .expect("stored");
    let refused = invite(rooms, &room, alice(), bob()).await;
    assert!(matches!(refused, Err(MembershipError::InviteBlocked)));
    choose(json!({})).await.expect("stored");
    invite(rooms, &room, alice(), bob()).await.expect("invited");
}

#[tokio::test]
async fn a_new_name_reaches_all_joined_rooms() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let space = public_room(rooms, alice(), RoomVersionId::V12).await;
    let allow = json!([{"type": "m.room_membership", "room_id": space}]);
    let rule = json!({"join_rule": "restricted", "allow": allow});
    let restricted = room_with_rule(rooms, RoomVersionId::V12, rule).await;
    let plain = public_room(rooms, alice(), RoomVersionId::V6).await;
    let left = public_room(rooms, alice(), RoomVersionId::V6).await;
    for room in [&space, &restricted, &plain, &left] {
        join(rooms, room, bob()).await.expect("joined");
    }
    rooms.leave(&left, bob(), None).await.expect("left");
    let name = |value: Option<&str>| {
        kitchen.log.append(Change::Profile(ProfileField {
            user: bob().to_owned(),
            field: "displayname".to_owned(),
            value: value.map(Value::from),
        }))
    };
    name(Some("Robert")).await.expect("stored");
    assert_eq!(rooms.update_profile(bob()).await.expect("done"), 3);
    for room in [&space, &restricted, &plain] {
        assert_eq!(member(rooms, room, bob()).await["displayname"], "Robert");
    }
    assert_eq!(
        member(rooms, &left, bob()).await,
        json!({"membership": "leave"})
    );
    name(None).await.expect("stored");
    rooms.update_profile(bob()).await.expect("done");
    assert_eq!(
        member(rooms, &plain, bob()).await,
        json!({"membership": "join"})
    );
    assert_eq!(rooms.leave_all(bob()).await.expect("done"), 3);
    assert_eq!(membership(rooms, &space, bob()).await, Some("leave"));
}

#[tokio::test]
async fn aliases_belong_to_makers_and_the_powerful() {
    let kitchen = Kitchen::open().await;
    let rooms = &kitchen.rooms;
    let room = public_room(rooms, alice(), RoomVersionId::V11).await;
    let alias = ruma::room_alias_id!("#here:hs.test");
    let outside = rooms.add_alias(alias, &room, bob()).await;
    outside.expect_err("not in the room");
    join(rooms, &room, bob()).await.expect("joined");
    join(rooms, &room, carol()).await.expect("joined");
    rooms.add_alias(alias, &room, bob()).await.expect("made");
    rooms
        .add_alias(alias, &room, alice())
        .await
        .expect_err("taken");
    let elsewhere = ruma::room_alias_id!("#here:elsewhere.test");
    rooms
        .add_alias(elsewhere, &room, alice())
        .await
        .expect_err("not ours");
    rooms
        .remove_alias(alias, carol(), false)
        .await
        .expect_err("not hers");
    rooms.remove_alias(alias, bob(), false).await.expect("his");
    rooms.add_alias(alias, &room, bob()).await.expect("made");
    rooms
        .remove_alias(alias, alice(), false)
        .await
        .expect("the power");
    rooms.add_alias(alias, &room, bob()).await.expect("made");
    rooms
        .remove_alias(alias, carol(), true)
        .await
        .expect("an administrator");
    let (bob, alice) = (bob().to_owned(), alice().to_owned());
    rooms
        .publish(&room, &bob, false, true)
        .await
        .expect_err("no power");
    rooms
        .publish(&room, &alice, false, true)
        .await
        .expect("published");
    assert!(rooms.is_published(&room).await.expect("known"));
    let nothing = content(rooms, &room, "m.room.canonical_alias").await;
    assert_eq!(nothing, Value::Null);
}
