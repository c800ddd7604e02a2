use causeway_testkit::{TestServer, v3};
use serde_json::json;

use super::provider::Provider;
use super::{APP, CALLBACK, come_back, log_in, options, sent, set_out, text, token_in};

#[tokio::test]
async fn who_is_known_to_a_provider_logs_in_and_comes_back_to_the_same_account() {
    let provider = Provider::open().await;
    let table = provider.settings("example", ", display_name = \"{name}\"");
    let server = TestServer::start_with(options(&[table]).set("login.token", "true")).await;
    let client = server.client();
    let flows = client.get(v3(&["login"])).await["flows"].clone();
    let shown = json!([{"id": "example", "name": "Provider <example>", "brand": "example"}]);
    let sso = flows
        .as_array()
        .and_then(|flows| flows.iter().find(|it| it["type"] == "m.login.sso"));
    assert_eq!(sso.expect("a flow")["identity_providers"], shown, "{flows}");

    // Without naming the provider: there is one.
    let path = v3(&["login", "sso", "redirect"]);
    let way = sent(&client.get(path).query("redirectUrl", APP).reply().await);
    let code = provider.grant(&way.address, "alice", |_| {});
    let back = come_back(&client, &way, &code).await;
    assert_eq!(back.status, 303, "{}", text(&back));
    let address = back.header("location");
    assert!(
        address.starts_with("https://app.example.org/web/?a=b&loginToken="),
        "{address}"
    );
    assert!(address.ends_with("#/login"), "{address}");
    assert!(back.header("set-cookie").contains("Max-Age=0"));
    let body = json!({"type": "m.login.token", "token": token_in(&address)});
    let session = client.post(v3(&["login"]), body.clone()).await;
    assert_eq!(session["user_id"], server.user_id("alice"));
    // Once.
    client
        .post(v3(&["login"]), body)
        .fails(403, "M_FORBIDDEN")
        .await;
    let alice = client.with_session(&session);
    let profile = alice.get(v3(&["profile", alice.id()])).await;
    assert_eq!(profile["displayname"], "The alice");

    // Again, as somebody who is called otherwise by now.
    let way = set_out(&client, "example", APP).await;
    let code = provider.grant(&way.address, "alice", |claims| {
        claims["preferred_username"] = json!("alicia");
    });
    let back = come_back(&client, &way, &code).await;
    let body = json!({"type": "m.login.token", "token": token_in(&back.header("location"))});
    let again = client.post(v3(&["login"]), body).await;
    assert_eq!(again["user_id"], server.user_id("alice"));
    for secret in ["top secret", "cwl_", "cws_", "code%20"] {
        assert!(!server.log().contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn people_choose_among_providers_and_each_has_its_own_people() {
    let (one, two) = (Provider::open().await, Provider::open().await);
    let tables = [
        one.settings("one", ""),
        two.settings("two", ", localpart = \"two-{sub}\""),
    ];
    let server = TestServer::start_with(options(&tables)).await;
    let client = server.client();
    let path = v3(&["login", "sso", "redirect"]);
    let page = client
        .get(path)
        .query("redirectUrl", APP)
        .unspecified()
        .reply()
        .await;
    let html = text(&page);
    assert_eq!(page.status, 200);
    assert!(html.contains("Provider &lt;one&gt;"), "{html}");
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
    let links: Vec<_> = html
        .split("href=\"")
        .skip(1)
        .filter_map(|it| it.split('"').next())
        .collect();
    assert_eq!(links.len(), 2, "{html}");
    sent(
        &client
            .get(links[1].replace("&amp;", "&"))
            .malformed()
            .reply()
            .await,
    );

    let alice = log_in(&client, &one, "one", "alice").await;
    let other = log_in(&client, &two, "two", "alice").await;
    assert_eq!(alice.id(), server.user_id("alice"));
    assert_eq!(other.id(), server.user_id("two-alice"));
    let unknown = client.get(v3(&["login", "sso", "redirect", "three"]));
    unknown
        .query("redirectUrl", APP)
        .fails(404, "M_NOT_FOUND")
        .await;
}

#[tokio::test]
async fn a_cas_server_lets_people_in() {
    let provider = Provider::open().await;
    let table = format!(
        "{{ id = \"cas\", protocol = \"cas\", server_url = \"{}/cas\" }}",
        provider.url()
    );
    let server = TestServer::start_with(options(&[table])).await;
    let client = server.client();
    let way = set_out(&client, "cas", APP).await;
    let ticket = provider.ticket(&way.address, "Alice");
    let back = |ticket: &str, state: &str, cookie: &str| {
        let call = client
            .get(CALLBACK)
            .query("state", state)
            .query("ticket", ticket);
        call.header("cookie", cookie).unspecified().reply()
    };
    let reply = back(&ticket, &way.state, &way.cookie).await;
    assert_eq!(reply.status, 303, "{}", text(&reply));
    let body = json!({"type": "m.login.token", "token": token_in(&reply.header("location"))});
    let session = client.post(v3(&["login"]), body).await;
    assert_eq!(session["user_id"], server.user_id("alice"));
    // The attempt is used up, and so is the ticket.
    assert_eq!(back(&ticket, &way.state, &way.cookie).await.status, 403);
    let next = set_out(&client, "cas", APP).await;
    assert_eq!(back(&ticket, &next.state, &next.cookie).await.status, 403);
    // A ticket that was given for another attempt.
    let (first, second) = (
        set_out(&client, "cas", APP).await,
        set_out(&client, "cas", APP).await,
    );
    let stolen = provider.ticket(&first.address, "bob");
    assert_eq!(
        back(&stolen, &second.state, &second.cookie).await.status,
        403
    );
}

#[tokio::test]
async fn an_unknown_client_gets_a_login_only_when_its_owner_says_so() {
    let provider = Provider::open().await;
    let server = TestServer::start_with(options(&[provider.settings("example", "")])).await;
    let client = server.client();
    for (url, site) in [
        (
            "https://evil.example/?q=\"><script>alert(1)</script>",
            "evil.example",
        ),
        (
            "https://app.example.org.evil.example/web/",
            "app.example.org.evil.example",
        ),
        ("https://app.example.org/website", "app.example.org"),
        ("element://connect", "element:"),
    ] {
        let way = set_out(&client, "example", url).await;
        let code = provider.grant(&way.address, "alice", |_| {});
        let page = come_back(&client, &way, &code).await;
        let html = text(&page);
        assert_eq!(
            (page.status, page.header("location").as_str()),
            (200, ""),
            "{html}"
        );
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains(&format!("<b>{site}</b>")), "{html}");
        assert!(
            page.header("content-security-policy")
                .contains("frame-ancestors 'none'")
        );
        let link = html
            .split("href=\"")
            .nth(1)
            .and_then(|it| it.split('"').next());
        let link = link.expect("a link").replace("&amp;", "&");
        let body = json!({"type": "m.login.token", "token": token_in(&link)});
        let session = client.post(v3(&["login"]), body).await;
        assert_eq!(session["user_id"], server.user_id("alice"));
    }
    for url in [
        "javascript:alert(1)",
        "data:text/html,x",
        "/relative",
        "https://a@evil.example",
    ] {
        let call = client
            .get(v3(&["login", "sso", "redirect"]))
            .query("redirectUrl", url);
        call.unspecified().fails(400, "M_INVALID_PARAM").await;
    }
    let none = client.get(v3(&["login", "sso", "redirect"]));
    none.malformed()
        .unspecified()
        .fails(400, "M_MISSING_PARAM")
        .await;
    let without = TestServer::start().await;
    let call = without.client().get(v3(&["login", "sso", "redirect"]));
    call.query("redirectUrl", APP)
        .unspecified()
        .fails(404, "M_NOT_FOUND")
        .await;
}
