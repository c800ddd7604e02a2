//! Guests, and how they become full users.

use causeway_testkit::account::PASSWORD;
use causeway_testkit::{TestClient, TestServer, v3};
use serde_json::{Value, json};

async fn guest_of(server: &TestServer) -> TestClient {
    let register = server
        .client()
        .post(v3(&["register"]), json!({}))
        .query("kind", "guest");
    server.client().with_session(&register.await)
}

fn localpart(who: &TestClient) -> String {
    let (name, _) = who.id()[1..].split_once(':').expect("a user id");
    name.to_owned()
}

/// What a guest sends to have the account for good.
fn wish(who: &TestClient, token: &TestClient) -> Value {
    json!({"username": localpart(who), "password": PASSWORD,
        "guest_access_token": token.access_token()})
}

#[tokio::test]
async fn a_guest_becomes_a_full_user() {
    let server = TestServer::start().await;
    let guest = guest_of(&server).await;
    let create = |who: &TestClient| who.post(v3(&["createRoom"]), json!({}));
    create(&guest).fails(403, "M_GUEST_ACCESS_FORBIDDEN").await;
    let answer = server.client().register_with(wish(&guest, &guest)).await;
    assert_eq!(answer["user_id"], guest.id());
    let full = server.client().with_session(&answer);
    assert_ne!(full.device_id(), guest.device_id());
    create(&full).await;
    // The guest's session is one of the full account now.
    create(&guest).await;
    let me = guest.get(v3(&["account", "whoami"])).await;
    assert!(!me["is_guest"].as_bool().unwrap_or(false), "{me}");
    server.client().login(&localpart(&guest)).await;
    // Once is enough.
    server
        .client()
        .post(v3(&["register"]), wish(&guest, &guest))
        .fails(403, "M_FORBIDDEN")
        .await;
}

#[tokio::test]
async fn only_the_guest_takes_over_the_account() {
    let server = TestServer::start().await;
    let (one, two) = (guest_of(&server).await, guest_of(&server).await);
    let alice = server.user("alice").await;
    let register = |body: Value| server.client().post(v3(&["register"]), body);
    register(wish(&one, &two)).fails(403, "M_FORBIDDEN").await;
    register(wish(&alice, &alice))
        .fails(403, "M_FORBIDDEN")
        .await;
    let mut nameless = wish(&one, &one);
    nameless.as_object_mut().expect("a body").remove("username");
    register(nameless).fails(403, "M_FORBIDDEN").await;
    let mut unknown = wish(&one, &one);
    unknown["guest_access_token"] = json!("nobody's");
    register(unknown).fails(403, "M_FORBIDDEN").await;
    // Without the token the name is taken.
    let plain = json!({"username": localpart(&one), "password": PASSWORD});
    register(plain).fails(400, "M_USER_IN_USE").await;
    one.post(v3(&["createRoom"]), json!({}))
        .fails(403, "M_GUEST_ACCESS_FORBIDDEN")
        .await;
}

#[tokio::test]
async fn guests_set_state_and_their_name_and_nothing_else_of_themselves() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let guest = guest_of(&server).await;
    let room = alice.create_public_room().await;
    let access = json!({"guest_access": "can_join"});
    alice
        .set_state(&room, "m.room.guest_access", "", access)
        .await;
    let levels = alice.state(&room, "m.room.power_levels", "").await;
    let mut levels = levels.clone();
    levels["events"]["org.example.seat"] = json!(0);
    alice
        .set_state(&room, "m.room.power_levels", "", levels)
        .await;
    guest.join(&room).await;
    let seat = json!({"row": 3});
    guest
        .set_state(&room, "org.example.seat", guest.id(), seat.clone())
        .await;
    assert_eq!(
        alice.state(&room, "org.example.seat", guest.id()).await,
        seat
    );
    let name = v3(&["profile", guest.id(), "displayname"]);
    guest.put(&name, json!({"displayname": "Visitor"})).await;
    let member = alice.membership(&room, guest.id()).await;
    assert_eq!(member["displayname"], "Visitor");
    let picture = v3(&["profile", guest.id(), "avatar_url"]);
    guest
        .put(&picture, json!({"avatar_url": "mxc://a.b/c"}))
        .fails(403, "M_GUEST_ACCESS_FORBIDDEN")
        .await;
}
