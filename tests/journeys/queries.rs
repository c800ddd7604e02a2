//! A request costs a fixed, small number of queries, read off the server's own log lines.

use std::time::{Duration, Instant};

use causeway_testkit::{RequestLine, TestClient, TestServer, v3};
use serde_json::json;

/// The log line of the next request to a path that contains `part`, made by `request`.
async fn line_of<F: Future>(server: &TestServer, part: &str, request: F) -> RequestLine {
    let count = |server: &TestServer| -> Vec<RequestLine> {
        server
            .requests()
            .into_iter()
            .filter(|line| line.mentions(part))
            .collect()
    };
    let before = count(server).len();
    request.await;
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let lines = count(server);
        if lines.len() > before {
            return lines[before].clone();
        }
        assert!(Instant::now() < deadline, "the request has no log line");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn rooms(alice: &TestClient, bob: &TestClient, count: usize) -> Vec<String> {
    let mut rooms = Vec::new();
    for number in 0..count {
        let room = alice
            .create_room(json!({"preset": "public_chat", "name": format!("{number}")}))
            .await;
        bob.join(&room).await;
        rooms.push(room);
    }
    rooms
}

#[tokio::test]
async fn an_up_to_date_sync_costs_no_query() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = rooms(&alice, &bob, 3).await.remove(0);
    let mut reader = bob.caught_up().await;
    reader.now().await;
    let line = line_of(&server, "/sync", reader.now()).await;
    assert_eq!(line.queries(), 0, "{:?}", line.fields);
    // Nor does the news of a warm room.
    alice.say(&room, "warm").await;
    reader.now().await;
    alice.say(&room, "news").await;
    let line = line_of(&server, "/sync", reader.now()).await;
    assert_eq!(line.queries(), 0, "{:?}", line.fields);
}

#[tokio::test]
async fn an_initial_sync_costs_the_same_for_3_and_for_300_rooms() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let carol = server.user("carol").await;
    rooms(&alice, &bob, 3).await;
    let few = line_of(&server, "/sync", bob.reader().now()).await;
    rooms(&alice, &carol, 300).await;
    let many = line_of(&server, "/sync", carol.reader().now()).await;
    assert_eq!(
        few.queries(),
        many.queries(),
        "{:?} and {:?}",
        few.fields,
        many.fields
    );
    assert!(
        few.queries() > 0,
        "an initial sync cannot come from nothing"
    );
    assert!(few.queries() <= 25, "{} queries", few.queries());
}

#[tokio::test]
async fn a_message_to_a_warm_room_costs_no_read() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = rooms(&alice, &bob, 1).await.remove(0);
    alice.say(&room, "warm").await;
    bob.say(&room, "warm").await;
    // What the committer writes is not counted to a request: what is left would be a read.
    let line = line_of(&server, "/send/", alice.say(&room, "x")).await;
    assert_eq!(line.queries(), 0, "{:?}", line.fields);
    let line = line_of(&server, "/send/", bob.say(&room, "y")).await;
    assert_eq!(line.queries(), 0, "{:?}", line.fields);
}

#[tokio::test]
async fn an_incremental_sync_costs_the_same_for_few_and_many_rooms() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let rooms = rooms(&alice, &bob, 40).await;
    let mut costs = Vec::new();
    let start = bob.caught_up().await.token().expect("a token").to_owned();
    for count in [2, 40] {
        for room in &rooms[..count] {
            alice.say(room, "news").await;
        }
        // From the database, not from the ring: as after an absence.
        let mut reader = bob.reader();
        reader.set_token(&start);
        costs.push(line_of(&server, "/sync", reader.now()).await.queries());
    }
    assert!(costs.iter().all(|cost| *cost <= 25), "{costs:?}");
    assert!(costs[1] <= costs[0] + 2, "{costs:?}");
}

#[tokio::test]
async fn keys_cost_the_same_for_one_device_and_for_many() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let mut ids = Vec::new();
    for number in 0..20 {
        let user = server.user(&format!("user{number}")).await;
        let key = json!({"key": "k", "signatures": {}});
        let keys = json!({"signed_curve25519:1": key, "signed_curve25519:2": key});
        let body = json!({"one_time_keys": keys});
        user.post(v3(&["keys", "upload"]), body).await;
        ids.push((user.id().to_owned(), user.device_id().to_owned()));
    }
    let (mut asked, mut claimed) = (Vec::new(), Vec::new());
    // Her session is known from here on.
    alice.get(v3(&["account", "whoami"])).await;
    for count in [1, 20] {
        let users = ids[..count].iter();
        let wanted: serde_json::Map<_, _> = users
            .clone()
            .map(|(user, _)| (user.clone(), json!([])))
            .collect();
        let call = alice.post(v3(&["keys", "query"]), json!({"device_keys": wanted}));
        asked.push(
            line_of(&server, "/keys/query", call.into_future())
                .await
                .queries(),
        );
        let wanted: serde_json::Map<_, _> = users
            .map(|(user, device)| (user.clone(), json!({device: "signed_curve25519"})))
            .collect();
        let call = alice.post(v3(&["keys", "claim"]), json!({"one_time_keys": wanted}));
        claimed.push(
            line_of(&server, "/keys/claim", call.into_future())
                .await
                .queries(),
        );
    }
    assert_eq!(asked, [3, 3]);
    assert_eq!(claimed, [1, 1]);
}

#[tokio::test]
async fn a_search_costs_the_same_for_3_and_for_300_rooms() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let carol = server.user("carol").await;
    let mut numbers = Vec::new();
    for (user, count) in [(&bob, 3), (&carol, 300)] {
        let rooms = rooms(&alice, user, count).await;
        for room in &rooms[..3] {
            alice.say(room, "a sturgeon").await;
        }
        // One of them was left.
        user.leave(&rooms[0]).await;
        crate::search::indexed(&server).await;
        let criteria = json!({
            "search_term": "sturgeon", "include_state": true,
            "event_context": {"include_profile": true},
            "groupings": {"group_by": [{"key": "room_id"}]},
        });
        let body = json!({"search_categories": {"room_events": criteria}});
        let call = user.post(v3(&["search"]), body).into_future();
        let line = line_of(&server, "/search", async {
            let answer = call.await;
            assert_eq!(answer["search_categories"]["room_events"]["count"], 3);
        })
        .await;
        numbers.push(line.queries());
    }
    assert_eq!(numbers[0], numbers[1]);
    assert!(numbers[0] <= 14, "{numbers:?}");
}
