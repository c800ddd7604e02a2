//! Links over real TLS on the loopback interface.

use std::net::IpAddr;

use causeway_outbound::IpRange;
use causeway_testkit::{Authority, RemoteServer, Said};
use futures::future::BoxFuture;
use ruma::server_name;
use serde_json::{Value, json};

use super::*;

const GET: Method = Method::GET;
const PUT: Method = Method::PUT;

/// Everything whose name ends in `.test` is on this machine.
struct Here;

impl Names for Here {
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, NameError>> {
        let is_here = host.ends_with(".test") || host == "localhost";
        Box::pin(async move {
            match is_here {
                true => Ok(vec!["127.0.0.1".parse().unwrap()]),
                false => Err(NameError("no such name".to_owned())),
            }
        })
    }

    fn services<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<Service>, NameError>> {
        Box::pin(async { Err(NameError("no such name".to_owned())) })
    }
}

fn links(authority: Option<&Authority>, web_port: u16) -> Links {
    let key = ServerKey::generate(server_name!("us.example").to_owned(), "1").unwrap();
    let policy = AddressPolicy {
        allowed: vec![IpRange::parse("127.0.0.0/8").unwrap()],
        denied: Vec::new(),
    };
    Links::new(LinkSettings {
        key,
        policy,
        trusted_authorities: authority.map(Authority::file).into_iter().collect(),
        user_agent: HeaderValue::from_static("test"),
        ports: Ports {
            federation: 1,
            web: web_port,
        },
        names: Arc::new(Here),
        clock: Clock::manual(0),
    })
    .unwrap()
}

fn name_of(server: &RemoteServer) -> OwnedServerName {
    server.name().try_into().unwrap()
}

#[tokio::test]
async fn requests_are_signed_and_answers_read() {
    let authority = Authority::new();
    let server = RemoteServer::start(&authority).await;
    server.on(PUT, "/a", |heard| Said::json(&json!({"got": heard.body})));
    let links = links(Some(&authority), 1);
    let request = links.put(&name_of(&server), format!("/a/{}", segment("b c/d")));
    let answer = request.json(&json!({"z": 1, "a": "x"})).unwrap();
    let answer = answer.send().await.unwrap();
    let value: Value = answer.json().unwrap();
    assert_eq!(value, json!({"got": {"a": "x", "z": 1}}));
    let heard = server.heard().await;
    assert_eq!(heard[0].path, "/a/b%20c%2Fd");
    assert_eq!(heard[0].host, server.name());
    assert_eq!(heard[0].version, "HTTP/2.0", "HTTP/2 where it is offered");
    let claim = crate::XMatrix::parse(&heard[0].authorization).unwrap();
    assert_eq!(claim.origin, "us.example");
    assert_eq!(claim.destination.unwrap(), server.name());
}

#[tokio::test]
async fn failures_say_what_they_mean_for_the_server() {
    let authority = Authority::new();
    let server = RemoteServer::start(&authority).await;
    let forbidden = json!({"errcode": "M_FORBIDDEN", "error": "no"});
    let limited = json!({"errcode": "M_LIMIT_EXCEEDED", "error": "slow"});
    server.on(GET, "/forbidden", move |_| Said::status(403, &forbidden));
    server.on(GET, "/limited", move |_| {
        Said::status(429, &limited).header("retry-after", "7")
    });
    server.on(GET, "/broken", |_| Said::status(502, &Value::Null));
    server.on(GET, "/large", |_| Said::json(&json!("x".repeat(2_000))));
    server.on(GET, "/late", |_| Said::json(&json!({})).after_ms(5_000));
    let links = links(Some(&authority), 1);
    let name = name_of(&server);
    let ask = |path: &str| {
        let request = links.get(&name, path).at_most(1_000);
        request.within(Duration::from_millis(1_500)).send()
    };
    let refused = ask("/forbidden").await.unwrap_err();
    assert_eq!(refused.errcode(), Some("M_FORBIDDEN"));
    assert_eq!(refused.standing(), Standing::Answers);
    let busy = ask("/limited").await.unwrap_err();
    assert_eq!(
        busy.standing(),
        Standing::Busy(Some(Duration::from_secs(7)))
    );
    assert_eq!(ask("/broken").await.unwrap_err().standing(), Standing::Down);
    let unknown = ask("/unknown").await.unwrap_err();
    assert!(unknown.is_unrecognized());
    assert!(matches!(ask("/large").await, Err(LinkError::TooLarge)));
    let late = ask("/late").await;
    assert!(matches!(late, Err(LinkError::TimedOut)));
    let ourselves = links.get(server_name!("us.example"), "/x").send().await;
    assert!(matches!(ourselves, Err(LinkError::Ourselves)));
    let float = links.put(&name, "/a").json(&json!({"a": 1.5}));
    assert!(matches!(float, Err(LinkError::Request(_))));
}

