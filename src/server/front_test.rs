use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRef;
use causeway_users::sessions::Caller;
use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use ruma::api::client::account::whoami;
use ruma::api::client::message::send_message_event;
use ruma::api::client::room::create_room;
use ruma::api::client::state::get_state_event_for_key;
use ruma::user_id;
use serde_json::{Value, json};

use super::Front;
use crate::client::answer::Answer;
use crate::client::body::MAX_JSON_DEPTH;
use crate::client::error::ApiError;
use crate::client::extract::{
    Authenticate, AuthenticateError, Authenticator, ClientIp, OptionalSession, Ruma, Session,
};
use crate::config::{IpRange, Limits, RateLimit};
use crate::server::entrance::Entrance;
use crate::server::rate_limit::Action;
use crate::server::record::Access;
use crate::server::routes::Routes;

const MAX_BODY_BYTES: usize = 4096;

#[derive(Clone, FromRef)]
struct Doors {
    entrance: Entrance,
    authenticator: Authenticator,
}

/// Knows the tokens `alice`, `guest` and `expired`.
struct Tokens;

impl Authenticate for Tokens {
    fn authenticate<'a>(
        &'a self,
        access_token: &'a str,
        _: Caller<'a>,
    ) -> BoxFuture<'a, Result<Session, AuthenticateError>> {
        Box::pin(async move {
            let session = |is_guest| Session {
                user_id: user_id!("@alice:example.org").to_owned(),
                device_id: "DEVICE".into(),
                is_guest,
                is_admin: false,
                is_suspended: false,
                is_locked: false,
            };
            match access_token {
                "alice" => Ok(session(false)),
                "guest" => Ok(session(true)),
                "expired" => Err(AuthenticateError::Expired),
                "broken" => Err(AuthenticateError::Store(anyhow::anyhow!("connection lost"))),
                _ => Err(AuthenticateError::Unknown),
            }
        })
    }
}

async fn create(
    _: Session,
    Ruma(request): Ruma<create_room::v3::Request>,
) -> Result<Answer<create_room::v3::Response>, ApiError> {
    if request.name.as_deref() == Some("panic") {
        panic!("a secret of the inside");
    }
    let room_id = ruma::owned_room_id!("!room:example.org");
    Ok(Answer(create_room::v3::Response::new(room_id)))
}

async fn whoami(
    session: Session,
    _: Ruma<whoami::v3::Request>,
) -> Result<Answer<whoami::v3::Response>, ApiError> {
    Ok(Answer(whoami::v3::Response::new(
        session.user_id,
        session.is_guest,
    )))
}

async fn state_key(
    Ruma(request): Ruma<get_state_event_for_key::v3::Request>,
) -> Result<axum::Json<Value>, ApiError> {
    Ok(axum::Json(
        json!({ "room": request.room_id, "key": request.state_key }),
    ))
}

async fn send(
    ClientIp(ip): ClientIp,
    OptionalSession(session): OptionalSession,
    Ruma(request): Ruma<send_message_event::v3::Request>,
) -> Result<axum::Json<Value>, ApiError> {
    Ok(axum::Json(json!({
        "ip": ip,
        "user": session.map(|session| session.user_id),
        "txn": request.txn_id,
    })))
}

fn front(burst: u32) -> Front {
    let rate = RateLimit {
        per_minute: 1,
        burst,
    };
    let limits = Limits::all(rate);
    let proxies = vec![IpRange::parse("127.0.0.0/8").unwrap()];
    let entrance = Entrance::new(MAX_BODY_BYTES, limits, proxies);
    let doors = Doors {
        entrance: entrance.clone(),
        authenticator: Arc::new(Tokens),
    };
    let routes = Routes::<Doors>::default()
        .ruma(Access::USERS, create)
        .ruma(Access::GUESTS, whoami)
        .ruma_also_at(
            Access::USERS,
            &["/_matrix/client/v3/rooms/{room}/state/{type}"],
            state_key,
        )
        .ruma(Access::USERS.limited(Action::Send), send);
    Front::new(routes.into_router().with_state(doors), entrance)
}

struct Ask {
    method: Method,
    path: String,
    token: Option<&'static str>,
    body: Vec<u8>,
    forwarded: Option<&'static str>,
}

fn ask(method: Method, path: &str) -> Ask {
    Ask {
        method,
        path: path.to_owned(),
        token: Some("alice"),
        body: Vec::new(),
        forwarded: None,
    }
}

