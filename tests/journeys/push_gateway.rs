//! Notifications to push gateways: each comes once, whatever happens to gateway and server.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use causeway_testkit::server::ServerOptions;
use causeway_testkit::{TestClient, TestServer, v3};
use serde_json::{Value, json};

/// How long a test waits for a notification.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a gateway does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Takes,
    Fails,
    Hangs,
    Rejects,
}

/// A push gateway on the loopback that takes down what it took.
#[derive(Clone)]
struct Gateway {
    port: u16,
    mood: Arc<Mutex<Mood>>,
    taken: Arc<Mutex<Vec<Value>>>,
    refused: Arc<Mutex<usize>>,
}

async fn notify(State(gateway): State<Gateway>, body: String) -> Response {
    let notice: Value = serde_json::from_str(&body).expect("JSON");
    let notice = notice["notification"].clone();
    let mood = *gateway.mood.lock().expect("a whole gateway");
    if mood == Mood::Hangs {
        tokio::time::sleep(Duration::from_secs(3_600)).await;
    }
    if mood == Mood::Fails {
        *gateway.refused.lock().expect("a whole gateway") += 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let keys = notice["devices"].as_array().expect("devices").iter();
    let keys: Vec<Value> = keys.map(|device| device["pushkey"].clone()).collect();
    gateway.taken.lock().expect("a whole gateway").push(notice);
    let rejected = if mood == Mood::Rejects {
        keys
    } else {
        Vec::new()
    };
    axum::Json(json!({ "rejected": rejected })).into_response()
}

impl Gateway {
    async fn open(mood: Mood) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port");
        let gateway = Self {
            port: listener.local_addr().expect("an address").port(),
            mood: Arc::new(Mutex::new(mood)),
            taken: Arc::default(),
            refused: Arc::default(),
        };
        let router = Router::new()
            .route("/_matrix/push/v1/notify", axum::routing::post(notify))
            .with_state(gateway.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        gateway
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/_matrix/push/v1/notify", self.port)
    }

    fn be(&self, mood: Mood) {
        *self.mood.lock().expect("a whole gateway") = mood;
    }

    /// Notices of events for a push key, in order.
    fn events(&self, key: &str) -> Vec<Value> {
        let taken = self.taken.lock().expect("a whole gateway");
        let of_key = taken
            .iter()
            .filter(|notice| notice["devices"][0]["pushkey"] == key);
        of_key
            .filter(|notice| notice.get("event_id").is_some())
            .cloned()
            .collect()
    }

    /// Waits until a push key has had these events, and no other.
    async fn until_events(&self, key: &str, wanted: &[String]) {
        self.until(&format!("{wanted:?} for {key}"), || {
            let had = self.events(key);
            had.iter()
                .map(|notice| notice["event_id"].as_str().expect("an id"))
                .eq(wanted.iter())
        })
        .await;
    }

    /// The last number of unread messages that a push key was told.
    fn badge(&self, key: &str) -> Option<u64> {
        let taken = self.taken.lock().expect("a whole gateway");
        let last = taken
            .iter()
            .rfind(|notice| notice["devices"][0]["pushkey"] == key)?;
        Some(last["counts"]["unread"].as_u64().unwrap_or(0))
    }

    async fn until(&self, what: &str, fits: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !fits() {
            assert!(
                Instant::now() < deadline,
                "never {what}; taken: {:?}",
                self.taken.lock().expect("a whole gateway")
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn server() -> TestServer {
    let options = ServerOptions::default()
        .set("push.plain_http", "true")
        .set("outbound.allowed_addresses", "[\"127.0.0.1\"]");
    TestServer::start_with(options).await
}

fn pusher(url: &str, key: &str) -> Value {
    json!({
        "app_id": "org.example.app", "pushkey": key, "kind": "http", "lang": "en",
        "app_display_name": "App", "device_display_name": "Phone", "data": {"url": url},
    })
}

async fn set_pusher(client: &TestClient, gateway: &Gateway, key: &str) {
    client
        .post(v3(&["pushers", "set"]), pusher(&gateway.url(), key))
        .await;
}

async fn pushers(client: &TestClient) -> Vec<Value> {
    let answer = client.get(v3(&["pushers"])).await;
    answer["pushers"].as_array().cloned().unwrap_or_default()
}

async fn read(client: &TestClient, room: &str, event: &str) {
    client
        .post(v3(&["rooms", room, "receipt", "m.read", event]), json!({}))
        .await;
}

/// Alice's room with Bob in it.
async fn two(server: &TestServer) -> (TestClient, TestClient, String) {
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice
        .create_room(json!({"preset": "public_chat", "name": "Room"}))
        .await;
    bob.join(&room).await;
    (alice, bob, room)
}

#[tokio::test]
async fn a_gateway_is_told_of_each_event_once_and_of_reading() {
    let server = server().await;
    let gateway = Gateway::open(Mood::Takes).await;
    let (alice, bob, room) = two(&server).await;
    set_pusher(&bob, &gateway, "phone").await;
    let mut only_ids = pusher(&gateway.url(), "watch");
    only_ids["data"]["format"] = json!("event_id_only");
    only_ids["append"] = json!(true);
    bob.post(v3(&["pushers", "set"]), only_ids).await;
    let events = alice.say_many(&room, 3).await;
    bob.say(&room, "my own").await;
    gateway.until_events("phone", &events).await;
    gateway.until_events("watch", &events).await;
    let notice = gateway.events("phone").remove(0);
    assert_eq!(notice["room_id"], room);
    assert_eq!(notice["type"], "m.room.message");
    assert_eq!(notice["sender"], alice.id());
    assert_eq!(notice["content"]["body"], "message 0");
    assert_eq!(notice["room_name"], "Room");
    assert_eq!(notice["prio"], "high", "between two it rings: {notice}");
    assert_eq!(notice["devices"][0]["tweaks"], json!({"sound": "default"}));
    assert_eq!(notice["devices"][0]["data"], json!({}));
    let notice = gateway.events("watch").remove(0);
    assert!(
        notice.get("content").is_none() && notice.get("sender").is_none(),
        "{notice}"
    );
    gateway
        .until("three unread", || gateway.badge("phone") == Some(3))
        .await;
    read(&bob, &room, &events[1]).await;
    gateway
        .until("one unread", || gateway.badge("phone") == Some(1))
        .await;
    read(&bob, &room, &events[2]).await;
    gateway
        .until("none unread", || gateway.badge("phone") == Some(0))
        .await;
    gateway.until_events("phone", &events).await;
    let metrics = server.metrics().await;
    assert_eq!(metrics.sum("causeway_push_notifications"), 6.0);
}

#[tokio::test]
async fn invites_are_told_and_ignored_or_muted_senders_are_not() {
    let server = server().await;
    let gateway = Gateway::open(Mood::Takes).await;
    let (alice, bob, room) = two(&server).await;
    set_pusher(&bob, &gateway, "phone").await;
    let other = alice.create_room(json!({})).await;
    alice.invite(&other, bob.id()).await;
    gateway
        .until("an invite", || gateway.events("phone").len() == 1)
        .await;
    let notice = gateway.events("phone").remove(0);
    assert_eq!(notice["user_is_target"], true);
    assert_eq!(notice["content"]["membership"], "invite");
    bob.put(
        v3(&["pushrules", "global", "room", &room]),
        json!({"actions": []}),
    )
    .await;
    let mut reader = bob.caught_up().await;
    let muted = alice.say(&room, "muted").await;
    reader.until_event(&room, &muted).await;
    bob.delete(v3(&["pushrules", "global", "room", &room]))
        .await;
    let heard = alice.say(&room, "heard").await;
    gateway
        .until("two", || gateway.events("phone").len() == 2)
        .await;
    assert_eq!(gateway.events("phone")[1]["event_id"], heard);
}

#[tokio::test]
async fn a_rejected_key_is_gone_and_others_stay() {
    let server = server().await;
    let rejecting = Gateway::open(Mood::Rejects).await;
    let gateway = Gateway::open(Mood::Takes).await;
    let (alice, bob, room) = two(&server).await;
    set_pusher(&bob, &rejecting, "old phone").await;
    let mut phone = pusher(&gateway.url(), "phone");
    phone["append"] = json!(true);
    bob.post(v3(&["pushers", "set"]), phone).await;
    let event = alice.say(&room, "news").await;
    gateway.until_events("phone", &[event]).await;
    rejecting
        .until("a rejection", || rejecting.events("old phone").len() == 1)
        .await;
    let deadline = Instant::now() + PATIENCE;
    while pushers(&bob).await.len() != 1 {
        assert!(Instant::now() < deadline, "the rejected pusher stays");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(pushers(&bob).await[0]["pushkey"], "phone");
    let event = alice.say(&room, "more").await;
    gateway
        .until("the second", || gateway.events("phone").len() == 2)
        .await;
    assert_eq!(gateway.events("phone")[1]["event_id"], event);
    assert_eq!(rejecting.taken.lock().expect("a whole gateway").len(), 1);
}

#[tokio::test]
async fn a_dead_gateway_delays_no_other() {
    let server = server().await;
    let dead = Gateway::open(Mood::Hangs).await;
    let gateway = Gateway::open(Mood::Takes).await;
    let (alice, bob, room) = two(&server).await;
    for number in 0..30 {
        let mut pusher = pusher(&dead.url(), &format!("dead {number}"));
        pusher["append"] = json!(true);
        bob.post(v3(&["pushers", "set"]), pusher).await;
    }
    let carol = server.user("carol").await;
    carol.join(&room).await;
    set_pusher(&carol, &gateway, "alive").await;
    let mut events = Vec::new();
    for number in 0..5 {
        events.push(alice.say(&room, &format!("{number}")).await);
        let start = Instant::now();
        gateway.until_events("alive", &events).await;
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{:?}",
            start.elapsed()
        );
    }
}

#[tokio::test]
async fn what_a_gateway_refused_is_told_after_a_restart_once() {
    let mut server = server().await;
    let gateway = Gateway::open(Mood::Fails).await;
    let (alice, bob, room) = two(&server).await;
    set_pusher(&bob, &gateway, "phone").await;
    let events = alice.say_many(&room, 5).await;
    gateway
        .until("a refusal", || {
            *gateway.refused.lock().expect("a whole gateway") > 0
        })
        .await;
    server.kill().await;
    server.restart().await;
    // What was read meanwhile is not told.
    read(&bob, &room, &events[1]).await;
    let mut reader = bob.reader();
    reader
        .until("the receipt", |sync| {
            sync["rooms"]["join"][&room]["unread_notifications"]["notification_count"] == 3
        })
        .await;
    gateway.be(Mood::Takes);
    gateway.until_events("phone", &events[2..]).await;
    // A redacted event is not told either.
    gateway.be(Mood::Fails);
    let gone = alice.say(&room, "gone").await;
    alice.redact(&room, &gone).await;
    let last = alice.say(&room, "last").await;
    let mut wanted = events[2..].to_vec();
    wanted.push(last);
    reader.until_event(&room, wanted.last().expect("one")).await;
    gateway.be(Mood::Takes);
    gateway.until_events("phone", &wanted).await;
}

#[tokio::test]
async fn killing_the_server_again_and_again_loses_nothing() {
    let mut server = server().await;
    let gateway = Gateway::open(Mood::Takes).await;
    let (alice, bob, room) = two(&server).await;
    set_pusher(&bob, &gateway, "phone").await;
    let mut events = Vec::new();
    let kills = 4;
    for _ in 0..kills {
        events.extend(alice.say_many(&room, 15).await);
        server.kill().await;
        server.restart().await;
    }
    gateway
        .until("every event", || {
            let had = gateway.events("phone");
            events
                .iter()
                .all(|event| had.iter().any(|notice| notice["event_id"] == *event))
        })
        .await;
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for notice in gateway.events("phone") {
        *times
            .entry(notice["event_id"].as_str().expect("an id").to_owned())
            .or_default() += 1;
    }
    assert_eq!(times.len(), events.len(), "nothing but what was said");
    // Each comes once. Only one that was on its way when the server was killed may come again.
    let repeated = times.values().filter(|count| **count > 1).count();
    assert!(repeated <= kills, "{repeated} came more than once");
    assert!(times.values().all(|count| *count <= 2), "{times:?}");
}

#[tokio::test]
async fn pushers_are_checked() {
    let server = TestServer::start().await;
    let gateway = Gateway::open(Mood::Takes).await;
    let (alice, bob, room) = two(&server).await;
    // By default neither plain http nor private addresses.
    let set = v3(&["pushers", "set"]);
    bob.post(&set, pusher(&gateway.url(), "phone"))
        .fails(400, "M_INVALID_PARAM")
        .await;
    bob.post(&set, pusher("https://push.example.org/other", "phone"))
        .fails(400, "M_INVALID_PARAM")
        .await;
    let secure = gateway.url().replace("http://", "https://");
    bob.post(&set, pusher(&secure, "phone")).await;
    alice.say(&room, "news").await;
    let deadline = Instant::now() + PATIENCE;
    while server.metrics().await.sum("causeway_push_gateway_failures") == 0.0 {
        assert!(
            Instant::now() < deadline,
            "the private address was not refused"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(gateway.taken.lock().expect("a whole gateway").is_empty());
    bob.post(
        &set,
        json!({"app_id": "org.example.app", "pushkey": "phone", "kind": null}),
    )
    .await;
    assert!(pushers(&bob).await.is_empty());
}
