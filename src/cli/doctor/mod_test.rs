use super::*;

fn settings(text: &str) -> Settings {
    crate::config::parse(text, "causeway.toml", []).unwrap()
}

#[test]
fn a_finding_is_a_line_with_its_way_out_below() {
    let well = Finding::ok("redis", "answers");
    assert_eq!(well.to_string(), "OK    redis         answers");
    let ill = Finding::fail("database", "no answer", "start it");
    assert_eq!(
        ill.to_string(),
        "FAIL  database      no answer\n                    -> start it"
    );
}

#[test]
fn clocks_that_differ_are_told() {
    let findings = look_at_clock(Some(ClockDifference(-5_000)), Some(ClockDifference(20)));
    assert_eq!(findings[0].level, Level::Warn);
    assert!(findings[0].text.contains("-5000 ms"));
    assert_eq!(findings[1], Finding::ok("clock", "agrees with Redis"));
}

#[tokio::test]
async fn what_is_not_there_fails_and_names_the_setting() {
    let nowhere = settings(
        "[database]\nurl = \"postgres://nobody@127.0.0.1:1/none\"\n\
         [redis]\nurl = \"redis://127.0.0.1:1\"\n",
    );
    let (findings, clock) = database::look(&nowhere).await;
    assert!(clock.is_none() && findings[0].level == Level::Fail);
    assert!(findings[0].way_out.contains("database.url"));
    let (findings, clock) = redis::look(&nowhere).await;
    assert!(clock.is_none() && findings[0].level == Level::Fail);
    assert!(findings[0].way_out.contains("redis.url"));
}

#[tokio::test]
async fn a_server_that_does_not_run_is_no_failure_of_its_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let text = format!("[listen]\nplain_address = \"{address}\"\n[server]\n");
    let resting = settings(&format!("{text}public_base_url = \"http://127.0.0.1:1\"\n"));
    let _ = rustls::crypto::ring::default_provider().install_default();
    // somebody listens, and the public address leads nowhere
    let findings = http_checks::look(&resting).await;
    assert_eq!(findings[0].level, Level::Fail, "{findings:?}");
    drop(listener);
    let findings = http_checks::look(&resting).await;
    assert_eq!(findings[0].level, Level::Warn, "{findings:?}");
}

#[test]
fn files_without_a_certificate_fail() {
    let wrong = settings(
        "[listen]\ntls_address = [\"127.0.0.1:1\"]\ntls_certificate = \"/dev/null\"\n\
         tls_private_key = \"/dev/null\"\n",
    );
    assert_eq!(certificate::look(&wrong)[0].level, Level::Fail);
    assert_eq!(certificate::look(&settings(""))[0].level, Level::Ok);
}

#[test]
fn room_on_the_disk_is_told_and_nothing_is_made() {
    let dir = std::env::temp_dir().join(format!("causeway-not-made-{}", std::process::id()));
    let text = format!("[server]\ndata_dir = \"{}/data\"\n", dir.display());
    let findings = disk::look(&settings(&text));
    assert!(findings[0].text.contains("GiB free"), "{findings:?}");
    assert!(!dir.exists());
}