impl Ask {
    fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            ..self
        }
    }

    fn token(self, token: Option<&'static str>) -> Self {
        Self { token, ..self }
    }

    async fn of(self, front: &Front) -> (StatusCode, Value, Response<()>) {
        let mut request = Request::builder().method(self.method).uri(self.path);
        if let Some(token) = self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(forwarded) = self.forwarded {
            request = request.header("x-forwarded-for", forwarded);
        }
        let request = request.body(Body::from(self.body)).unwrap();
        let response = front.answer(request, Ipv4Addr::LOCALHOST.into()).await;
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
        (parts.status, json, Response::from_parts(parts, ()))
    }
}

const CREATE: &str = "/_matrix/client/v3/createRoom";
const WHOAMI: &str = "/_matrix/client/v3/account/whoami";

async fn refused(ask: Ask) -> (u16, String) {
    let (status, body, _) = ask.of(&front(100)).await;
    assert!(body["error"].is_string(), "{body}");
    (
        status.as_u16(),
        body["errcode"].as_str().unwrap().to_owned(),
    )
}

fn code(status: u16, errcode: &str) -> (u16, String) {
    (status, errcode.to_owned())
}

#[tokio::test]
async fn unknown_paths_and_methods() {
    let empty = ask(Method::GET, "/_matrix/client/v3/rooms//state/m.x").token(None);
    assert_eq!(refused(empty).await, code(404, "M_UNRECOGNIZED"));
    let unknown = ask(Method::GET, "/_matrix/client/v3/nothing");
    assert_eq!(refused(unknown).await, code(404, "M_UNRECOGNIZED"));
    assert_eq!(
        refused(ask(Method::PATCH, WHOAMI)).await,
        code(405, "M_UNRECOGNIZED")
    );
    assert_eq!(
        refused(ask(Method::GET, "/")).await,
        code(404, "M_UNRECOGNIZED")
    );
}

#[tokio::test]
async fn preflight_runs_nothing() {
    let (status, body, response) = ask(Method::OPTIONS, CREATE)
        .token(None)
        .of(&front(100))
        .await;
    assert_eq!((status, body), (StatusCode::NO_CONTENT, Value::Null));
    assert!(
        response
            .headers()
            .contains_key("access-control-allow-methods")
    );
    assert!(
        response
            .headers()
            .contains_key("access-control-allow-headers")
    );
}

#[tokio::test]
async fn all_versions_of_a_path_are_served() {
    for version in ["r0", "v3"] {
        let path = format!("/_matrix/client/{version}/account/whoami");
        let (status, body, _) = ask(Method::GET, &path).of(&front(100)).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(body["user_id"], "@alice:example.org");
        let (status, body, _) = ask(Method::HEAD, &path).of(&front(100)).await;
        assert_eq!((status, body), (StatusCode::OK, Value::Null));
    }
}

#[tokio::test]
async fn path_parameters_are_decoded_and_may_be_fewer() {
    let path = "/_matrix/client/v3/rooms/%21a:b/state/m.x";
    let (_, body, _) = ask(Method::GET, path).of(&front(100)).await;
    assert_eq!(body, json!({ "room": "!a:b", "key": "" }));
    let (_, body, _) = ask(Method::GET, &format!("{path}/k%2Fk%20y"))
        .of(&front(100))
        .await;
    assert_eq!(body, json!({ "room": "!a:b", "key": "k/k y" }));
    let bad_room = ask(Method::GET, "/_matrix/client/v3/rooms/a/state/m.x");
    assert_eq!(refused(bad_room).await, code(400, "M_INVALID_PARAM"));
    let not_utf8 = ask(Method::GET, "/_matrix/client/v3/rooms/%FF/state/m.x");
    assert_eq!(refused(not_utf8).await, code(400, "M_INVALID_PARAM"));
}

