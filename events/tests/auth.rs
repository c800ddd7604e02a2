//! The authorisation rules, case by case, in the versions where they differ.

#![allow(clippy::unwrap_used)]

mod sim;

use causeway_events::power::{Level, PowerLevels};
use causeway_events::{Draft, Placement, auth};
use ruma::{CanonicalJsonObject, OwnedEventId};
use serde_json::{Value, json};
use sim::talk::{Talk, versions};
use sim::user;

#[test]
fn only_members_speak() {
    for version in versions(1..=12) {
        let mut talk = Talk::new(version);
        assert!(talk.message(0));
        assert!(!talk.message(1), "not joined");
        assert!(talk.member(1, 1, "join"));
        assert!(talk.message(1));
        assert!(
            !talk.state(1, "m.room.topic", json!({"topic": "x"})),
            "takes 50"
        );
        assert!(talk.member(1, 1, "leave"));
        assert!(!talk.message(1), "left");
    }
}

#[test]
fn invitations_open_closed_rooms() {
    for version in versions(1..=12) {
        let mut talk = Talk::new(version);
        assert!(talk.join_rule("invite"));
        assert!(!talk.member(1, 1, "join"));
        assert!(
            !talk.member(2, 1, "invite"),
            "the inviter is not in the room"
        );
        assert!(talk.member(0, 1, "invite"));
        assert!(!talk.member(2, 2, "join"));
        assert!(!talk.member(0, 1, "join"), "nobody joins for another");
        assert!(talk.member(1, 1, "join"));
        assert!(!talk.member(0, 1, "invite"), "already joined");
        assert!(talk.member(0, 2, "invite"));
        assert!(talk.member(2, 2, "leave"), "an invitation can be refused");
        assert!(!talk.member(2, 2, "join"));
    }
}

#[test]
fn bans_and_kicks_follow_power() {
    for version in versions(1..=12) {
        let mut talk = Talk::new(version);
        for n in 1..=4 {
            assert!(talk.member(n, n, "join"));
        }
        let users = json!({ user(1): 50, user(2): 50 });
        assert!(talk.levels(0, users, json!({})));
        assert!(!talk.member(3, 4, "ban"), "0 is less than 50");
        assert!(!talk.member(1, 2, "leave"), "equal power");
        assert!(!talk.member(1, 2, "ban"), "equal power");
        assert!(talk.member(1, 3, "leave"));
        assert!(talk.member(3, 3, "join"));
        assert!(talk.member(1, 3, "ban"));
        assert!(!talk.member(3, 3, "join"), "banned");
        assert!(
            !talk.member(3, 3, "leave"),
            "a banned user cannot unban themselves"
        );
        assert!(!talk.member(0, 3, "invite"), "banned");
        assert!(talk.member(2, 3, "leave"), "unban");
        assert!(talk.member(3, 3, "join"));
    }
}

#[test]
fn knocking_since_version_7() {
    for version in versions(1..=12) {
        let knocking = version.rules().authorization.knocking;
        assert_eq!(knocking, versions(7..=12).contains(&version));
        let mut talk = Talk::new(version);
        assert!(!talk.member(1, 1, "knock"), "public");
        assert!(talk.join_rule("knock"));
        assert_eq!(talk.member(1, 1, "knock"), knocking);
        assert!(!talk.member(1, 1, "join"));
        assert!(talk.member(0, 1, "invite"));
        assert!(!talk.member(1, 1, "knock"), "invited already");
        assert_eq!(
            talk.member(1, 1, "join"),
            knocking,
            "an unknown rule lets nobody in"
        );
    }
}

#[test]
fn restricted_rooms_since_version_8() {
    for (rule, since) in [("restricted", 8), ("knock_restricted", 10)] {
        for version in versions(1..=12) {
            let known = versions(since..=12).contains(&version);
            let mut talk = Talk::new(version);
            assert!(talk.member(1, 1, "join"));
            assert!(talk.levels(0, json!({}), json!({"invite": 10})));
            let allow = json!({"join_rule": rule, "allow": [
                {"type": "m.room_membership", "room_id": "!other:domain"}]});
            assert!(talk.state(0, "m.room.join_rules", allow));
            let join = |talk: &mut Talk, via: Option<usize>| {
                let mut content = json!({"membership": "join"});
                if let Some(via) = via {
                    content["join_authorised_via_users_server"] = user(via).as_str().into();
                }
                talk.send(2, "m.room.member", Some(user(2).as_str()), content)
            };
            assert!(!join(&mut talk, None), "{version:?}");
            assert!(!join(&mut talk, Some(1)), "may not invite");
            assert!(!join(&mut talk, Some(3)), "not in the room");
            assert_eq!(join(&mut talk, Some(0)), known, "{version:?} {rule}");
            let mut talk_2 = Talk {
                room: talk.room,
                last: talk.last,
            };
            assert!(talk_2.member(0, 4, "invite"));
            assert_eq!(
                talk_2.member(4, 4, "join"),
                known,
                "an unknown rule lets nobody in"
            );
            let knocks = rule == "knock_restricted" && known;
            assert_eq!(talk_2.member(5, 5, "knock"), knocks, "{version:?} {rule}");
        }
    }
}

