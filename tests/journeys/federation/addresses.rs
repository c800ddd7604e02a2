//! Invites by an address, where who invited and who has the address are of different servers.

use std::net::SocketAddr;

use causeway_testkit::{Authority, RemoteServer, ServerOptions, TestClient, TestServer, v3};
use serde_json::{Value, json};

use super::rooms::becomes;
use super::to;
use crate::address_invites::{identity_server, invite, signed};

const ON_BIND: &str = "/_matrix/federation/v1/3pid/onbind";

/// Two servers that ask the same identity server.
struct Town {
    here: TestServer,
    there: TestServer,
    identity: RemoteServer,
}

impl Town {
    async fn start() -> Self {
        let authority = Authority::new();
        let options = || {
            let file = authority.file().display().to_string();
            ServerOptions::default()
                .text("outbound.trusted_authorities", &file)
                .set("outbound.allowed_addresses", "[\"127.0.0.0/8\", \"::1\"]")
                .federating(&authority)
        };
        Self {
            here: TestServer::start_with(options()).await,
            there: TestServer::start_with(options()).await,
            identity: identity_server(&authority, json!({})).await,
        }
    }

    /// The identity server tells a server that one of its users has the address.
    async fn tells(&self, method: &str, to: (String, SocketAddr), body: Value) -> (u16, Value) {
        let method = method.parse().expect("a method");
        let call = self.identity.call((&to.0, to.1), method, ON_BIND);
        let reply = call.json(body).unsigned().send().await;
        (reply.status, reply.json())
    }
}

/// What is said of somebody who has the address now.
fn bound(room: &str, sender: &TestClient, mxid: &str, mut proof: Value) -> Value {
    proof.as_object_mut().expect("an object").remove("sender");
    json!({
        "medium": "email", "address": "bob@example.org", "mxid": mxid,
        "invites": [{
            "medium": "email", "address": "bob@example.org", "mxid": mxid,
            "room_id": room, "sender": sender.id(), "signed": proof,
        }],
    })
}

async fn private_room(town: &Town, alice: &TestClient) -> String {
    let room = alice.create_room(json!({"preset": "private_chat"})).await;
    invite(alice, &room, &town.identity, "bob@example.org").await;
    room
}

#[tokio::test]
async fn an_address_that_is_proved_elsewhere_is_invited() {
    let town = Town::start().await;
    let alice = town.here.user("alice").await;
    let (bob, mallory) = (
        town.there.user("bob").await,
        town.there.user("mallory").await,
    );
    let to_there = || to(&town.there.name(), &town.there);
    for method in ["PUT", "POST"] {
        let room = private_room(&town, &alice).await;
        let good = signed(&town.identity, bob.id(), alice.id());
        // Somebody else's proof, and one that nobody signed.
        let stolen = bound(&room, &alice, mallory.id(), good.clone());
        assert_eq!(town.tells(method, to_there(), stolen).await.0, 200);
        let mut forged = bound(&room, &alice, mallory.id(), good.clone());
        forged["invites"][0]["signed"]["mxid"] = json!(mallory.id());
        assert_eq!(town.tells(method, to_there(), forged).await.0, 200);
        let told = bound(&room, &alice, bob.id(), good);
        assert_eq!(town.tells(method, to_there(), told).await, (200, json!({})));
        let sync = bob.get(v3(&["sync"])).await;
        assert!(sync["rooms"]["invite"].get(&room).is_some(), "{sync}");
        let sync = mallory.get(v3(&["sync"])).await;
        assert!(sync["rooms"]["invite"].get(&room).is_none(), "{sync}");
        bob.join(&room).await;
        becomes(&alice, &room, bob.id(), "join").await;
        let members = alice.get(v3(&["rooms", &room, "members"])).await;
        assert!(!members.to_string().contains(mallory.id()), "{members}");
    }
    // Whom it does not know, and what is no such word.
    let nobody = bound(
        "!x:example.org",
        &alice,
        &town.there.user_id("nobody"),
        json!({}),
    );
    assert_eq!(town.tells("PUT", to_there(), nobody).await.0, 400);
    let proof = json!({"mxid": bob.id(), "token": "t", "signatures": {}});
    let nobody = bound(
        "!x:example.org",
        &alice,
        &town.there.user_id("nobody"),
        proof,
    );
    assert_eq!(town.tells("PUT", to_there(), nobody).await.0, 404);
}

#[tokio::test]
async fn who_has_a_proof_joins_a_room_of_another_server() {
    let town = Town::start().await;
    let alice = town.here.user("alice").await;
    let bob = town.there.user("bob").await;
    let room = private_room(&town, &alice).await;
    let proof = signed(&town.identity, bob.id(), alice.id());
    let join = |proof: Value| {
        let path = format!("{}?via={}", v3(&["join", &room]), town.here.name());
        bob.post(path, json!({"third_party_signed": proof}))
    };
    let mut forged = proof.clone();
    forged["token"] = json!("another");
    join(forged).fails(403, "M_FORBIDDEN").await;
    join(proof).await;
    becomes(&alice, &room, bob.id(), "join").await;
}

#[tokio::test]
async fn an_invite_that_is_known_here_needs_no_other_server() {
    let town = Town::start().await;
    let (alice, bob) = (town.here.user("alice").await, town.here.user("bob").await);
    let room = private_room(&town, &alice).await;
    let proof = signed(&town.identity, bob.id(), alice.id());
    let told = bound(&room, &alice, bob.id(), proof);
    let to_here = to(&town.here.name(), &town.here);
    assert_eq!(town.tells("PUT", to_here, told).await.0, 200);
    becomes(&alice, &room, bob.id(), "invite").await;
}
