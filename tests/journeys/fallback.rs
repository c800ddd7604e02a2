//! Pages on which people pass stages of authentication that their client does not know.

use causeway_testkit::account::PASSWORD;
use causeway_testkit::{Reply, ServerOptions, TestClient, TestServer, v3};
use serde_json::{Value, json};

const FORM: &str = "application/x-www-form-urlencoded";

fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.bytes).into_owned()
}

fn at(stage: &str) -> String {
    v3(&["auth", stage, "fallback", "web"])
}

async fn page(client: &TestClient, stage: &str, session: &str) -> Reply {
    let call = client.get(at(stage)).query("session", session);
    call.unspecified().reply().await
}

async fn press(client: &TestClient, stage: &str, form: &str) -> Reply {
    let call = client.call(reqwest::Method::POST, at(stage));
    call.raw(FORM, form.to_owned()).unspecified().reply().await
}

async fn register(client: &TestClient, name: &str, auth: Option<Value>) -> Reply {
    let mut body = json!({"username": name, "password": PASSWORD});
    if let Some(auth) = auth {
        body["auth"] = auth;
    }
    client.post(v3(&["register"]), body).reply().await
}

fn is_done(reply: &Reply) -> bool {
    reply.status == 200 && text(reply).contains("window.onAuthDone")
}

#[tokio::test]
async fn documents_and_a_token_are_passed_on_pages() {
    let terms = "[{ id = \"privacy\", version = \"1\", language = \"en\", name = \"Us & <you>\", \
                 url = \"https://example.org/privacy\" }]";
    let options = ServerOptions::default()
        .set("registration.terms", terms)
        .set("registration.require_token", "true");
    let server = TestServer::start_with(options).await;
    let client = server.client();
    let asked = register(&client, "alice", None).await.json();
    let session = asked["session"].as_str().expect("a session");
    let shown = page(&client, "m.login.terms", session).await;
    let html = text(&shown);
    assert!(html.contains("Us &amp; &lt;you&gt;"), "{html}");
    assert!(
        html.contains("href=\"https://example.org/privacy\""),
        "{html}"
    );
    assert!(
        shown
            .header("content-security-policy")
            .starts_with("default-src 'none'")
    );
    let hostile = text(&page(&client, "m.login.terms", "\"><script>").await);
    assert!(!hostile.contains("\"><script>"), "{hostile}");

    let form = format!("session={session}");
    assert!(is_done(&press(&client, "m.login.terms", &form).await));
    // The other stage is missing still.
    let auth = json!({"session": session});
    assert_eq!(
        register(&client, "alice", Some(auth.clone())).await.status,
        401
    );
    assert!(
        text(&page(&client, "m.login.registration_token", session).await)
            .contains("<input name=\"token\"")
    );
    let wrong = press(
        &client,
        "m.login.registration_token",
        &format!("{form}&token=wrong"),
    )
    .await;
    assert!(
        !is_done(&wrong) && text(&wrong).contains("is not valid"),
        "{}",
        text(&wrong)
    );
    assert!(!is_done(
        &press(&client, "m.login.registration_token", &form).await
    ));
    assert_eq!(register(&client, "alice", Some(auth)).await.status, 401);
}

#[tokio::test]
async fn stages_and_sessions_that_are_not_there_have_no_page() {
    let terms = "[{ id = \"privacy\", version = \"1\", language = \"en\", name = \"Privacy\", \
                 url = \"https://example.org/privacy\" }]";
    let options = ServerOptions::default().set("registration.terms", terms);
    let server = TestServer::start_with(options).await;
    let client = server.client();
    let asked = register(&client, "alice", None).await.json();
    let session = asked["session"].as_str().expect("a session");
    let form = format!("session={session}");
    assert_eq!(
        press(&client, "m.login.terms", "session=made-up")
            .await
            .status,
        404
    );
    for stage in [
        "m.login.password",
        "m.login.dummy",
        "m.login.recaptcha",
        "odd",
    ] {
        let call = client
            .get(at(stage))
            .query("session", session)
            .unspecified();
        call.fails(404, "M_UNRECOGNIZED").await;
        let call = client
            .call(reqwest::Method::POST, at(stage))
            .raw(FORM, form.clone());
        call.unspecified().fails(404, "M_UNRECOGNIZED").await;
    }
    let call = client
        .call(reqwest::Method::POST, at("m.login.terms"))
        .raw(FORM, "a=b");
    call.unspecified().fails(400, "M_INVALID_PARAM").await;
    let call = client.get(at("m.login.terms")).unspecified();
    call.fails(400, "M_INVALID_PARAM").await;
}

#[tokio::test]
async fn who_agreed_on_a_page_can_register() {
    let terms = "[{ id = \"privacy\", version = \"1\", language = \"en\", name = \"Privacy\", \
                 url = \"https://example.org/privacy\" }]";
    let options = ServerOptions::default().set("registration.terms", terms);
    let server = TestServer::start_with(options).await;
    let client = server.client();
    let asked = register(&client, "alice", None).await.json();
    let session = asked["session"].as_str().expect("a session");
    let auth = json!({"session": session});
    assert_eq!(
        register(&client, "alice", Some(auth.clone())).await.status,
        401
    );
    assert!(is_done(
        &press(&client, "m.login.terms", &format!("session={session}")).await
    ));
    let made = register(&client, "alice", Some(auth)).await;
    assert_eq!(made.status, 200, "{}", made.json());
    assert_eq!(made.json()["user_id"], server.user_id("alice"));
}
