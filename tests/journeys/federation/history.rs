//! What a server is told of events, states and histories of rooms that it is in.

use causeway_testkit::RemoteServer;
use causeway_testkit::remote::{RemoteReply, event_id};
use serde_json::{Value, json};

use super::transactions::{Eve, VERSION, encode, meet};
use super::{Pair, to};

const BASE: &str = "/_matrix/federation/v1";

/// The questions about a room and one of its events, each with its body.
fn questions(room: &str, event: &str) -> Vec<(&'static str, String, Option<Value>)> {
    let (room, id) = (encode(room), encode(event));
    let missing = json!({"earliest_events": [], "latest_events": [event]});
    vec![
        ("GET", format!("{BASE}/event/{id}"), None),
        ("GET", format!("{BASE}/state/{room}?event_id={id}"), None),
        (
            "GET",
            format!("{BASE}/state_ids/{room}?event_id={id}"),
            None,
        ),
        ("GET", format!("{BASE}/event_auth/{room}/{id}"), None),
        (
            "GET",
            format!("{BASE}/backfill/{room}?v={id}&limit=5"),
            None,
        ),
        (
            "POST",
            format!("{BASE}/get_missing_events/{room}"),
            Some(missing),
        ),
        (
            "GET",
            format!("{BASE}/timestamp_to_event/{room}?ts=0&dir=f"),
            None,
        ),
    ]
}

async fn ask(
    from: &RemoteServer,
    pair: &Pair,
    (method, path, body): (&str, String, Option<Value>),
) -> RemoteReply {
    let (name, address) = to(&pair.ours.name(), &pair.ours);
    let call = from.call((&name, address), method.parse().expect("a method"), path);
    match body {
        Some(body) => call.json(body).send().await,
        None => call.send().await,
    }
}

