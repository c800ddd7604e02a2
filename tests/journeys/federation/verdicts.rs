//! What a server is told of what it gives, and what it is not told.

use std::time::Duration;

use causeway_testkit::{Said, v3};
use serde_json::{Value, json};

use super::Pair;
use super::transactions::{VERSION, encode, meet, send};

/// Longest time until something arrives that is on its way.
const SOON: Duration = Duration::from_secs(15);

#[tokio::test]
async fn who_gives_an_event_does_not_get_it_back() {
    let pair = Pair::start().await;
    let put = "PUT".parse().unwrap();
    let path = "/_matrix/federation/v1/send/";
    pair.theirs
        .on(put, path, |_| Said::json(&json!({"pdus": {}})));
    let (alice, eve) = meet(&pair).await;
    let after = "said after she came";
    alice.say(&eve.room, after).await;
    let arrived = async {
        loop {
            let heard = pair.theirs.heard().await;
            let sent = heard.iter().filter(|it| it.path.starts_with(path));
            let pdus = sent.flat_map(|it| it.body["pdus"].as_array().cloned().unwrap_or_default());
            let pdus: Vec<Value> = pdus.collect();
            if pdus.iter().any(|pdu| pdu["content"]["body"] == after) {
                return pdus;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let pdus = tokio::time::timeout(SOON, arrived)
        .await
        .expect("it arrives");
    assert!(
        pdus.iter().all(|pdu| pdu["sender"] != eve.user.as_str()),
        "{pdus:?}"
    );
}

#[tokio::test]
async fn a_rejected_event_is_dealt_with_and_shown_to_nobody() {
    let pair = Pair::start().await;
    let (alice, mut eve) = meet(&pair).await;
    let (_, mut topic) = eve.says(&pair, "x");
    topic["type"] = json!("m.room.topic");
    topic["state_key"] = json!("");
    topic["content"] = json!({"topic": "hers"});
    for field in ["signatures", "hashes"] {
        topic.as_object_mut().unwrap().remove(field);
    }
    let (id, topic) = pair.theirs.key().event(VERSION, topic);
    let answer = send(&pair, "r1", &[topic], &[]).await;
    assert_eq!(answer, json!({&id: {}}), "judged, so not to be sent again");
    alice.event(&eve.room, &id).fails(404, "M_NOT_FOUND").await;
    alice
        .state(&eve.room, "m.room.topic", "")
        .fails(404, "M_NOT_FOUND")
        .await;
}

#[tokio::test]
async fn a_gap_that_stays_is_bridged_by_the_state_behind_it() {
    let pair = Pair::start().await;
    let (alice, mut eve) = meet(&pair).await;
    let join = eve.auth[2].clone();
    let base = "/_matrix/federation/v1";
    let (room, joined) = (encode(&eve.room), encode(&join));
    let path = format!("{base}/state_ids/{room}?event_id={joined}");
    let before = pair.call("GET", path).send().await;
    let mut state = before.json()["pdu_ids"].as_array().unwrap().clone();
    state.push(json!(join));
    // Of three messages the first is neither sent nor given by `/get_missing_events`.
    let (first, first_event) = eve.says(&pair, "m0");
    let (second, second_event) = eve.says(&pair, "m1");
    let (third, third_event) = eve.says(&pair, "m2");
    let latest = third.clone();
    let post = "POST".parse().unwrap();
    pair.theirs
        .on(post, "/_matrix/federation/v1/get_missing_events/", {
            move |heard| {
                let asked = heard.body["latest_events"][0] == latest.as_str();
                let found: Vec<_> = asked.then_some(&second_event).into_iter().collect();
                Said::json(&json!({ "events": found }))
            }
        });
    let get: reqwest::Method = "GET".parse().unwrap();
    let wanted = [first.clone(), encode(&first)];
    let named = wanted.clone();
    pair.theirs.on(
        get.clone(),
        "/_matrix/federation/v1/event/",
        move |heard| match named.iter().any(|id| heard.path.ends_with(id.as_str())) {
            true => {
                Said::json(&json!({"origin": "x", "origin_server_ts": 1, "pdus": [first_event]}))
            }
            false => Said::status(404, &json!({"errcode": "M_NOT_FOUND", "error": "no"})),
        },
    );
    pair.theirs.on(
        get,
        "/_matrix/federation/v1/state_ids/",
        move |heard| match wanted.iter().any(|id| heard.path.ends_with(id.as_str())) {
            true => Said::json(&json!({"pdu_ids": state, "auth_chain_ids": []})),
            false => Said::status(404, &json!({"errcode": "M_NOT_FOUND", "error": "no"})),
        },
    );
    let answer = send(&pair, "g1", &[third_event], &[]).await;
    assert_eq!(answer, json!({&third: {}}));
    for (id, text) in [(&first, "m0"), (&second, "m1"), (&third, "m2")] {
        let event = alice.event(&eve.room, id).await;
        assert_eq!(event["content"]["body"], text);
    }
    alice.say(&eve.room, "goes on").await;
}

#[tokio::test]
async fn an_event_that_nobody_has_proved_is_forbidden() {
    let pair = Pair::start().await;
    let alice = pair.ours.user("alice").await;
    let room = alice.create_public_room().await;
    let (base, eve) = ("/_matrix/federation", pair.theirs.user_id("eve"));
    let path = format!("{base}/v1/make_join/{}/{eve}?ver=11&ver=12", encode(&room));
    let made = pair.call("GET", path).send().await.json()["event"].clone();
    let path = format!("{base}/v1/send_join/{}/%24unsigned", encode(&room));
    let mut event = made.clone();
    let unsigned = pair.call("PUT", path.clone()).json(event.clone()).send();
    assert_eq!(unsigned.await.error(), (403, "M_FORBIDDEN".to_owned()));
    event["signatures"] = json!({pair.theirs.name(): {pair.theirs.key().id(): "a".repeat(86)}});
    event["hashes"] = json!({"sha256": "a".repeat(43)});
    let forged = pair.call("PUT", path).json(event).send();
    assert_eq!(forged.await.error(), (403, "M_FORBIDDEN".to_owned()));
    // What is wrong with the event comes before what is wrong with its id.
    let (_, mut event) = pair.theirs.key().event(VERSION, made);
    event["depth"] = json!("deep");
    let path = format!("{base}/v2/send_leave/{}/xxx", encode(&room));
    let malformed = pair.call("PUT", path).json(event).send();
    assert_eq!(malformed.await.error(), (400, "M_BAD_JSON".to_owned()));
}

#[tokio::test]
async fn a_server_that_is_not_let_in_is_told_so_first() {
    let pair = Pair::start().await;
    let (alice, eve) = meet(&pair).await;
    let acl = json!({"allow": ["*"], "deny": ["localhost", "127.0.0.1"]});
    alice
        .set_state(&eve.room, "m.room.server_acl", "", acl)
        .await;
    let room = encode(&eve.room);
    let path = format!("/_matrix/federation/v1/get_missing_events/{room}");
    let missing = pair.call("POST", path).json(json!({})).send().await;
    assert_eq!(missing.error(), (403, "M_FORBIDDEN".to_owned()));
    let invite = json!({
        "type": "m.room.member", "room_id": eve.room, "sender": eve.user,
        "state_key": pair.ours.user_id("nobody"), "content": {"membership": "invite"},
        "depth": 9, "origin_server_ts": 1, "prev_events": ["$p"], "auth_events": eve.auth,
    });
    let (id, event) = pair.theirs.key().event(VERSION, invite);
    let path = format!("/_matrix/federation/v2/invite/{room}/{}", encode(&id));
    let body = json!({"room_version": VERSION, "event": event, "invite_room_state": []});
    let invite = pair.call("PUT", path).json(body).send().await;
    assert_eq!(invite.error(), (403, "M_FORBIDDEN".to_owned()));
}

#[tokio::test]
async fn clients_hear_why_another_server_refuses_but_not_of_their_session() {
    let pair = Pair::start().await;
    let alice = pair.ours.user("alice").await;
    let room = format!("!room:{}", pair.theirs.name());
    let refuse = |code: &'static str| {
        let get = "GET".parse().unwrap();
        let path = "/_matrix/federation/v1/make_join/";
        pair.theirs.on(get, path, move |_| {
            let why = json!({"errcode": code, "error": "no", "room_version": "org.example"});
            Said::status(400, &why)
        });
    };
    let join = || alice.post(v3(&["join", &room]), json!({})).unspecified();
    refuse("M_INCOMPATIBLE_ROOM_VERSION");
    let reply = join().reply().await;
    assert_eq!(reply.status, 400, "{}", reply.json());
    assert_eq!(reply.json()["errcode"], "M_INCOMPATIBLE_ROOM_VERSION");
    assert_eq!(reply.json()["room_version"], "org.example");
    refuse("M_UNABLE_TO_GRANT_JOIN");
    assert_eq!(
        join().reply().await.json()["errcode"],
        "M_UNABLE_TO_GRANT_JOIN"
    );
    refuse("M_UNKNOWN_TOKEN");
    let reply = join().reply().await;
    assert_eq!((reply.status, reply.code()), (502, "M_UNKNOWN".to_owned()));
}
