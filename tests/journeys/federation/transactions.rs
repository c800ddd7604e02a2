//! What a server sends: events in transactions, and what lives for a moment.

use std::sync::Arc;

use causeway_testkit::reader::events;
use causeway_testkit::remote::event_id;
use causeway_testkit::{Said, TestClient};
use serde_json::{Value, json};

use super::Pair;

pub(super) const VERSION: &str = "11";

/// Eve of the hand-made server in a room of ours.
pub(super) struct Eve {
    pub(super) room: String,
    pub(super) user: String,
    /// What her events are allowed by.
    pub(super) auth: Vec<String>,
    /// The last event that she knows.
    last: String,
    depth: u64,
}

pub(super) fn encode(text: &str) -> String {
    text.replace('!', "%21")
        .replace('$', "%24")
        .replace(':', "%3A")
}

impl Eve {
    /// Joins through the server under test, as a server does.
    async fn join(pair: &Pair, room: &str) -> Self {
        let user = pair.theirs.user_id("eve");
        let base = "/_matrix/federation";
        let path = format!("{base}/v1/make_join/{}/{user}?ver={VERSION}", encode(room));
        let made = pair.call("GET", path).send().await;
        assert_eq!(made.status, 200, "{made:?}");
        let template = made.json()["event"].clone();
        let depth = template["depth"].as_u64().expect("a depth");
        let (id, event) = pair.theirs.key().event(VERSION, template);
        let path = format!("{base}/v2/send_join/{}/{}", encode(room), encode(&id));
        let joined = pair.call("PUT", path).json(event).send().await;
        assert_eq!(joined.status, 200, "{joined:?}");
        let state = joined.json()["state"].as_array().expect("a state").clone();
        let of = |kind: &str| {
            let found = state.iter().find(|event| event["type"] == kind);
            event_id(
                VERSION,
                found.unwrap_or_else(|| panic!("{kind} in {state:?}")),
            )
        };
        Self {
            room: room.to_owned(),
            user,
            auth: vec![of("m.room.create"), of("m.room.power_levels"), id.clone()],
            last: id,
            depth,
        }
    }

    /// A message that follows on the last one.
    pub(super) fn says(&mut self, pair: &Pair, text: &str) -> (String, Value) {
        self.depth += 1;
        let event = json!({
            "type": "m.room.message", "room_id": self.room, "sender": self.user,
            "content": {"msgtype": "m.text", "body": text}, "depth": self.depth,
            "origin_server_ts": 1_700_000_000_000_u64 + self.depth,
            "prev_events": [self.last], "auth_events": self.auth,
        });
        let (id, event) = pair.theirs.key().event(VERSION, event);
        self.last.clone_from(&id);
        (id, event)
    }
}

pub(super) async fn send(pair: &Pair, txn: &str, pdus: &[Value], edus: &[Value]) -> Value {
    let reply = reply(pair, txn, pdus, edus).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["pdus"].clone()
}

async fn reply(
    pair: &Pair,
    txn: &str,
    pdus: &[Value],
    edus: &[Value],
) -> causeway_testkit::remote::RemoteReply {
    let body = json!({
        "origin": pair.theirs.name(), "origin_server_ts": 1, "pdus": pdus, "edus": edus,
    });
    let path = format!("/_matrix/federation/v1/send/{txn}");
    pair.call("PUT", path).json(body).send().await
}

pub(super) async fn meet(pair: &Pair) -> (TestClient, Eve) {
    let alice = pair.ours.user("alice").await;
    let body = json!({"preset": "public_chat", "room_version": VERSION});
    let room = alice.create_room(body).await;
    let eve = Eve::join(pair, &room).await;
    assert_eq!(
        alice.membership(&room, &eve.user).await["membership"],
        "join"
    );
    (alice, eve)
}

fn texts(timeline: &[Value]) -> Vec<&str> {
    let bodies = timeline
        .iter()
        .filter_map(|event| event["content"]["body"].as_str());
    bodies.collect()
}

