//! Riddles for who registers. The service that knows the answers is the test's own.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use causeway_testkit::account::PASSWORD;
use causeway_testkit::{Reply, ServerOptions, TestClient, TestServer, v3};
use serde::Deserialize;
use serde_json::{Value, json};

/// Where the service is, and how often it was asked.
#[derive(Clone)]
struct Service {
    port: u16,
    asked: Arc<AtomicUsize>,
}

#[derive(Deserialize)]
struct Asked {
    secret: String,
    response: String,
}

async fn verify(State(service): State<Service>, Form(asked): Form<Asked>) -> Response {
    service.asked.fetch_add(1, Ordering::SeqCst);
    let is_right = asked.secret == "top secret&" && asked.response == "right+answer";
    if asked.response == "down" {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    axum::Json(json!({"success": is_right, "hostname": "localhost"})).into_response()
}

impl Service {
    async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port");
        let service = Self {
            port: listener.local_addr().expect("an address").port(),
            asked: Arc::default(),
        };
        let router = Router::new()
            .route("/siteverify", axum::routing::post(verify))
            .with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        service
    }

    fn options(&self, name: &str) -> ServerOptions {
        let url = format!("http://127.0.0.1:{}/siteverify", self.port);
        ServerOptions::default()
            .text("captcha.service", name)
            .text("captcha.site_key", "public")
            .text("captcha.secret", "top secret&")
            .text("captcha.verify_url", &url)
    }

    fn times_asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn register(client: &TestClient, name: &str, auth: Option<Value>) -> Reply {
    let mut body = json!({"username": name, "password": PASSWORD});
    if let Some(auth) = auth {
        body["auth"] = auth;
    }
    client.post(v3(&["register"]), body).reply().await
}

#[tokio::test]
async fn who_registers_solves_a_riddle() {
    for name in ["recaptcha", "hcaptcha"] {
        let service = Service::open().await;
        let server = TestServer::start_with(service.options(name)).await;
        let client = server.client();
        let asked = register(&client, "alice", None).await;
        assert_eq!(asked.status, 401);
        let asked = asked.json();
        assert_eq!(asked["flows"], json!([{"stages": ["m.login.recaptcha"]}]));
        assert_eq!(
            asked["params"]["m.login.recaptcha"],
            json!({"public_key": "public"})
        );
        let solve = |answer: &str| {
            let auth = json!({"type": "m.login.recaptcha", "response": answer,
                              "session": asked["session"]});
            register(&client, "alice", Some(auth))
        };
        let none = solve("").await;
        assert_eq!(
            (none.status, none.code().as_str()),
            (401, "M_CAPTCHA_NEEDED")
        );
        let long = solve(&"x".repeat(16_385)).await;
        assert_eq!(
            (long.status, long.code().as_str()),
            (401, "M_CAPTCHA_INVALID")
        );
        assert_eq!(service.times_asked(), 0);
        let wrong = solve("wrong").await;
        assert_eq!(
            (wrong.status, wrong.code().as_str()),
            (401, "M_CAPTCHA_INVALID")
        );
        // No other stage takes its place.
        let dummy = json!({"type": "m.login.dummy", "session": asked["session"]});
        let refused = register(&client, "alice", Some(dummy)).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (401, "M_UNRECOGNIZED")
        );
        let made = solve("right+answer").await;
        assert_eq!(made.status, 200, "{}", made.json());
        assert_eq!(service.times_asked(), 2);
        assert!(
            !server.log().contains("top secret"),
            "the secret is in the log"
        );
    }
}

#[tokio::test]
async fn a_service_that_fails_lets_nobody_in() {
    let service = Service::open().await;
    let server = TestServer::start_with(service.options("hcaptcha")).await;
    let client = server.client();
    let body = json!({"username": "alice", "password": PASSWORD,
                      "auth": {"type": "m.login.recaptcha", "response": "down"}});
    let call = client.post(v3(&["register"]), body);
    call.unspecified().fails(500, "M_UNKNOWN").await;
    assert_eq!(service.times_asked(), 1);
    assert_eq!(
        register(&client, "alice", None).await.status,
        401,
        "nobody was let in"
    );
}

#[tokio::test]
async fn a_riddle_is_solved_on_a_page() {
    for (name, class, host) in [
        (
            "recaptcha",
            "g-recaptcha",
            "https://www.recaptcha.net/recaptcha/",
        ),
        ("hcaptcha", "h-captcha", "https://*.hcaptcha.com"),
    ] {
        let service = Service::open().await;
        let server = TestServer::start_with(service.options(name)).await;
        let client = server.client();
        let asked = register(&client, "alice", None).await.json();
        let session = asked["session"].as_str().expect("a session");
        let at = v3(&["auth", "m.login.recaptcha", "fallback", "web"]);
        let page = client
            .get(&at)
            .query("session", session)
            .unspecified()
            .reply()
            .await;
        let html = String::from_utf8_lossy(&page.bytes).into_owned();
        let element = format!("<div class=\"{class}\" data-sitekey=\"public\">");
        assert!(html.contains(&element), "{html}");
        let policy = page.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains(host),
            "{policy}"
        );
        let press = async |answer: &str| {
            let form = format!("session={session}&g-recaptcha-response={answer}");
            let call = client.call(reqwest::Method::POST, &at);
            let call = call.raw("application/x-www-form-urlencoded", form);
            let reply = call.unspecified().reply().await;
            String::from_utf8_lossy(&reply.bytes).contains("onAuthDone")
        };
        assert!(!press("wrong").await && !press("").await);
        let auth = json!({"session": session});
        assert_eq!(
            register(&client, "alice", Some(auth.clone())).await.status,
            401
        );
        assert!(press("right%2Banswer").await);
        let made = register(&client, "alice", Some(auth)).await;
        assert_eq!(made.status, 200, "{}", made.json());
    }
}
