use causeway_testkit::{TestClient, TestServer, v3};
use serde_json::{Value, json};

use super::provider::Provider;
use super::{APP, CALLBACK, Sent, come_back, options, set_out, text};

/// The callback with this cookie.
async fn returned(client: &TestClient, state: &str, cookie: &str, code: &str) -> u16 {
    let call = client
        .get(CALLBACK)
        .query("state", state)
        .query("code", code);
    let reply = call.header("cookie", cookie).unspecified().reply().await;
    assert!(!reply.headers.contains_key("location"), "led on");
    assert!(!text(&reply).contains("loginToken"), "{}", text(&reply));
    reply.status
}

#[tokio::test]
async fn who_comes_back_must_be_who_set_out_and_comes_once() {
    let provider = Provider::open().await;
    let server = TestServer::start_with(options(&[provider.settings("example", "")])).await;
    let client = server.client();
    let (mine, theirs) = (
        set_out(&client, "example", APP).await,
        set_out(&client, "example", APP).await,
    );
    let code = provider.grant(&mine.address, "alice", |_| {});
    // A state that nobody gave, no cookie, the cookie of another attempt under either name.
    let named = |sent: &Sent| sent.cookie.split_once('=').map(|(name, _)| name.to_owned());
    let name = named(&mine).expect("a name");
    let value = theirs.cookie.split_once('=').expect("a value").1;
    for (state, cookie) in [
        ("forged", mine.cookie.as_str()),
        ("", mine.cookie.as_str()),
        (&mine.state, ""),
        (&mine.state, &theirs.cookie),
        (&mine.state, &format!("{name}={value}")),
        (&format!("{}x", mine.state), &mine.cookie),
    ] {
        assert_eq!(
            returned(&client, state, cookie, &code).await,
            403,
            "{state} {cookie}"
        );
    }
    // The code of somebody else's attempt: its provider refuses it by PKCE.
    assert_eq!(
        returned(&client, &theirs.state, &theirs.cookie, &code).await,
        403
    );
    let shown = *provider.shown.lock();
    assert_eq!(
        shown, 1,
        "codes of forged answers were shown to the provider"
    );

    let code = provider.grant(&mine.address, "alice", |_| {});
    assert_eq!(come_back(&client, &mine, &code).await.status, 303);
    assert_eq!(
        returned(&client, &mine.state, &mine.cookie, &code).await,
        403,
        "replayed"
    );
    let nothing = client.get(CALLBACK).unspecified();
    nothing.fails(400, "M_INVALID_PARAM").await;
}

#[tokio::test]
async fn a_token_that_is_not_for_this_login_opens_nothing() {
    let provider = Provider::open().await;
    let server = TestServer::start_with(options(&[provider.settings("example", "")])).await;
    let client = server.client();
    let lies: [(&str, Value); 9] = [
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("aud", json!("another")),
        ("iss", json!("https://evil.example")),
        ("exp", json!(1_700_000_000)),
        ("iat", json!(99_999_999_999_u64)),
        ("azp", json!("another")),
        ("sub", json!("")),
        ("sub", json!("x".repeat(256))),
    ];
    for (name, value) in lies {
        let way = set_out(&client, "example", APP).await;
        let code = provider.grant(&way.address, "alice", |claims| claims[name] = value.clone());
        let status = returned(&client, &way.state, &way.cookie, &code).await;
        assert_eq!(status, 403, "{name} {value}");
    }
    // The provider says no, or says that somebody else speaks.
    let way = set_out(&client, "example", APP).await;
    let call = client.get(CALLBACK).query("state", &way.state);
    let call = call
        .query("error", "access_denied")
        .header("cookie", &way.cookie);
    assert_eq!(call.unspecified().reply().await.status, 403);
    let way = set_out(&client, "example", APP).await;
    let code = provider.grant(&way.address, "alice", |_| {});
    let call = client
        .get(CALLBACK)
        .query("state", &way.state)
        .query("code", &code);
    let call = call
        .query("iss", "https://evil.example")
        .header("cookie", &way.cookie);
    assert_eq!(call.unspecified().reply().await.status, 403);
    let path = v3(&["profile", &server.user_id("alice")]);
    client.get(path).fails(404, "M_NOT_FOUND").await;
}

#[tokio::test]
async fn a_name_that_is_somebody_elses_is_not_given_away() {
    let provider = Provider::open().await;
    let tables = [
        provider.settings("careful", ""),
        provider.settings("linking", ", link_existing = true"),
        provider.settings("closed", ", create_accounts = false"),
    ];
    let server = TestServer::start_with(options(&tables)).await;
    let client = server.client();
    let alice = server.user("alice").await;
    let way = |id: &'static str| set_out(&client, id, APP);
    for (id, who) in [
        ("careful", "alice"),
        ("closed", "carol"),
        ("careful", "no name"),
    ] {
        let sent = way(id).await;
        let code = provider.grant(&sent.address, who, |_| {});
        assert_eq!(
            returned(&client, &sent.state, &sent.cookie, &code).await,
            403,
            "{id} {who}"
        );
    }
    let sent = way("careful").await;
    let code = provider.grant(&sent.address, "x", |claims| {
        claims["preferred_username"] = Value::Null;
    });
    assert_eq!(
        returned(&client, &sent.state, &sent.cookie, &code).await,
        403
    );
    let linked = super::log_in(&client, &provider, "linking", "alice").await;
    assert_eq!(linked.id(), alice.id());
    // From now on they are known, whatever they are called.
    let again = super::log_in(&client, &provider, "linking", "alice").await;
    assert_eq!(again.id(), alice.id());
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_and_a_provider_that_is_not_there() {
    let provider = Provider::open().await;
    let settings = options(&[
        provider.settings("example", ""),
        "{ id = \"gone\", issuer = \"http://127.0.0.1:1\", client_id = \"x\" }".to_owned(),
    ]);
    let server = TestServer::start_with(settings.text("sso.attempt_lifetime_ms", "1s")).await;
    let client = server.client();
    let way = set_out(&client, "example", APP).await;
    let code = provider.grant(&way.address, "alice", |_| {});
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(returned(&client, &way.state, &way.cookie, &code).await, 403);
    let gone = client.get(v3(&["login", "sso", "redirect", "gone"]));
    let gone = gone.query("redirectUrl", APP).unspecified().reply().await;
    assert_eq!(gone.status, 502, "{}", text(&gone));
}