#[test]
fn nobody_gives_more_power_than_they_have() {
    for version in versions(1..=12) {
        let mut talk = Talk::new(version);
        assert!(talk.member(1, 1, "join") && talk.member(2, 2, "join"));
        assert!(talk.levels(0, json!({ user(1): 50, user(2): 50 }), json!({})));
        assert!(
            !talk.levels(1, json!({ user(1): 51, user(2): 50 }), json!({})),
            "more for oneself"
        );
        assert!(
            !talk.levels(1, json!({ user(1): 50, user(2): 0 }), json!({})),
            "from an equal"
        );
        assert!(!talk.levels(1, json!({ user(1): 50, user(2): 50 }), json!({"ban": 60})));
        assert!(talk.levels(1, json!({ user(1): 50, user(2): 50 }), json!({"ban": 40})));
        assert!(
            !talk.levels(
                1,
                json!({ user(1): 50, user(2): 50 }),
                json!({"events": {"a": 60}})
            ),
            "ban falls back to 50, the event type is out of reach"
        );
        assert!(
            talk.levels(1, json!({ user(1): 10, user(2): 50 }), json!({})),
            "step down"
        );
        assert!(
            !talk.levels(1, json!({ user(1): 20, user(2): 50 }), json!({})),
            "and not up again"
        );
    }
}

#[test]
fn notification_levels_are_guarded_since_version_6() {
    for version in versions(1..=12) {
        let mut talk = Talk::new(version);
        assert!(talk.member(1, 1, "join"));
        assert!(talk.levels(0, json!({ user(1): 50 }), json!({})));
        let guarded = versions(6..=12).contains(&version);
        let changed = talk.levels(
            1,
            json!({ user(1): 50 }),
            json!({"notifications": {"room": 60}}),
        );
        assert_eq!(changed, !guarded, "{version:?}");
    }
}

#[test]
fn levels_are_integers_since_version_10() {
    for version in versions(1..=12) {
        let strict = versions(10..=12).contains(&version);
        let mut talk = Talk::new(version);
        assert!(talk.member(1, 1, "join"));
        let as_text = talk.levels(0, json!({ user(1): "50" }), json!({"ban": "60"}));
        assert_eq!(as_text, !strict, "{version:?}");
        if as_text {
            assert!(talk.state(1, "m.room.topic", json!({"topic": "x"})));
            let state =
                |t: &str, k: &str| talk.room.entry(&talk.room.states[talk.last], t, k).cloned();
            let power = PowerLevels::of_state(version, state);
            assert_eq!((power.user(&user(1)), power.ban()), (Level::Int(50), 60));
        }
        assert!(
            !talk.levels(0, json!({"nobody": 5}), json!({})),
            "no user id"
        );
    }
}

#[test]
fn creators_of_version_12_stand_above_all() {
    for version in versions(12..=12) {
        let more = json!({"additional_creators": [user(1), user(100)]});
        let mut talk = Talk::created(version, more);
        assert!(talk.state(0, "m.room.power_levels", json!({"users": {}})));
        assert!(talk.state(0, "m.room.join_rules", json!({"join_rule": "public"})));
        assert!(talk.member(1, 1, "join") && talk.member(2, 2, "join"));
        let levels = |users: Value| json!({ "users": users, "state_default": 1_000_000 });
        for creator in [0, 1, 100] {
            assert!(!talk.state(
                0,
                "m.room.power_levels",
                levels(json!({ user(creator): 100 }))
            ));
        }
        assert!(talk.state(
            1,
            "m.room.power_levels",
            levels(json!({ user(2): 900_000 }))
        ));
        assert!(!talk.state(2, "m.room.topic", json!({"topic": "x"})));
        assert!(talk.state(0, "m.room.topic", json!({"topic": "x"})));
        assert!(
            !talk.member(2, 0, "leave") && !talk.member(0, 1, "leave"),
            "creators stay"
        );
        let state = |t: &str, k: &str| talk.room.entry(&talk.room.states[talk.last], t, k).cloned();
        let power = PowerLevels::of_state(version, state);
        assert_eq!(power.user(&user(0)), Level::Infinite);
        assert_eq!(power.user(&user(100)), Level::Infinite);
        assert_eq!(power.user(&user(2)), Level::Int(900_000));
        assert!(power.may_send(&user(0), "m.room.tombstone", true));
        assert!(!power.may_send(&user(2), "m.room.tombstone", true));
    }
}

