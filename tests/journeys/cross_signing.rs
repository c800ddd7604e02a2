//! Cross-signing: keys of users, and signatures of keys.

use causeway_testkit::reader::Reader;
use causeway_testkit::{TestClient, TestServer, v3};
use serde_json::{Value, json};

use crate::signer::Signer;

/// The three keys of a user.
struct Keys {
    master: Signer,
    own: Signer,
    others: Signer,
}

impl Keys {
    fn new() -> Self {
        Self {
            master: Signer::new(),
            own: Signer::new(),
            others: Signer::new(),
        }
    }

    fn body(&self, user: &str) -> Value {
        let signed = |key: &Signer, usage: &str| self.master.sign(user, &key.as_key(user, usage));
        json!({
            "master_key": self.master.as_key(user, "master"),
            "self_signing_key": signed(&self.own, "self_signing"),
            "user_signing_key": signed(&self.others, "user_signing"),
        })
    }
}

fn path() -> String {
    v3(&["keys", "device_signing", "upload"])
}

async fn set_up(who: &TestClient) -> Keys {
    let keys = Keys::new();
    who.post(path(), keys.body(who.id())).await;
    keys
}

async fn query(who: &TestClient, of: &TestClient) -> Value {
    let body = json!({"device_keys": {of.id(): []}});
    who.post(v3(&["keys", "query"]), body).await
}

async fn sign(who: &TestClient, user: &str, target: &str, object: Value) -> Value {
    let body = json!({user: {target: object}});
    let answer = who.post(v3(&["keys", "signatures", "upload"]), body).await;
    answer["failures"].clone()
}

async fn publish_device(who: &TestClient) -> Signer {
    let signer = Signer::of_device(who.device_id());
    let body = json!({"device_keys": signer.as_device(who)});
    who.post(v3(&["keys", "upload"]), body).await;
    signer
}

/// Whether the reader hears within a moment that `user` has to be looked up again.
async fn hears_of(reader: &mut Reader, user: &str) -> bool {
    let sync = reader.now().await;
    let changed = sync["device_lists"]["changed"].as_array().cloned();
    changed.unwrap_or_default().contains(&json!(user))
}

#[tokio::test]
async fn the_first_keys_pass_and_others_need_the_password() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let keys = set_up(&alice).await;
    let body = keys.body(alice.id());
    let own = query(&alice, &alice).await;
    assert_eq!(own["master_keys"][alice.id()], body["master_key"]);
    assert_eq!(
        own["self_signing_keys"][alice.id()],
        body["self_signing_key"]
    );
    assert_eq!(
        own["user_signing_keys"][alice.id()],
        body["user_signing_key"]
    );
    let seen = query(&bob, &alice).await;
    assert_eq!(seen["master_keys"][alice.id()], body["master_key"]);
    assert_eq!(
        seen["self_signing_keys"][alice.id()],
        body["self_signing_key"]
    );
    assert_eq!(seen["user_signing_keys"], json!({}), "that is hers alone");

    // The same once more, as after a lost answer, in whole or in part.
    alice.post(path(), body.clone()).await;
    alice
        .post(path(), json!({"master_key": body["master_key"]}))
        .await;

    // Any other key needs the password.
    let one_new = keys.master.sign(
        alice.id(),
        &Signer::new().as_key(alice.id(), "self_signing"),
    );
    let asked = alice
        .post(path(), json!({"self_signing_key": one_new}))
        .reply()
        .await;
    assert_eq!(asked.status, 401, "{}", asked.json());
    let new = Keys::new();
    let mut body = new.body(alice.id());
    let asked = alice.post(path(), body.clone()).reply().await;
    assert_eq!(asked.status, 401);
    body["auth"] = alice.password_auth(&asked.json());
    body["auth"]["password"] = json!("wrong");
    let refused = alice.post(path(), body.clone()).reply().await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (401, "M_FORBIDDEN")
    );
    let unchanged = query(&bob, &alice).await;
    assert_eq!(
        unchanged["master_keys"][alice.id()],
        keys.master.as_key(alice.id(), "master")
    );
    body["auth"] = alice.password_auth(&asked.json());
    alice.post(path(), body).await;
    let changed = query(&bob, &alice).await;
    assert_eq!(
        changed["master_keys"][alice.id()],
        new.master.as_key(alice.id(), "master")
    );
}

#[tokio::test]
async fn a_new_master_key_leaves_nothing_of_what_the_old_one_signed() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    set_up(&alice).await;
    let mut body = json!({"master_key": Signer::new().as_key(alice.id(), "master")});
    let asked = alice.post(path(), body.clone()).reply().await;
    body["auth"] = alice.password_auth(&asked.json());
    alice.post(path(), body).await;
    let own = query(&alice, &alice).await;
    assert_eq!(own["self_signing_keys"], json!({}));
    assert_eq!(own["user_signing_keys"], json!({}));
}

