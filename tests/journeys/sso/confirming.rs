use causeway_testkit::{TestServer, v3};
use serde_json::json;

use super::provider::Provider;
use super::{Sent, come_back, log_in, options, provider, text};

/// The way to the provider that the fallback page of a session leads to.
async fn fallback(client: &causeway_testkit::TestClient, session: &str) -> (String, Option<Sent>) {
    let page = v3(&["auth", "m.login.sso", "fallback", "web"]);
    let page = client.get(page).query("session", session).anonymous();
    let reply = page.unspecified().reply().await;
    let html = text(&reply);
    let link = html
        .split("href=\"")
        .nth(1)
        .and_then(|it| it.split('"').next());
    let sent = link.map(|link| {
        let address = link.replace("&amp;", "&");
        let cookie = reply.header("set-cookie");
        Sent {
            state: provider::query_of(&address)["state"].clone(),
            cookie: cookie.split(';').next().unwrap_or_default().to_owned(),
            address,
        }
    });
    (html, sent)
}

#[tokio::test]
async fn who_has_no_password_confirms_at_the_provider() {
    let provider = Provider::open().await;
    let server = TestServer::start_with(options(&[provider.settings("example", "")])).await;
    let client = server.client();
    let alice = log_in(&client, &provider, "example", "alice").await;
    let device = alice.device_id().to_owned();
    let second = log_in(&client, &provider, "example", "alice").await;
    let delete = |auth: serde_json::Value| {
        let call = second.delete(v3(&["devices", &device]));
        call.json(if auth.is_null() {
            json!({})
        } else {
            json!({"auth": auth})
        })
    };
    let asked = delete(serde_json::Value::Null).reply().await;
    assert_eq!(asked.status, 401);
    let asked = asked.json();
    assert_eq!(asked["flows"], json!([{"stages": ["m.login.sso"]}]));
    let session = asked["session"].as_str().expect("a session").to_owned();
    // Nothing was confirmed yet, whatever the client says.
    for auth in [
        json!({"session": session}),
        json!({"type": "m.login.sso", "session": session}),
        json!({"type": "m.login.dummy", "session": session}),
    ] {
        assert_eq!(delete(auth).reply().await.status, 401);
    }

    // Somebody else cannot do it.
    log_in(&client, &provider, "example", "bob").await;
    let (html, way) = fallback(&client, &session).await;
    assert!(
        html.contains(alice.id()) && html.contains(&device),
        "{html}"
    );
    let way = way.expect("a way");
    let code = provider.grant(&way.address, "bob", |_| {});
    let reply = come_back(&client, &way, &code).await;
    assert_eq!(reply.status, 403, "{}", text(&reply));
    // Nor is an account made on the way.
    let way = fallback(&client, &session).await.1.expect("a way");
    let code = provider.grant(&way.address, "carol", |_| {});
    assert_eq!(come_back(&client, &way, &code).await.status, 403);
    assert_eq!(
        delete(json!({"session": session})).reply().await.status,
        401
    );

    let way = fallback(&client, &session).await.1.expect("a way");
    let code = provider.grant(&way.address, "alice", |_| {});
    let done = come_back(&client, &way, &code).await;
    let html = text(&done);
    assert_eq!(done.status, 200, "{html}");
    assert!(
        html.contains("onAuthDone") && html.contains("\"authDone\""),
        "{html}"
    );
    let policy = done.header("content-security-policy");
    assert!(policy.contains("script-src 'sha256-"), "{policy}");
    assert_eq!(
        delete(json!({"session": session})).reply().await.status,
        200
    );
    alice
        .get(v3(&["account", "whoami"]))
        .fails(401, "M_UNKNOWN_TOKEN")
        .await;
}

#[tokio::test]
async fn a_password_or_a_provider_is_asked_of_who_has_either() {
    let provider = Provider::open().await;
    let table = provider.settings("example", ", link_existing = true");
    let server = TestServer::start_with(options(&[table])).await;
    let client = server.client();
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    log_in(&client, &provider, "example", "alice").await;
    let flows = async |user: &causeway_testkit::TestClient| {
        let path = v3(&["devices", user.device_id()]);
        let asked = user.delete(path).json(json!({})).reply().await;
        asked.json()["flows"].clone()
    };
    let both = json!([{"stages": ["m.login.password"]}, {"stages": ["m.login.sso"]}]);
    assert_eq!(flows(&alice).await, both);
    assert_eq!(flows(&bob).await, json!([{"stages": ["m.login.password"]}]));
    // Pages of stages and sessions that are not there.
    let (html, way) = fallback(&client, "made-up").await;
    assert!(way.is_none() && html.contains("too old"), "{html}");
    let odd = client.get(v3(&["auth", "m.login.odd", "fallback", "web"]));
    let odd = odd.query("session", "x").unspecified();
    odd.fails(404, "M_UNRECOGNIZED").await;
}