async fn get(pair: &Pair, path: String) -> Value {
    let reply = pair.call("GET", path).send().await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

fn ids(events: &Value) -> Vec<String> {
    let events = events.as_array().expect("events").iter();
    events.map(|event| event_id(VERSION, event)).collect()
}

fn sorted(ids: &Value) -> Vec<String> {
    let mut ids: Vec<String> = serde_json::from_value(ids.clone()).expect("ids");
    ids.sort();
    ids
}

#[tokio::test]
async fn states_and_what_authorises_them_are_told_whole() {
    let pair = Pair::start().await;
    let (alice, eve) = meet(&pair).await;
    let said = alice.say(&eve.room, "here").await;
    let (room, id) = (encode(&eve.room), encode(&said));
    let whole = get(&pair, format!("{BASE}/state/{room}?event_id={id}")).await;
    let names = get(&pair, format!("{BASE}/state_ids/{room}?event_id={id}")).await;
    let (mut state, mut chain) = (ids(&whole["pdus"]), ids(&whole["auth_chain"]));
    state.sort();
    chain.sort();
    assert_eq!(state, sorted(&names["pdu_ids"]));
    assert_eq!(chain, sorted(&names["auth_chain_ids"]));
    // It is what the members see, and the message is none of it.
    let seen = alice
        .get(causeway_testkit::v3(&["rooms", &eve.room, "state"]))
        .await;
    let seen = seen.as_array().expect("a state").iter();
    let mut seen: Vec<String> = seen
        .map(|event| event["event_id"].as_str().expect("an id").to_owned())
        .collect();
    seen.sort();
    assert_eq!(state, seen);

    // The state before a change does not have it.
    let named = alice
        .set_state(&eve.room, "m.room.name", "", json!({"name": "New"}))
        .await;
    let named = named["event_id"].as_str().expect("an id").to_owned();
    let path = format!("{BASE}/state_ids/{room}?event_id={}", encode(&named));
    assert_eq!(sorted(&get(&pair, path).await["pdu_ids"]), state);

    let auth = get(&pair, format!("{BASE}/event_auth/{room}/{id}")).await;
    let kinds: Vec<&Value> = auth["auth_chain"]
        .as_array()
        .expect("a chain")
        .iter()
        .map(|event| &event["type"])
        .collect();
    for kind in ["m.room.create", "m.room.power_levels", "m.room.member"] {
        assert!(kinds.contains(&&json!(kind)), "{kind} in {kinds:?}");
    }
    assert!(!kinds.contains(&&json!("m.room.name")), "{kinds:?}");
}

#[tokio::test]
async fn history_is_told_in_order_and_within_limits() {
    let pair = Pair::start().await;
    let (alice, eve) = meet(&pair).await;
    let said = alice.say_many(&eve.room, 6).await;
    let (room, last) = (encode(&eve.room), encode(&said[5]));
    let event = get(&pair, format!("{BASE}/event/{last}")).await;
    assert_eq!(event["origin"], pair.ours.name());
    assert_eq!(ids(&event["pdus"]), [said[5].clone()]);

    let back = get(&pair, format!("{BASE}/backfill/{room}?v={last}&limit=3")).await;
    let newest_first = [5, 4, 3].map(|at: usize| said[at].clone());
    assert_eq!(ids(&back["pdus"]), newest_first);
    let all = get(&pair, format!("{BASE}/backfill/{room}?v={last}&limit=1000")).await;
    let all = ids(&all["pdus"]);
    assert!(all.len() > 6 && all.len() <= 100, "{}", all.len());
    let reply = pair.call("GET", format!("{BASE}/backfill/{room}?v={last}"));
    let reply = reply.send().await;
    assert_eq!(reply.error(), (400, "M_INVALID_PARAM".to_owned()));

    let missing = |body: Value| {
        let call = pair.call("POST", format!("{BASE}/get_missing_events/{room}"));
        call.json(body).send()
    };
    let body = json!({"earliest_events": [said[1]], "latest_events": [said[5]]});
    let between = missing(body).await.json();
    let oldest_first = [2, 3, 4].map(|at: usize| said[at].clone());
    assert_eq!(ids(&between["events"]), oldest_first);
    let body = json!({"earliest_events": [], "latest_events": [said[5]], "limit": 2});
    let newest = [3, 4].map(|at: usize| said[at].clone());
    assert_eq!(ids(&missing(body).await.json()["events"]), newest);

    let near = |at: &str| get(&pair, format!("{BASE}/timestamp_to_event/{room}?{at}"));
    assert_eq!(near("ts=99999999999999&dir=b").await["event_id"], said[5]);
    let first = near("ts=0&dir=f").await;
    assert!(first["origin_server_ts"].as_u64().is_some_and(|it| it > 0));
    let reply = pair.call(
        "GET",
        format!("{BASE}/timestamp_to_event/{room}?ts=0&dir=b"),
    );
    let reply = reply.send().await;
    assert_eq!(reply.error(), (404, "M_NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn who_is_not_in_a_room_or_kept_out_of_it_is_told_nothing() {
    let pair = Pair::start().await;
    let (alice, eve) = meet(&pair).await;
    let Eve { room, .. } = eve;
    let said = alice.say(&room, "ours").await;
    let stranger = RemoteServer::start(&pair.authority).await;
    for question in questions(&room, &said) {
        let path = question.1.clone();
        let reply = ask(&pair.theirs, &pair, question.clone()).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        let reply = ask(&stranger, &pair, question).await;
        assert_eq!(reply.error(), (403, "M_FORBIDDEN".to_owned()), "{path}");
    }
    let unknown = questions(&room, "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    for question in unknown.into_iter().take(4) {
        let path = question.1.clone();
        let reply = ask(&pair.theirs, &pair, question).await;
        assert_eq!(reply.error(), (404, "M_NOT_FOUND".to_owned()), "{path}");
    }
    let acl = json!({"allow": ["*"], "deny": ["localhost"], "allow_ip_literals": true});
    alice.set_state(&room, "m.room.server_acl", "", acl).await;
    let mut all = questions(&room, &said);
    let (user, place) = (pair.theirs.user_id("eve"), encode(&room));
    for word in ["join", "leave", "knock"] {
        let path = format!("{BASE}/make_{word}/{place}/{user}?ver={VERSION}");
        all.push(("GET", path, None));
    }
    for question in all {
        let path = question.1.clone();
        let reply = ask(&pair.theirs, &pair, question).await;
        assert_eq!(reply.error(), (403, "M_FORBIDDEN".to_owned()), "{path}");
    }
}
