//! Logins by identity providers, which are the test's own.

mod confirming;
mod logins;
mod provider;
mod refusals;

use causeway_testkit::{Reply, ServerOptions, TestClient, v3};
use serde_json::json;

const CALLBACK: &str = "/_matrix/client/unstable/causeway/sso/callback";

/// The client's address, which the server trusts.
const APP: &str = "https://app.example.org/web/?a=b#/login";

fn options(providers: &[String]) -> ServerOptions {
    ServerOptions::default()
        .set("sso.providers", &format!("[{}]", providers.join(", ")))
        .set("sso.trusted_clients", "[\"https://app.example.org/web\"]")
}

/// Somebody on their way: where they were sent, and the cookie that they got.
struct Sent {
    address: String,
    state: String,
    cookie: String,
}

fn sent(reply: &Reply) -> Sent {
    assert_eq!(
        reply.status,
        302,
        "{}",
        String::from_utf8_lossy(&reply.bytes)
    );
    let address = reply.header("location");
    let cookie = reply.header("set-cookie");
    assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
    let query = provider::query_of(&address);
    let state = query.get("state").cloned();
    let in_service = || {
        let service = provider::query_of(query.get("service").expect("a service"));
        service["state"].clone()
    };
    Sent {
        state: state.unwrap_or_else(in_service),
        cookie: cookie.split(';').next().unwrap_or_default().to_owned(),
        address,
    }
}

async fn set_out(client: &TestClient, provider: &str, redirect_url: &str) -> Sent {
    let path = v3(&["login", "sso", "redirect", provider]);
    sent(
        &client
            .get(path)
            .query("redirectUrl", redirect_url)
            .reply()
            .await,
    )
}

/// Comes back with a code.
async fn come_back(client: &TestClient, sent: &Sent, code: &str) -> Reply {
    let call = client
        .get(CALLBACK)
        .query("state", &sent.state)
        .query("code", code);
    call.header("cookie", &sent.cookie)
        .unspecified()
        .reply()
        .await
}

fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.bytes).into_owned()
}

/// The login token in the address of a client.
fn token_in(address: &str) -> String {
    let token = provider::query_of(address).get("loginToken").cloned();
    token.unwrap_or_else(|| panic!("no token in {address}"))
}

/// The whole way of somebody: they are logged in at the end.
async fn log_in(
    client: &TestClient,
    provider: &provider::Provider,
    id: &str,
    who: &str,
) -> TestClient {
    let sent = set_out(client, id, APP).await;
    let code = provider.grant(&sent.address, who, |_| {});
    let back = come_back(client, &sent, &code).await;
    assert_eq!(back.status, 303, "{}", text(&back));
    let body = json!({"type": "m.login.token", "token": token_in(&back.header("location"))});
    let session = client.post(v3(&["login"]), body).await;
    client.with_session(&session)
}