#[tokio::test]
async fn events_arrive_in_order_and_once() {
    let pair = Pair::start().await;
    let (alice, mut eve) = meet(&pair).await;
    let mut reader = alice.caught_up().await;
    let (one, first) = eve.says(&pair, "one");
    let (two, second) = eve.says(&pair, "two");
    // In the wrong order, and twice.
    let pdus = [second.clone(), first.clone(), second];
    let answer = send(&pair, "t1", &pdus, &[]).await;
    assert_eq!(answer, json!({&one: {}, &two: {}}));
    assert_eq!(
        send(&pair, "t1", &pdus, &[]).await,
        answer,
        "the same answer again"
    );
    assert_eq!(send(&pair, "t2", &[first], &[]).await, json!({&one: {}}));
    let room = eve.room.clone();
    let sync = reader
        .until("the messages", |s| !s["rooms"]["join"][&room].is_null())
        .await;
    let timeline = events(&sync["rooms"]["join"][&room]["timeline"]);
    assert_eq!(texts(timeline), ["one", "two"]);
}

#[tokio::test]
async fn what_is_forged_is_refused_and_what_is_changed_is_redacted() {
    let pair = Pair::start().await;
    let (alice, mut eve) = meet(&pair).await;
    let before = eve.last.clone();
    let (id, mut event) = eve.says(&pair, "mine");
    let good = event.clone();
    event["sender"] = json!(alice.id());
    let (forged, event) = pair.theirs.key().event(VERSION, event);
    let answer = send(&pair, "f1", &[event], &[]).await;
    assert!(answer[&forged]["error"].is_string(), "{answer}");

    let mut changed = good;
    changed["content"]["body"] = json!("yours");
    assert_eq!(send(&pair, "f2", &[changed], &[]).await, json!({&id: {}}));
    let shown = alice.event(&eve.room, &id).await;
    assert_eq!(
        shown["content"],
        json!({}),
        "its content is not what was signed"
    );

    eve.last = before;
    let (unsigned_id, mut unsigned) = eve.says(&pair, "nobody's");
    unsigned["signatures"] = json!({});
    let answer = send(&pair, "f3", &[unsigned], &[]).await;
    assert!(answer[&unsigned_id]["error"].is_string(), "{answer}");
    alice
        .event(&eve.room, &unsigned_id)
        .fails(404, "M_NOT_FOUND")
        .await;

    let junk = [
        json!({}),
        json!({"room_id": 5}),
        json!({"room_id": eve.room}),
        json!("x"),
    ];
    assert_eq!(
        send(&pair, "f4", &junk, &[json!(1), json!({"edu_type": "m.x"})]).await,
        json!({})
    );
    let (_, elsewhere) = Eve {
        room: "!other:a.b".to_owned(),
        ..eve
    }
    .says(&pair, "lost");
    assert_eq!(
        send(&pair, "f5", &[elsewhere], &[]).await,
        json!({}),
        "a room that is not here"
    );
}

#[tokio::test]
async fn transactions_are_bounded() {
    let pair = Pair::start().await;
    let many = vec![json!({}); 51];
    let reply_ = reply(&pair, "b1", &many, &[]).await;
    assert_eq!(reply_.error(), (400, "M_BAD_JSON".to_owned()));
    let many = vec![json!({"edu_type": "m.x", "content": {}}); 101];
    let reply_ = reply(&pair, "b2", &[], &many).await;
    assert_eq!(reply_.error(), (400, "M_BAD_JSON".to_owned()));
}

