//! What servers ask each other: profiles, aliases, published rooms, devices and their keys.

use causeway_testkit::v3;
use serde_json::json;

use super::Pair;
use crate::signer::Signer;

#[tokio::test]
async fn profiles_and_aliases_of_this_server_are_told() {
    let pair = Pair::start().await;
    let alice = pair.ours.user("alice").await;
    let name = json!({"displayname": "Alice"});
    alice
        .put(v3(&["profile", alice.id(), "displayname"]), name.clone())
        .await;
    let path = format!(
        "/_matrix/federation/v1/query/profile?user_id={}",
        alice.id()
    );
    let profile = pair.call("GET", path.clone()).send().await;
    assert_eq!((profile.status, profile.json()), (200, name.clone()));
    let field = pair
        .call("GET", format!("{path}&field=avatar_url"))
        .send()
        .await;
    assert_eq!((field.status, field.json()), (200, json!({})));
    let nobody = pair.ours.user_id("nobody");
    let stranger = pair.theirs.user_id("alice");
    for user in [nobody, stranger] {
        let path = format!("/_matrix/federation/v1/query/profile?user_id={user}");
        let reply = pair.call("GET", path).send().await;
        assert_eq!(reply.error(), (404, "M_NOT_FOUND".to_owned()), "{user}");
    }
    let reply = pair.call("GET", "/_matrix/federation/v1/query/profile?user_id=alice");
    assert_eq!(
        reply.send().await.error(),
        (400, "M_INVALID_PARAM".to_owned())
    );

    let room = alice
        .create_room(json!({"room_alias_name": "here", "preset": "public_chat"}))
        .await;
    let alias = |alias: &str| {
        let alias = alias.replace('#', "%23");
        pair.call(
            "GET",
            format!("/_matrix/federation/v1/query/directory?room_alias={alias}"),
        )
    };
    let ours = pair.ours.name();
    let found = alias(&format!("#here:{ours}")).send().await.json();
    assert_eq!(found, json!({"room_id": room, "servers": [ours]}));
    let none = alias(&format!("#there:{ours}")).send().await;
    assert_eq!(none.error(), (404, "M_NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn published_rooms_are_told() {
    let pair = Pair::start().await;
    let alice = pair.ours.user("alice").await;
    for (name, visibility) in [("Garden", "public"), ("Cellar", "private")] {
        let body = json!({"name": name, "visibility": visibility, "preset": "public_chat"});
        alice.create_room(body).await;
    }
    let path = "/_matrix/federation/v1/publicRooms";
    let rooms = pair.call("GET", path).send().await.json();
    assert_eq!(rooms["chunk"][0]["name"], "Garden");
    assert_eq!(rooms["chunk"].as_array().unwrap().len(), 1);
    let search = |term: &str| {
        let body = json!({"filter": {"generic_search_term": term}, "limit": 10});
        pair.call("POST", path).json(body).send()
    };
    assert_eq!(
        search("gard").await.json()["chunk"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert!(
        search("cell").await.json()["chunk"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn devices_and_keys_of_this_servers_users_are_told() {
    let pair = Pair::start().await;
    let alice = pair.ours.user("alice").await;
    let signer = Signer::of_device(alice.device_id());
    let keys = signer.as_device(&alice);
    let one_time = signer.sign(alice.id(), &json!({"key": "b25lLXRpbWU"}));
    let one_time = json!({"signed_curve25519:AAAA": one_time});
    let body = json!({"device_keys": keys, "one_time_keys": one_time});
    alice.post(v3(&["keys", "upload"]), body).await;
    let path = format!("/_matrix/federation/v1/user/devices/{}", alice.id());
    let list = pair.call("GET", path).send().await.json();
    assert_eq!(list["user_id"], alice.id());
    assert!(list["stream_id"].as_i64().unwrap() > 0);
    assert_eq!(list["devices"][0]["device_id"], alice.device_id());
    assert_eq!(list["devices"][0]["keys"]["keys"], keys["keys"]);

    let stranger = pair.theirs.user_id("eve");
    let wishes = json!({"device_keys": {alice.id(): [], &stranger: []}});
    let path = "/_matrix/federation/v1/user/keys/query";
    let found = pair.call("POST", path).json(wishes).send().await.json();
    let device = &found["device_keys"][alice.id()][alice.device_id()];
    assert_eq!(device["keys"], keys["keys"]);
    assert!(found["device_keys"].get(&stranger).is_none());

    let claim = json!({"one_time_keys": {alice.id(): {alice.device_id(): "signed_curve25519"}}});
    let path = "/_matrix/federation/v1/user/keys/claim";
    let taken = pair
        .call("POST", path)
        .json(claim.clone())
        .send()
        .await
        .json();
    let key = &taken["one_time_keys"][alice.id()][alice.device_id()];
    assert_eq!(key["signed_curve25519:AAAA"]["key"], "b25lLXRpbWU");
    let again = pair.call("POST", path).json(claim).send().await.json();
    assert_eq!(again["one_time_keys"], json!({}), "each key is given once");
    let unknown = format!(
        "/_matrix/federation/v1/user/devices/{}",
        pair.ours.user_id("x")
    );
    let reply = pair.call("GET", unknown).send().await;
    assert_eq!(reply.error(), (404, "M_NOT_FOUND".to_owned()));
}
