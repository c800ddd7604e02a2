//! What operators see: health, metrics, log lines, a clean stop, settings that are refused.

use std::process::Command;
use std::time::{Duration, Instant};

use causeway_testkit::server::binary;
use causeway_testkit::{ServerOptions, TestServer, v3};

#[tokio::test]
async fn metrics_and_log_lines_tell_what_happened() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    alice.say(&room, "x").await;
    let metrics = server.metrics().await;
    assert!(metrics.sum_where("causeway_requests_total", "method=\"PUT\"") >= 1.0);
    let line = server
        .requests()
        .into_iter()
        .rfind(|line| line.mentions("/send/"));
    let line = line.expect("the request's line").fields;
    assert_eq!(
        (&line["user"], &line["status"]),
        (&alice.id().into(), &200.into())
    );
    assert_eq!(line["room"], room);
    assert!(
        line["duration_ms"].is_number() && line["db_ms"].is_number(),
        "{line}"
    );
    assert!(
        !server.log().contains(alice.access_token()),
        "a token is in the log"
    );
}

#[tokio::test]
async fn health_tells_live_from_ready() {
    let server = TestServer::start().await;
    let reply = server.client().get("/health").unspecified().reply().await;
    assert_eq!(
        reply.status,
        200,
        "{}",
        String::from_utf8_lossy(&reply.bytes)
    );
}

#[tokio::test]
async fn a_stop_answers_who_waits_and_takes_little_time() {
    let mut server = TestServer::start().await;
    let alice = server.user("alice").await;
    let mut reader = alice.caught_up().await;
    let waiting = tokio::spawn(async move { reader.round(60_000).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let started = Instant::now();
    server.stop().await;
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
    let sync = waiting.await.expect("an answer to the waiting client");
    assert!(sync["next_batch"].is_string());
    server.restart().await;
    alice.get(v3(&["account", "whoami"])).await;
}

#[test]
fn mistakes_in_the_settings_are_named_all_at_once() {
    let directory = std::env::temp_dir().join(format!("causeway-settings-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let file = directory.join("causeway.toml");
    std::fs::write(
        &file,
        "[server]\nnam = \"x\"\n\n[limits]\nenabled = \"maybe\"\n",
    )
    .expect("a file");
    let run = Command::new(binary())
        .arg("--config")
        .arg(&file)
        .arg("check-config")
        .output();
    let run = run.expect("the program to run");
    let said =
        String::from_utf8_lossy(&run.stderr).into_owned() + &String::from_utf8_lossy(&run.stdout);
    std::fs::remove_dir_all(&directory).expect("the directory to go");
    assert!(!run.status.success());
    for part in ["nam", "enabled", "2", "5"] {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

#[tokio::test]
async fn the_well_known_documents_are_what_the_operator_says() {
    let server = TestServer::start().await;
    let at = |name: &str| format!("/.well-known/matrix/{name}");
    let client = server.client().get(at("client")).await;
    let base = client["m.homeserver"]["base_url"].as_str();
    // A server that is called localhost is tried out, and has no certificate.
    assert_eq!(base, Some(server.url().as_str()));
    for absent in ["server", "support"] {
        let reply = server.client().get(at(absent)).unspecified().reply().await;
        assert_eq!(reply.status, 404, "{absent}: {}", reply.json());
    }
    let options = ServerOptions::default()
        .text("server.public_base_url", "https://matrix.example.org")
        .text("well_known.server", "matrix.example.org:443")
        .text("well_known.support_page", "https://example.org/support");
    let server = TestServer::start_with(options).await;
    let client = server.client().get(at("client")).await;
    let base = &client["m.homeserver"]["base_url"];
    assert_eq!(base, "https://matrix.example.org");
    let other_servers = server
        .client()
        .get(at("server"))
        .unspecified()
        .reply()
        .await;
    assert_eq!(other_servers.json()["m.server"], "matrix.example.org:443");
    // Browsers of any origin may read them.
    assert_eq!(other_servers.header("access-control-allow-origin"), "*");
    let support = server.client().get(at("support")).await;
    assert_eq!(support["support_page"], "https://example.org/support");
    let options = ServerOptions::default().set("well_known.client", "false");
    let server = TestServer::start_with(options).await;
    let reply = server.client().get(at("client")).reply().await;
    assert_eq!(reply.status, 404, "{}", reply.json());
}
