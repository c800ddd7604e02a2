//! Devices and what happens when they go.

use causeway_testkit::{TestServer, v3};
use serde_json::json;

#[tokio::test]
async fn devices_are_listed_named_and_removed() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let more = json!({"device_id": "PHONE", "initial_device_display_name": "My phone"});
    let answer = server
        .client()
        .login_with("alice", causeway_testkit::account::PASSWORD, more)
        .await;
    let phone = server.client().with_session(&answer);
    assert_eq!(phone.device_id(), "PHONE");
    let list = alice.get(v3(&["devices"])).await;
    assert_eq!(list["devices"].as_array().expect("a list").len(), 2);
    let device = v3(&["devices", "PHONE"]);
    assert_eq!(alice.get(&device).await["display_name"], "My phone");
    alice
        .put(&device, json!({"display_name": "Her phone"}))
        .await;
    assert_eq!(alice.get(&device).await["display_name"], "Her phone");
    alice
        .get(v3(&["devices", "NONE"]))
        .fails(404, "M_NOT_FOUND")
        .await;
    alice
        .put(v3(&["devices", "NONE"]), json!({}))
        .fails(404, "M_NOT_FOUND")
        .await;

    // Removing one needs the password again.
    let asked = alice.delete(&device).json(json!({})).reply().await;
    assert_eq!(asked.status, 401);
    let auth = alice.password_auth(&asked.json());
    let mut wrong = auth.clone();
    wrong["password"] = json!("wrong");
    let reply = alice
        .delete(&device)
        .json(json!({"auth": wrong}))
        .reply()
        .await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (401, "M_FORBIDDEN"),
        "{}",
        reply.json()
    );
    phone.get(v3(&["account", "whoami"])).await;
    alice.delete(&device).json(json!({"auth": auth})).await;
    phone
        .get(v3(&["account", "whoami"]))
        .fails(401, "M_UNKNOWN_TOKEN")
        .await;
    alice.get(&device).fails(404, "M_NOT_FOUND").await;
}

#[tokio::test]
async fn several_are_removed_at_once() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let one = server.client().login("alice").await;
    let two = server.client().login("alice").await;
    let body = json!({"devices": [one.device_id(), two.device_id()]});
    let path = v3(&["delete_devices"]);
    let asked = alice.post(&path, body.clone()).reply().await;
    assert_eq!(asked.status, 401);
    let mut body = body;
    body["auth"] = alice.password_auth(&asked.json());
    alice.post(&path, body).await;
    for gone in [one, two] {
        gone.get(v3(&["account", "whoami"]))
            .fails(401, "M_UNKNOWN_TOKEN")
            .await;
    }
    let list = alice.get(v3(&["devices"])).await;
    assert_eq!(list["devices"].as_array().expect("a list").len(), 1);
}

#[tokio::test]
async fn the_same_device_logs_in_again() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let more = json!({"device_id": alice.device_id()});
    let answer = server
        .client()
        .login_with("alice", causeway_testkit::account::PASSWORD, more)
        .await;
    let again = server.client().with_session(&answer);
    assert_eq!(again.device_id(), alice.device_id());
    // The earlier token of that device ended.
    alice
        .get(v3(&["account", "whoami"]))
        .fails(401, "M_UNKNOWN_TOKEN")
        .await;
    let list = again.get(v3(&["devices"])).await;
    assert_eq!(list["devices"].as_array().expect("a list").len(), 1);
}