#[tokio::test]
async fn what_is_missing_is_asked_for() {
    let pair = Pair::start().await;
    let (alice, mut eve) = meet(&pair).await;
    let mut chain: Vec<Value> = Vec::new();
    let mut ids = Vec::new();
    for number in 0..5 {
        let (id, event) = eve.says(&pair, &format!("m{number}"));
        chain.push(event);
        ids.push(id);
    }
    let last = chain.pop().expect("the last one");
    let (known, ids_of) = (Arc::new(chain), ids.clone());
    pair.theirs.on(
        "POST".parse().unwrap(),
        "/_matrix/federation/v1/get_missing_events/",
        move |heard| {
            // One step back at a time.
            let latest = heard.body["latest_events"][0].as_str().unwrap_or_default();
            let at = ids_of.iter().position(|id| id == latest).unwrap_or(0);
            let found: Vec<_> = at
                .checked_sub(1)
                .map(|at| known[at].clone())
                .into_iter()
                .collect();
            Said::json(&json!({ "events": found }))
        },
    );
    let answer = send(&pair, "m1", &[last], &[]).await;
    assert_eq!(answer[&ids[4]], json!({}), "{answer}");
    let messages = alice.messages(&eve.room, "b", None, 10).await;
    let mut chunk = messages["chunk"].as_array().unwrap().clone();
    chunk.reverse();
    assert_eq!(texts(&chunk), ["m0", "m1", "m2", "m3", "m4"]);
}