#[test]
fn closed_rooms_keep_other_servers_out() {
    for version in versions(1..=12) {
        for federate in [true, false] {
            let mut talk = Talk::created(version, json!({"m.federate": federate}));
            assert!(talk.state(0, "m.room.join_rules", json!({"join_rule": "public"})));
            assert_eq!(talk.member(100, 100, "join"), federate);
            assert_eq!(talk.message(100), federate);
        }
    }
}

#[test]
fn state_of_other_users_is_theirs() {
    for version in versions(1..=12) {
        let mut talk = Talk::new(version);
        assert!(talk.member(1, 1, "join"));
        assert!(!talk.send(0, "org.example.mine", Some(user(1).as_str()), json!({})));
        assert!(talk.send(0, "org.example.mine", Some(user(0).as_str()), json!({})));
        assert!(talk.send(0, "org.example.mine", Some("user1"), json!({})));
    }
}

#[test]
fn aliases_were_special_until_version_5() {
    for version in versions(1..=12) {
        let special = versions(1..=5).contains(&version);
        let mut talk = Talk::new(version);
        assert!(talk.member(1, 1, "join"));
        let aliases = json!({"aliases": []});
        let mut set = |who, key: &str| talk.send(who, "m.room.aliases", Some(key), aliases.clone());
        assert_eq!(
            set(1, "domain"),
            special,
            "no power needed for the own server"
        );
        assert_eq!(set(0, "other"), !special);
    }
}

#[test]
fn redactions_were_special_until_version_2() {
    for version in versions(1..=12) {
        let special = versions(1..=2).contains(&version);
        let mut talk = Talk::new(version);
        assert!(talk.member(1, 1, "join") && talk.member(100, 100, "join"));
        let target = talk.last;
        // Events of versions 1 and 2 name their server; since, it is not the rules that decide.
        let redact = |talk: &mut Talk, who: usize| {
            let draft = Draft {
                event_type: "m.room.redaction".into(),
                state_key: None,
                sender: user(who),
                content: serde_json::value::to_raw_value(&json!({})).unwrap(),
                redacts: Some(if special {
                    OwnedEventId::try_from("$abc:other").unwrap()
                } else {
                    talk.room.events[target].owned_event_id().clone()
                }),
                origin_ts_ms: 1,
            };
            let placement = Placement {
                room_id: talk.room.room_id(),
                prev_events: &[],
                auth_events: &[],
                depth: 9,
            };
            let pdu = draft.build(version, &placement, &talk.room.key).unwrap();
            assert_eq!(pdu.redacts(), draft.redacts.as_deref());
            let state = &talk.room.states[talk.last];
            auth::authorise(version, &pdu, |t, k| talk.room.entry(state, t, k).cloned()).is_ok()
        };
        assert!(redact(&mut talk, 0), "has the power");
        assert_eq!(redact(&mut talk, 1), !special, "{version:?}");
    }
}

#[test]
fn third_party_invitations_are_signed() {
    for version in versions(1..=12) {
        let mut talk = Talk::new(version);
        assert!(talk.join_rule("invite"));
        let public_key = base64(&talk.room.key.public_key());
        let content = json!({"display_name": "x", "public_key": public_key,
            "key_validity_url": "https://domain/valid",
            "public_keys": [{"public_key": public_key}]});
        assert!(talk.send(0, "m.room.third_party_invite", Some("token"), content));
        let invite = |talk: &mut Talk, whom: usize, signed_for: usize, token: &str| {
            let signed = json!({"mxid": user(signed_for), "token": token});
            let mut signed: CanonicalJsonObject = serde_json::from_value(signed).unwrap();
            talk.room.key.sign_json(&mut signed).unwrap();
            let content = json!({"membership": "invite",
                "third_party_invite": {"display_name": "x", "signed": signed}});
            talk.send(0, "m.room.member", Some(user(whom).as_str()), content)
        };
        assert!(!invite(&mut talk, 1, 2, "token"), "signed for another");
        assert!(!invite(&mut talk, 1, 1, "other"), "no such token");
        assert!(invite(&mut talk, 1, 1, "token"), "{version:?}");
        assert!(talk.member(1, 1, "join"));
    }
}

fn base64(bytes: &[u8]) -> String {
    ruma::serde::Base64::<ruma::serde::base64::Standard, _>::new(bytes).encode()
}