#[tokio::test]
async fn wrong_cross_signing_keys_are_refused() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let user = alice.id();
    let keys = Keys::new();
    let whole = keys.body(user);
    let alone = json!({"self_signing_key": whole["self_signing_key"]});
    alice
        .post(path(), alone)
        .fails(400, "M_MISSING_PARAM")
        .await;
    alice
        .post(path(), json!({}))
        .fails(400, "M_MISSING_PARAM")
        .await;

    let mut unsigned = whole.clone();
    unsigned["self_signing_key"] = keys.own.as_key(user, "self_signing");
    let mut by_other = whole.clone();
    by_other["user_signing_key"] =
        Signer::new().sign(user, &keys.others.as_key(user, "user_signing"));
    let mut forged = whole.clone();
    forged["self_signing_key"]["signatures"][user][keys.master.name()] = json!("Zm9yZ2Vk");
    for body in [unsigned, by_other, forged] {
        alice
            .post(path(), body)
            .fails(400, "M_INVALID_SIGNATURE")
            .await;
    }

    let master = |change: &dyn Fn(&mut Value)| {
        let mut key = keys.master.as_key(user, "master");
        change(&mut key);
        json!({"master_key": key})
    };
    let wrong = [
        master(&|key| key["user_id"] = json!("@bob:localhost")),
        master(&|key| key["usage"] = json!(["self_signing"])),
        master(&|key| key["usage"] = json!([])),
        master(&|key| key["keys"] = json!({"ed25519:short": "short"})),
        master(&|key| key["keys"] = json!({"ed25519:x": keys.master.public})),
        master(&|key| key["keys"] = json!({})),
    ];
    for body in wrong {
        let call = alice.post(path(), body).malformed();
        call.fails(400, "M_INVALID_PARAM").await;
    }
    let call = alice
        .post(path(), json!({"master_key": "text"}))
        .malformed();
    call.fails(400, "M_BAD_JSON").await;

    // A key that is called like a device of hers.
    let more = json!({"device_id": keys.master.public});
    let password = causeway_testkit::account::PASSWORD;
    server.client().login_with("alice", password, more).await;
    alice.post(path(), whole).fails(403, "M_FORBIDDEN").await;
    let own = query(&alice, &alice).await;
    assert_eq!(own["master_keys"], json!({}));
}

#[tokio::test]
async fn of_two_first_keys_one_stands() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bodies: Vec<Value> = (0..6).map(|_| Keys::new().body(alice.id())).collect();
    let calls = bodies
        .iter()
        .map(|body| alice.post(path(), body.clone()).reply());
    let replies = futures::future::join_all(calls).await;
    let taken: Vec<usize> = (0..6).filter(|at| replies[*at].status == 200).collect();
    assert_eq!(taken.len(), 1, "one passes without the password");
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert!([401, 403].contains(&reply.status), "{}", reply.json());
    }
    let own = query(&alice, &alice).await;
    assert_eq!(
        own["master_keys"][alice.id()],
        bodies[taken[0]]["master_key"]
    );
}

#[tokio::test]
async fn devices_and_users_are_signed() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let carol = server.user("carol").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    carol.join(&room).await;
    let hers = set_up(&alice).await;
    let device = publish_device(&alice).await;
    let (mut a, mut b, mut c) = (
        alice.caught_up().await,
        bob.caught_up().await,
        carol.caught_up().await,
    );

    // Her device, by her self-signing key: for all to see.
    let object = device.as_device(&alice);
    let signed = hers.own.sign(alice.id(), &object);
    assert_eq!(
        sign(&alice, alice.id(), alice.device_id(), signed.clone()).await,
        json!({})
    );
    let seen = query(&carol, &alice).await;
    let signatures = &seen["device_keys"][alice.id()][alice.device_id()]["signatures"];
    assert_eq!(*signatures, signed["signatures"]);
    for reader in [&mut a, &mut b, &mut c] {
        assert!(hears_of(reader, alice.id()).await);
    }
    // Once more changes nothing, and nobody hears of it.
    assert_eq!(
        sign(&alice, alice.id(), alice.device_id(), signed).await,
        json!({})
    );
    assert!(!hears_of(&mut b, alice.id()).await);

    // Her master key, by her device.
    let master = hers.master.as_key(alice.id(), "master");
    let signed = device.sign(alice.id(), &master);
    assert_eq!(
        sign(&alice, alice.id(), &hers.master.public, signed.clone()).await,
        json!({})
    );
    let seen = query(&bob, &alice).await;
    assert_eq!(
        seen["master_keys"][alice.id()]["signatures"],
        signed["signatures"]
    );
}