#[tokio::test]
async fn certificates_must_be_for_the_name_and_of_a_known_authority() {
    let authority = Authority::new();
    let server = RemoteServer::start(&authority).await;
    server.on(GET, "/", |_| Said::json(&json!({})));
    let (_, port) = server.name().rsplit_once(':').unwrap();
    let strangers = links(Some(&Authority::new()), 1);
    let refused = strangers.get(&name_of(&server), "/").send().await;
    assert!(
        matches!(refused, Err(LinkError::Connect(ConnectError::Tls(_)))),
        "{refused:?}"
    );
    let links = links(Some(&authority), 1);
    // The certificate is for localhost and the addresses of the machine.
    let other = OwnedServerName::try_from(format!("other.test:{port}")).unwrap();
    let refused = links.get(&other, "/").send().await;
    assert!(
        matches!(refused, Err(LinkError::Connect(ConnectError::Tls(_)))),
        "{refused:?}"
    );
    let literal = OwnedServerName::try_from(format!("127.0.0.1:{port}")).unwrap();
    assert!(links.get(&literal, "/").send().await.is_ok());
}

#[tokio::test]
async fn a_server_may_delegate_to_another_name() {
    let authority = Authority::new();
    let server = RemoteServer::start_as(&authority, &["localhost", "d.test"]).await;
    let (_, port) = server.name().rsplit_once(':').unwrap();
    let port: u16 = port.parse().unwrap();
    let target = server.name().to_owned();
    server.on(
        GET,
        "/.well-known/matrix/server",
        move |heard| match &*heard.host {
            host if host.starts_with("d.test") => {
                Said::status(302, &Value::Null).header("location", "/moved")
            }
            _ => Said::status(404, &Value::Null),
        },
    );
    server.on(GET, "/moved", move |_| {
        Said::json(&json!({"m.server": target}))
    });
    server.on(GET, "/x", |_| Said::json(&json!({})));
    let links = links(Some(&authority), port);
    for _ in 0..2 {
        let answer = links.get(server_name!("d.test"), "/x").send().await;
        answer.unwrap();
    }
    let heard = server.heard().await;
    let paths: Vec<&str> = heard.iter().map(|it| &*it.path).collect();
    assert_eq!(
        paths,
        ["/.well-known/matrix/server", "/moved", "/x", "/x"],
        "it is remembered"
    );
    assert_eq!(
        heard[2].host,
        server.name(),
        "the name that was delegated to"
    );
    let claim = crate::XMatrix::parse(&heard[2].authorization).unwrap();
    assert_eq!(claim.destination.unwrap(), "d.test", "the name before");
    let (delegate, addresses) = links.find(server_name!("d.test")).await.unwrap();
    assert_eq!(delegate, server.name());
    assert_eq!(addresses, [format!("127.0.0.1:{port}").parse().unwrap()]);
}

#[tokio::test]
async fn delegation_never_leads_in_circles_or_to_plain_http() {
    let authority = Authority::new();
    let server = RemoteServer::start_as(&authority, &["localhost", "d.test", "e.test"]).await;
    let (_, port) = server.name().rsplit_once(':').unwrap();
    server.on(GET, "/.well-known/matrix/server", |heard| {
        let to = match &*heard.host {
            host if host.starts_with("d.test") => "/.well-known/matrix/server",
            _ => "http://localhost/",
        };
        Said::status(301, &Value::Null).header("location", to)
    });
    let links = links(Some(&authority), port.parse().unwrap());
    for name in [server_name!("d.test"), server_name!("e.test")] {
        let (delegate, _) = links.find(name).await.unwrap();
        assert_eq!(delegate, name, "its own name");
    }
    assert_eq!(server.heard().await.len(), 6 + 1);
}
