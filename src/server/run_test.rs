use std::time::Duration;

use causeway_testkit::TestDatabase;
use serde_json::Value;

use super::Server;
use crate::config;

async fn start(database: &TestDatabase) -> Server {
    let environment = [
        ("CAUSEWAY_SERVER__NAME", "example.org".to_owned()),
        ("CAUSEWAY_LISTEN__PLAIN_ADDRESS", "127.0.0.1:0".to_owned()),
        ("CAUSEWAY_DATABASE__URL", database.url()),
        ("CAUSEWAY_SERVER__SHUTDOWN_GRACE_MS", "2s".to_owned()),
    ];
    let environment = environment.map(|(key, value)| (key.to_owned(), value));
    let settings = config::parse("", "", environment).unwrap();
    Server::start(settings, None).await.unwrap()
}

async fn get(server: &Server, path: &str) -> (u16, Value) {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    let url = format!("http://{}{path}", server.addresses()[0]);
    let response = client.get(url).send().await.unwrap();
    (
        response.status().as_u16(),
        response.json().await.unwrap_or(Value::Null),
    )
}

#[tokio::test]
async fn two_servers_run_in_one_process_and_stop() {
    // reqwest asks for a TLS provider even where it uses none.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (one, other) = (TestDatabase::create().await, TestDatabase::create().await);
    let (one, other) = (start(&one).await, start(&other).await);
    for server in [&one, &other] {
        let (status, body) = get(server, "/_matrix/client/versions").await;
        assert_eq!(status, 200);
        assert!(
            body["versions"]
                .as_array()
                .unwrap()
                .contains(&"v1.11".into()),
            "{body}"
        );
        let (status, body) = get(server, "/health/ready").await;
        assert_eq!((status, &body["ready"]), (200, &true.into()));
        assert_eq!(get(server, "/health/live").await.0, 200);
        assert_eq!(get(server, "/_matrix/client/v3/capabilities").await.0, 401);
        // Figures are gathered by the process, here by nobody.
        assert_eq!(get(server, "/metrics").await.0, 404);
        let (_, body) = get(server, "/.well-known/matrix/client").await;
        assert_eq!(body["m.homeserver"]["base_url"], "https://example.org");
    }
    let address = one.addresses()[0];
    one.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert_eq!(get(&other, "/health").await.0, 200);
    other.stop().await;
}

#[tokio::test]
async fn without_its_database_a_server_is_alive_but_not_ready() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let database = TestDatabase::create().await;
    let server = start(&database).await;
    drop(database);
    assert_eq!(get(&server, "/health/live").await.0, 200);
    let (status, body) = get(&server, "/health/ready").await;
    assert_eq!((status, &body["database"]), (503, &false.into()));
}
