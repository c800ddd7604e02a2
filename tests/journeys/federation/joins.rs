//! What a server is given that joins through ours.

use causeway_testkit::TestClient;
use causeway_testkit::remote::{RemoteReply, event_id};
use serde_json::{Value, json};

use super::Pair;
use super::transactions::{VERSION, encode};

/// Eve joins, with what is in `query`.
async fn joins(pair: &Pair, room: &str, query: &str) -> RemoteReply {
    let user = pair.theirs.user_id("eve");
    let base = "/_matrix/federation";
    let path = format!("{base}/v1/make_join/{}/{user}?ver={VERSION}", encode(room));
    let made = pair.call("GET", path).send().await;
    assert_eq!(made.status, 200, "{made:?}");
    let (id, event) = pair
        .theirs
        .key()
        .event(VERSION, made.json()["event"].clone());
    let path = format!(
        "{base}/v2/send_join/{}/{}{query}",
        encode(room),
        encode(&id)
    );
    pair.call("PUT", path).json(event).send().await
}

/// The members among some events, sorted.
fn members(events: &Value) -> Vec<&str> {
    let events = events.as_array().expect("events").iter();
    let members = events.filter(|event| event["type"] == "m.room.member");
    let mut members: Vec<&str> = members
        .map(|it| it["state_key"].as_str().expect("a user"))
        .collect();
    members.sort_unstable();
    members
}

fn ids(events: &Value) -> Vec<String> {
    let events = events.as_array().expect("events").iter();
    events.map(|event| event_id(VERSION, event)).collect()
}

/// A room with three users of ours, of whom only the first has done anything.
async fn room_of_three(pair: &Pair, name: Option<&str>) -> (TestClient, [String; 3], String) {
    let alice = pair.ours.user("alice").await;
    let mut body = json!({"preset": "public_chat", "room_version": VERSION});
    if let Some(name) = name {
        body["name"] = json!(name);
    }
    let room = alice.create_room(body).await;
    let mut users = [alice.id().to_owned(), String::new(), String::new()];
    for (user, name) in users[1..].iter_mut().zip(["bob", "carol"]) {
        let client = pair.ours.user(name).await;
        client.join(&room).await;
        client.id().clone_into(user);
    }
    (alice, users, room)
}

#[tokio::test]
async fn who_joins_without_members_is_given_those_that_the_rest_hangs_on() {
    let pair = Pair::start().await;
    let (alice, users, room) = room_of_three(&pair, Some("A name")).await;
    let joined = joins(&pair, &room, "?omit_members=true").await;
    assert_eq!(joined.status, 200, "{joined:?}");
    let joined = joined.json();
    assert_eq!(joined["members_omitted"], true);
    assert_eq!(joined["servers_in_room"], json!([pair.ours.name()]));
    assert_eq!(members(&joined["state"]), Vec::<&str>::new());
    assert_eq!(members(&joined["auth_chain"]), [&*users[0]]);
    let state = ids(&joined["state"]);
    let chain = ids(&joined["auth_chain"]);
    assert!(chain.iter().all(|id| !state.contains(id)), "{joined}");
    // Everything that an event is allowed by is there.
    let given = [
        &joined["state"],
        &joined["auth_chain"],
        &json!([joined["event"]]),
    ];
    for event in given.iter().flat_map(|events| events.as_array().unwrap()) {
        for id in event["auth_events"].as_array().expect("auth events") {
            let id = id.as_str().unwrap().to_owned();
            assert!(
                state.contains(&id) || chain.contains(&id),
                "{id} of {event}"
            );
        }
    }
    let eve = pair.theirs.user_id("eve");
    assert_eq!(alice.membership(&room, &eve).await["membership"], "join");
}

#[tokio::test]
async fn of_a_room_without_a_name_the_heroes_are_given() {
    let pair = Pair::start().await;
    let (_, users, room) = room_of_three(&pair, None).await;
    let joined = joins(&pair, &room, "?omit_members=true").await.json();
    assert_eq!(joined["members_omitted"], true);
    assert_eq!(members(&joined["state"]), users);
    // Who is in the room already gets what they were.
    let again = joins(&pair, &room, "?omit_members=true").await.json();
    let eve = pair.theirs.user_id("eve");
    assert!(members(&again["state"]).contains(&&*eve), "{again}");
}

#[tokio::test]
async fn who_asks_for_nothing_else_is_given_all_members() {
    let pair = Pair::start().await;
    let (_, users, room) = room_of_three(&pair, Some("A name")).await;
    let wrong = joins(&pair, &room, "?omit_members=perhaps").await;
    assert_eq!(wrong.error(), (400, "M_INVALID_PARAM".to_owned()));
    let joined = joins(&pair, &room, "").await.json();
    assert_eq!(joined["members_omitted"], false);
    assert_eq!(joined.get("servers_in_room"), None);
    assert_eq!(members(&joined["state"]), users);
    let before = joins(&pair, &room, "?omit_members=false").await.json();
    assert_eq!(before["members_omitted"], false);
    assert_eq!(members(&before["state"]).len(), 4);
}