#[tokio::test]
async fn who_signed_others_is_seen_by_the_signer_alone() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let carol = server.user("carol").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    carol.join(&room).await;
    let (hers, his) = (set_up(&alice).await, set_up(&bob).await);
    let (mut a, mut b, mut c) = (
        alice.caught_up().await,
        bob.caught_up().await,
        carol.caught_up().await,
    );
    let master = his.master.as_key(bob.id(), "master");
    let signed = hers.others.sign(alice.id(), &master);
    assert_eq!(
        sign(&alice, bob.id(), &his.master.public, signed).await,
        json!({})
    );
    let name = hers.others.name();
    let own = query(&alice, &bob).await;
    let signatures = &own["master_keys"][bob.id()]["signatures"];
    assert!(signatures[alice.id()][name].is_string(), "{own}");
    for other in [&bob, &carol] {
        let seen = query(other, &bob).await;
        assert!(
            seen["master_keys"][bob.id()]["signatures"].is_null(),
            "{seen}"
        );
    }
    // A device of hers that has been away hears of it, too.
    let mut late = a.clone();
    assert!(hears_of(&mut a, bob.id()).await, "her devices look him up");
    assert!(!hears_of(&mut b, bob.id()).await);
    assert!(!hears_of(&mut c, bob.id()).await);
    let mut server = server;
    server.stop().await;
    server.restart().await;
    assert!(hears_of(&mut late, bob.id()).await);
}

#[tokio::test]
async fn wrong_signatures_are_told_and_not_taken() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let device = publish_device(&alice).await;
    let object = device.as_device(&alice);
    let code = |failures: &Value, user: &TestClient, target: &str| {
        failures[user.id()][target]["errcode"].clone()
    };
    // Without keys nobody signs.
    let failures = sign(&alice, alice.id(), alice.device_id(), object.clone()).await;
    assert_eq!(code(&failures, &alice, alice.device_id()), "M_NOT_FOUND");
    let hers = set_up(&alice).await;
    let his = set_up(&bob).await;
    let mut forged = hers.own.sign(alice.id(), &object);
    forged["signatures"][alice.id()][hers.own.name()] = json!("Zm9yZ2Vk");
    let mut other = object.clone();
    other["algorithms"] = json!([]);
    let cases = [
        (forged, "M_INVALID_SIGNATURE"),
        (object.clone(), "M_INVALID_SIGNATURE"),
        (hers.own.sign(alice.id(), &other), "M_INVALID_PARAM"),
        (json!({"x": 1.5}), "M_BAD_JSON"),
    ];
    for (signed, errcode) in cases {
        let failures = sign(&alice, alice.id(), alice.device_id(), signed).await;
        assert_eq!(
            code(&failures, &alice, alice.device_id()),
            errcode,
            "{failures}"
        );
    }
    let failures = sign(&alice, alice.id(), "UNKNOWN", object).await;
    assert_eq!(code(&failures, &alice, "UNKNOWN"), "M_NOT_FOUND");
    // With the key for devices nobody signs users, and devices of others are their own business.
    let master = his.master.as_key(bob.id(), "master");
    let signed = hers.own.sign(alice.id(), &master);
    let failures = sign(&alice, bob.id(), &his.master.public, signed).await;
    assert_eq!(
        code(&failures, &bob, &his.master.public),
        "M_INVALID_SIGNATURE"
    );
    let phone = publish_device(&bob).await.as_device(&bob);
    let signed = hers.others.sign(alice.id(), &phone);
    let failures = sign(&alice, bob.id(), bob.device_id(), signed).await;
    assert_eq!(code(&failures, &bob, bob.device_id()), "M_NOT_FOUND");
    let seen = query(&alice, &bob).await;
    assert!(seen["master_keys"][bob.id()]["signatures"].is_null());
    let call = alice.post(v3(&["keys", "signatures", "upload"]), json!({"alice": {}}));
    call.malformed().fails(400, "M_BAD_JSON").await;
}

#[tokio::test]
async fn of_a_user_signing_key_only_its_user_hears() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let room = alice.create_public_room().await;
    bob.join(&room).await;
    let keys = set_up(&alice).await;
    let (mut a, mut b) = (alice.caught_up().await, bob.caught_up().await);
    let mut late = a.clone();
    let new = Signer::new().as_key(alice.id(), "user_signing");
    let signed = keys.master.sign(alice.id(), &new);
    // The user of the password as older clients name it.
    let auth = json!({
        "type": "m.login.password", "user": alice.id(),
        "password": causeway_testkit::account::PASSWORD,
    });
    let body = json!({"user_signing_key": signed, "auth": auth});
    alice.post(path(), body).await;
    assert!(hears_of(&mut a, alice.id()).await);
    assert!(!hears_of(&mut b, alice.id()).await);
    let mut server = server;
    server.stop().await;
    server.restart().await;
    assert!(hears_of(&mut late, alice.id()).await, "out of the database");
    let from = b.token().expect("a token").to_owned();
    let call = bob.get(v3(&["keys", "changes"])).query("from", &from);
    let lists = call.query("to", &from).await;
    assert_eq!(lists["changed"], json!([]));
}
