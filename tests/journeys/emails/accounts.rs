//! What accounts have addresses for.

use causeway_testkit::account::PASSWORD;
use causeway_testkit::{MailServer, TestClient, TestServer, v3};
use serde_json::{Value, json};

use super::{
    add, add_call, addresses, confirm, for_password, login_by, proof, to_add, to_register, wish,
};

#[tokio::test]
async fn somebody_registers_with_an_address_and_logs_in_by_it() {
    let mail = MailServer::start().await;
    let options = mail.options().set("mail.required_to_register", "true");
    let server = TestServer::start_with(options).await;
    let client = server.client();
    let body = json!({"username": "alice", "password": PASSWORD});
    let asked = client.post(v3(&["register"]), body.clone()).reply().await;
    assert_eq!(asked.status, 401);
    let asked = asked.json();
    assert_eq!(
        asked["flows"],
        json!([{"stages": ["m.login.email.identity"]}])
    );

    let begun = client
        .post(to_register(), wish("Alice@Example.org", "mine", 1))
        .await;
    let letter = mail.newest_to("alice@example.org");
    assert_eq!(letter.from, "noreply@causeway.test");
    assert_eq!(letter.header("Subject"), "Confirm your e-mail address");
    assert_eq!(letter.header("From"), "Tests <noreply@causeway.test>");
    assert_eq!(letter.header("Auto-Submitted"), "auto-generated");
    assert!(letter.header("Message-ID").ends_with("@causeway.test>"));
    assert!(letter.text.contains(&server.name()), "{}", letter.text);

    // Before the link was followed, the stage is not passed; with another secret it never is.
    let mut body = body;
    for secret in ["mine", "other"] {
        body["auth"] = proof(&begun["sid"], secret);
        body["auth"]["session"] = asked["session"].clone();
        let early = client.post(v3(&["register"]), body.clone()).reply().await;
        assert_eq!(
            (early.status, early.code().as_str()),
            (401, "M_THREEPID_AUTH_FAILED")
        );
        if secret == "mine" {
            confirm(&client, &mail, "alice@example.org").await;
        }
    }
    body["auth"] = proof(&begun["sid"], "mine");
    body["auth"]["session"] = asked["session"].clone();
    let made = client.post(v3(&["register"]), body.clone()).await;
    let alice = client.with_session(&made);
    assert_eq!(addresses(&alice).await, ["alice@example.org"]);
    let list = alice.get(v3(&["account", "3pid"])).await;
    assert_eq!(list["threepids"][0]["medium"], "email");

    let logged_in = login_by(&client, "ALICE@example.org", PASSWORD).await;
    assert_eq!(logged_in["user_id"], alice.id());
    login_by(&client, "alice@example.org", "wrong")
        .fails(403, "M_FORBIDDEN")
        .await;
    login_by(&client, "nobody@example.org", PASSWORD)
        .fails(403, "M_FORBIDDEN")
        .await;
    serves_once(&client, &begun["sid"]).await;
}

/// What was proved for one account serves no other.
async fn serves_once(client: &TestClient, sid: &Value) {
    let asked = client.post(
        v3(&["register"]),
        json!({"username": "bob", "password": PASSWORD}),
    );
    let asked = asked.reply().await.json();
    let mut again = json!({"username": "bob", "password": PASSWORD, "auth": proof(sid, "mine")});
    again["auth"]["session"] = asked["session"].clone();
    let reply = client.post(v3(&["register"]), again).reply().await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (401, "M_THREEPID_AUTH_FAILED")
    );
}

#[tokio::test]
async fn an_address_is_added_and_taken_away() {
    let mail = MailServer::start().await;
    let server = TestServer::start_with(mail.options()).await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let capabilities = alice.get(v3(&["capabilities"])).await;
    assert_eq!(
        capabilities["capabilities"]["m.3pid_changes"]["enabled"],
        true
    );

    let begun = alice
        .post(to_add(), wish("a@example.org", "s", 1))
        .anonymous()
        .await;
    let body = json!({"sid": begun["sid"], "client_secret": "s"});
    let asked = alice
        .post(v3(&["account", "3pid", "add"]), body.clone())
        .reply()
        .await;
    assert_eq!(asked.status, 401, "the password is asked for");
    let early = add_call(&alice, body.clone());
    early.fails(403, "M_THREEPID_AUTH_FAILED").await;
    confirm(&alice, &mail, "a@example.org").await;
    add_call(&alice, body).await;
    assert_eq!(addresses(&alice).await, ["a@example.org"]);

    // The older way, which names an identity server.
    let begun = alice
        .post(to_add(), wish("b@example.org", "s", 1))
        .anonymous()
        .await;
    confirm(&alice, &mail, "b@example.org").await;
    let creds = json!({"sid": begun["sid"], "client_secret": "s",
                       "id_server": "id.example.org", "id_access_token": "x"});
    let mut body = json!({"three_pid_creds": creds});
    let older = v3(&["account", "3pid"]);
    let asked = alice.post(&older, body.clone()).unspecified().reply().await;
    assert_eq!(asked.status, 401, "the password is asked for");
    body["auth"] = alice.password_auth(&asked.json());
    alice.post(&older, body).await;
    assert_eq!(addresses(&alice).await, ["a@example.org", "b@example.org"]);

    // Nobody else gets it; the letter says so and has no link.
    let answer = bob
        .post(to_add(), wish("a@example.org", "s2", 1))
        .anonymous()
        .await;
    assert!(answer["sid"].is_string());
    let letter = mail.newest_to("a@example.org");
    assert_eq!(letter.header("Subject"), "This address is in use already");
    assert!(letter.link().is_none(), "{}", letter.text);

    let away = |who: &TestClient, address: &str| {
        let body = json!({"medium": "email", "address": address});
        who.post(v3(&["account", "3pid", "delete"]), body)
    };
    // Others' addresses stay where they are.
    away(&bob, "a@example.org").await;
    assert_eq!(addresses(&alice).await.len(), 2);
    let gone = away(&alice, "A@example.org").await;
    assert_eq!(gone["id_server_unbind_result"], "no-support");
    assert_eq!(addresses(&alice).await, ["b@example.org"]);
    let body = json!({"medium": "email", "address": "b@example.org"});
    let unbound = alice.post(v3(&["account", "3pid", "unbind"]), body).await;
    assert_eq!(unbound["id_server_unbind_result"], "no-support");
    add(&bob, &mail, "a@example.org").await;
    assert_eq!(addresses(&bob).await, ["a@example.org"]);
}