#[tokio::test]
async fn an_endless_chain_of_missing_events_ends() {
    let pair = Pair::start().await;
    let (alice, mut eve) = meet(&pair).await;
    let (_, start) = eve.says(&pair, "x");
    let key = pair.theirs.key();
    pair.theirs.on(
        "POST".parse().unwrap(),
        "/_matrix/federation/v1/get_missing_events/",
        move |heard| {
            // An event that is made for the question, and follows on nothing that is there.
            let mut event = start.clone();
            event["prev_events"] = json!(["$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]);
            event["origin_server_ts"] = json!(heard.body.to_string().len());
            event["content"]["body"] = json!(heard.body.to_string());
            event.as_object_mut().unwrap().remove("signatures");
            event.as_object_mut().unwrap().remove("hashes");
            let (_, event) = key.event(VERSION, event);
            Said::json(&json!({ "events": [event] }))
        },
    );
    eve.last = "$BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB".to_owned();
    let (id, event) = eve.says(&pair, "after nothing");
    let answer = send(&pair, "e1", &[event], &[]).await;
    assert!(answer[&id]["error"].is_string(), "{answer}");
    let heard = pair.theirs.heard().await;
    let asked = |it: &&causeway_testkit::Heard| it.path.contains("/get_missing_events/");
    let first = heard.iter().find(asked).expect("a question");
    let known = &first.body["earliest_events"];
    assert_eq!(known.as_array().map(Vec::len), Some(1), "the room's end");
    let asked = heard.len();
    assert!(asked <= 20, "{asked} questions");
    alice.say(&eve.room, "still here").await;
}

#[tokio::test]
async fn messages_to_devices_are_delivered_once() {
    let pair = Pair::start().await;
    let alice = pair.ours.user("alice").await;
    let mut reader = alice.caught_up().await;
    let edu = |sender: &str, message_id: &str| {
        json!({"edu_type": "m.direct_to_device", "content": {
            "sender": sender, "type": "m.test", "message_id": message_id,
            "messages": {alice.id(): {alice.device_id(): {"n": message_id}, "GONE": {"n": 0}}},
        }})
    };
    let eve = pair.theirs.user_id("eve");
    let forged = edu(&pair.ours.user_id("bob"), "0");
    let edus = [forged, edu(&eve, "1"), edu(&eve, "1"), edu(&eve, "2")];
    send(&pair, "d1", &[], &edus).await;
    send(&pair, "d2", &[], &[edu(&eve, "2"), edu(&eve, "3")]).await;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let sync = reader
            .until("messages", |s| !events(&s["to_device"]).is_empty())
            .await;
        for event in events(&sync["to_device"]) {
            assert_eq!(event["sender"], eve);
            seen.push(event["content"]["n"].clone());
        }
    }
    assert_eq!(seen, [json!("1"), json!("2"), json!("3")]);
}

#[tokio::test]
async fn typing_receipts_and_devices_of_others_are_told() {
    let pair = Pair::start().await;
    let (alice, eve) = meet(&pair).await;
    let said = alice.say(&eve.room, "hello").await;
    let mut reader = alice.caught_up().await;
    let room = eve.room.clone();
    let typing = |user: &str| {
        let content = json!({"room_id": room, "user_id": user, "typing": true});
        json!({"edu_type": "m.typing", "content": content})
    };
    let receipt = json!({"edu_type": "m.receipt", "content": {
        &room: {"m.read": {&eve.user: {"event_ids": [said], "data": {"ts": 5}}}},
    }});
    let devices = json!({"edu_type": "m.device_list_update", "content": {
        "user_id": eve.user, "device_id": "D", "stream_id": 1, "prev_id": [],
    }});
    let edus = [typing(&eve.user), typing(alice.id()), receipt, devices];
    send(&pair, "x1", &[], &edus).await;
    let (mut types, mut reads, mut changed) = (false, false, false);
    while !(types && reads && changed) {
        let sync = reader.until("news", |_| true).await;
        let ephemeral = events(&sync["rooms"]["join"][&room]["ephemeral"]);
        for event in ephemeral {
            types |= event["content"]["user_ids"] == json!([eve.user]);
            reads |= !event["content"][&said]["m.read"][&eve.user].is_null();
        }
        changed |= sync["device_lists"]["changed"] == json!([eve.user]);
    }
}

#[tokio::test]
async fn a_transaction_that_comes_again_after_a_restart_changes_nothing() {
    let mut pair = Pair::start().await;
    let (alice, mut eve) = meet(&pair).await;
    let mut reader = alice.caught_up().await;
    let (id, event) = eve.says(&pair, "once");
    let message = json!({"edu_type": "m.direct_to_device", "content": {
        "sender": eve.user, "type": "m.test", "message_id": "1",
        "messages": {alice.id(): {alice.device_id(): {"n": 1}}},
    }});
    let (pdus, edus) = ([event], [message]);
    let answer = send(&pair, "r1", &pdus, &edus).await;
    assert_eq!(answer, json!({&id: {}}));
    pair.ours.kill().await;
    pair.ours.restart().await;
    assert_eq!(send(&pair, "r1", &pdus, &edus).await, answer);
    let (last, event) = eve.says(&pair, "after");
    let told = json!({"edu_type": "m.direct_to_device", "content": {
        "sender": eve.user, "type": "m.test", "message_id": "2",
        "messages": {alice.id(): {alice.device_id(): {"n": 2}}},
    }});
    send(&pair, "r2", &[event], &[told]).await;
    let (mut said, mut messages) = (Vec::new(), Vec::new());
    while said.last() != Some(&last) || messages.last() != Some(&json!(2)) {
        let sync = reader.until("news", |_| true).await;
        let timeline = events(&sync["rooms"]["join"][&eve.room]["timeline"]);
        said.extend(
            timeline
                .iter()
                .filter_map(|it| it["event_id"].as_str().map(str::to_owned)),
        );
        let new = events(&sync["to_device"]).iter();
        messages.extend(new.map(|it| it["content"]["n"].clone()));
    }
    assert_eq!(said, [id, last]);
    assert_eq!(messages, [json!(1), json!(2)]);
}

#[tokio::test]
async fn older_servers_join_and_leave_the_older_way() {
    let pair = Pair::start().await;
    let alice = pair.ours.user("alice").await;
    let room = alice.create_room(json!({"preset": "public_chat", "room_version": VERSION}));
    let room = room.await;
    let user = pair.theirs.user_id("eve");
    for (word, becomes) in [("join", "join"), ("leave", "leave")] {
        let base = "/_matrix/federation/v1";
        let path = format!("{base}/make_{word}/{}/{user}?ver={VERSION}", encode(&room));
        let made = pair.call("GET", path).send().await;
        assert_eq!(made.status, 200, "{made:?}");
        let (id, event) = pair
            .theirs
            .key()
            .event(VERSION, made.json()["event"].clone());
        let path = format!("{base}/send_{word}/{}/{}", encode(&room), encode(&id));
        let answer = pair.call("PUT", path).json(event).send().await.json();
        assert_eq!(answer[0], 200, "{answer}");
        match word {
            "join" => assert!(answer[1]["state"].as_array().is_some_and(|it| it.len() > 3)),
            _ => assert_eq!(answer, json!([200, {}])),
        }
        assert_eq!(alice.membership(&room, &user).await["membership"], becomes);
    }
}