#[tokio::test]
async fn tokens() {
    let get = |token| ask(Method::GET, WHOAMI).token(token);
    assert_eq!(refused(get(None)).await, code(401, "M_MISSING_TOKEN"));
    assert_eq!(
        refused(get(Some("nobody"))).await,
        code(401, "M_UNKNOWN_TOKEN")
    );
    assert_eq!(refused(get(Some("broken"))).await, code(500, "M_UNKNOWN"));
    let (_, body, _) = get(Some("nobody")).of(&front(100)).await;
    assert_eq!(body["soft_logout"], false);
    let (_, body, _) = get(Some("expired")).of(&front(100)).await;
    assert_eq!(
        (&body["soft_logout"], &body["errcode"]),
        (&json!(true), &json!("M_UNKNOWN_TOKEN"))
    );
    let in_query = ask(Method::GET, &format!("{WHOAMI}?a=b&access_token=alice")).token(None);
    let (status, ..) = in_query.of(&front(100)).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn guests_go_only_where_they_may() {
    let (status, body, _) = ask(Method::GET, WHOAMI)
        .token(Some("guest"))
        .of(&front(100))
        .await;
    assert_eq!((status, &body["is_guest"]), (StatusCode::OK, &json!(true)));
    let create = ask(Method::POST, CREATE).token(Some("guest")).body("{}");
    assert_eq!(refused(create).await, code(403, "M_GUEST_ACCESS_FORBIDDEN"));
}

#[tokio::test]
async fn bad_bodies() {
    let post = |body: Vec<u8>| ask(Method::POST, CREATE).body(body);
    let not_utf8_in_passing = b"{\"unknown\":\"\xff\"}".to_vec();
    assert_eq!(
        refused(post(not_utf8_in_passing)).await,
        code(400, "M_NOT_JSON")
    );
    let version = br#"{"room_version":"there is no such version"}"#.to_vec();
    assert_eq!(
        refused(post(version)).await,
        code(400, "M_UNSUPPORTED_ROOM_VERSION")
    );
    assert_eq!(refused(post(b"{".to_vec())).await, code(400, "M_NOT_JSON"));
    assert_eq!(
        refused(post(b"\xff{}".to_vec())).await,
        code(400, "M_NOT_JSON")
    );
    let not_utf8 = b"{\"name\":\"\xff\"}".to_vec();
    assert_eq!(refused(post(not_utf8)).await, code(400, "M_NOT_JSON"));
    assert_eq!(
        refused(post(br#"{"name":5}"#.to_vec())).await,
        code(400, "M_BAD_JSON")
    );
    assert_eq!(refused(post(b"[]".to_vec())).await, code(400, "M_BAD_JSON"));
    let large = vec![b' '; MAX_BODY_BYTES + 1];
    assert_eq!(refused(post(large)).await, code(413, "M_TOO_LARGE"));
    let nested = |depth: usize| {
        let body = format!(
            r#"{{"x":{}{}}}"#,
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        );
        post(body.into_bytes())
    };
    assert_eq!(
        refused(nested(MAX_JSON_DEPTH + 1)).await,
        code(400, "M_BAD_JSON")
    );
    let (status, ..) = nested(MAX_JSON_DEPTH).of(&front(100)).await;
    assert_eq!(status, StatusCode::OK);
    let brackets_in_text = format!(r#"{{"name":"\"{}"}}"#, "[".repeat(200));
    let (status, ..) = post(brackets_in_text.into_bytes()).of(&front(100)).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_without_announced_length_is_limited_too() {
    let chunks = futures::stream::iter((0..100).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024])));
    let request = Request::post(CREATE)
        .header("authorization", "Bearer alice")
        .body(Body::from_stream(chunks))
        .unwrap();
    let response = front(100).answer(request, Ipv4Addr::LOCALHOST.into()).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_panic_is_answered_and_harms_no_other_request() {
    let front = Arc::new(front(100));
    let others: Vec<_> = (0..20)
        .map(|_| {
            let front = front.clone();
            tokio::spawn(async move { ask(Method::GET, WHOAMI).of(&front).await.0 })
        })
        .collect();
    let (status, body, _) = ask(Method::POST, CREATE)
        .body(r#"{"name":"panic"}"#)
        .of(&front)
        .await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        body,
        json!({ "errcode": "M_UNKNOWN", "error": "Internal server error" })
    );
    for other in others {
        assert_eq!(other.await.unwrap(), StatusCode::OK);
    }
    let (status, ..) = ask(Method::POST, CREATE).body("{}").of(&front).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn limits_count_users_or_addresses() {
    let front = front(2);
    let send = |token, forwarded| Ask {
        forwarded,
        ..ask(Method::PUT, "/_matrix/client/v3/rooms/!a:b/send/m.x/1")
            .token(token)
            .body("{}")
    };
    for _ in 0..2 {
        let (status, body, _) = send(Some("alice"), Some("192.0.2.1")).of(&front).await;
        assert_eq!((status, &body["ip"]), (StatusCode::OK, &json!("192.0.2.1")));
    }
    let (status, body, response) = send(Some("alice"), Some("192.0.2.2")).of(&front).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(body["errcode"], "M_LIMIT_EXCEEDED");
    let wait = Duration::from_millis(body["retry_after_ms"].as_u64().unwrap());
    assert!(
        wait > Duration::from_secs(50) && wait <= Duration::from_secs(60),
        "{wait:?}"
    );
    assert_eq!(response.headers()["retry-after"], "60");
    for _ in 0..2 {
        let (status, ..) = send(None, Some("192.0.2.1")).of(&front).await;
        assert_eq!(status, StatusCode::OK);
    }
    assert_eq!(
        send(None, Some("192.0.2.1")).of(&front).await.0,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(
        send(None, Some("192.0.2.2")).of(&front).await.0,
        StatusCode::OK
    );
    // What is not limited goes on.
    assert_eq!(ask(Method::GET, WHOAMI).of(&front).await.0, StatusCode::OK);
}