#[tokio::test]
async fn a_forgotten_password_is_replaced() {
    let mail = MailServer::start().await;
    let server = TestServer::start_with(mail.options()).await;
    let alice = server.user("alice").await;
    add(&alice, &mail, "alice@example.org").await;
    let client = server.client();
    let begun = client
        .post(for_password(), wish("alice@example.org", "mine", 1))
        .await;
    let change = |auth: Option<Value>| {
        let mut body = json!({"new_password": "another good password"});
        if let Some(auth) = auth {
            body["auth"] = auth;
        }
        client.post(v3(&["account", "password"]), body)
    };
    let asked = change(None).reply().await;
    assert_eq!(asked.status, 401);
    assert_eq!(
        asked.json()["flows"],
        json!([{"stages": ["m.login.email.identity"]}])
    );
    let early = change(Some(proof(&begun["sid"], "mine"))).reply().await;
    assert_eq!(
        (early.status, early.code().as_str()),
        (401, "M_THREEPID_AUTH_FAILED")
    );
    confirm(&client, &mail, "alice@example.org").await;
    change(Some(proof(&begun["sid"], "mine"))).await;
    // All sessions have ended, and the proof has served.
    alice
        .get(v3(&["account", "whoami"]))
        .fails(401, "M_UNKNOWN_TOKEN")
        .await;
    let again = change(Some(proof(&begun["sid"], "mine"))).reply().await;
    assert_eq!(again.status, 401);
    login_by(&client, "alice@example.org", PASSWORD)
        .fails(403, "M_FORBIDDEN")
        .await;
    login_by(&client, "alice@example.org", "another good password").await;

    // What was proved to add an address sets no password.
    let begun = client
        .post(to_add(), wish("eve@example.org", "eve", 1))
        .await;
    confirm(&client, &mail, "eve@example.org").await;
    let other = change(Some(proof(&begun["sid"], "eve"))).reply().await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (401, "M_THREEPID_AUTH_FAILED")
    );
}

#[tokio::test]
async fn an_account_that_ends_gives_its_addresses_back() {
    let mail = MailServer::start().await;
    let server = TestServer::start_with(mail.options()).await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    add(&alice, &mail, "shared@example.org").await;
    let body = json!({"auth": {"type": "m.login.password", "password": PASSWORD,
                               "identifier": {"type": "m.id.user", "user": alice.id()}}});
    let ended = alice.post(v3(&["account", "deactivate"]), body).await;
    assert_eq!(ended["id_server_unbind_result"], "no-support");
    let client = server.client();
    login_by(&client, "shared@example.org", PASSWORD)
        .fails(403, "M_FORBIDDEN")
        .await;
    add(&bob, &mail, "shared@example.org").await;
    assert_eq!(addresses(&bob).await, ["shared@example.org"]);
}

#[tokio::test]
async fn without_a_mail_server_there_are_no_letters() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let client = server.client();
    for path in [to_register(), to_add(), for_password()] {
        let call = client.post(path, wish("a@example.org", "s", 1));
        call.fails(400, "M_THREEPID_MEDIUM_NOT_SUPPORTED").await;
    }
    let capabilities = alice.get(v3(&["capabilities"])).await;
    assert_eq!(
        capabilities["capabilities"]["m.3pid_changes"]["enabled"],
        false
    );
    let body = json!({"new_password": "another good password"});
    let reset = client.post(v3(&["account", "password"]), body);
    reset.unspecified().fails(401, "M_MISSING_TOKEN").await;
    assert!(addresses(&alice).await.is_empty());
}
