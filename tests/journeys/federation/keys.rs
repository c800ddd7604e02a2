//! Keys of servers: our own, and those of others that we vouch for.

use std::time::Duration;

use causeway_testkit::{RemoteServer, Said, ServerOptions, TestServer};
use serde_json::{Value, json};

use super::Pair;

fn signers(document: &Value) -> Vec<&String> {
    document["signatures"]
        .as_object()
        .expect("signatures")
        .keys()
        .collect()
}

#[tokio::test]
async fn the_server_tells_its_key_signed() {
    let pair = Pair::start().await;
    let reply = pair
        .call("GET", "/_matrix/key/v2/server")
        .unsigned()
        .send()
        .await;
    let document = reply.json();
    assert_eq!(document["server_name"], pair.ours.name());
    let (id, _) = document["verify_keys"]
        .as_object()
        .unwrap()
        .iter()
        .next()
        .unwrap();
    let name = pair.ours.name();
    assert!(document["signatures"][&name][id].is_string());
    // The same on the port for clients, for a proxy that brings both there.
    let again = pair
        .ours
        .client()
        .get("/_matrix/key/v2/server")
        .unspecified();
    assert_eq!(again.await["verify_keys"], document["verify_keys"]);
}

#[tokio::test]
async fn a_notary_vouches_for_others_even_when_they_are_gone() {
    let pair = Pair::start().await;
    let (ours, theirs) = (pair.ours.name(), pair.theirs.name().to_owned());
    let path = format!("/_matrix/key/v2/query/{theirs}");
    let one = pair
        .call("GET", path.clone())
        .unsigned()
        .send()
        .await
        .json();
    let document = &one["server_keys"][0];
    let mut expected = [&ours, &theirs];
    expected.sort();
    assert_eq!(signers(document), expected);
    assert_eq!(
        document["verify_keys"],
        pair.theirs.key_document()["verify_keys"]
    );

    pair.theirs
        .on("GET".parse().unwrap(), "/_matrix/key/v2/server", |_| {
            Said::status(500, &Value::Null)
        });
    let gone = format!("localhost:{}", 1);
    let wishes = json!({"server_keys": {&theirs: {}, &gone: {"ed25519:x": {}}, &ours: {}}});
    let query = pair
        .call("POST", "/_matrix/key/v2/query")
        .unsigned()
        .json(wishes);
    let all = query.send().await.json();
    let all = all["server_keys"].as_array().unwrap();
    let mut names: Vec<_> = all
        .iter()
        .filter_map(|it| it["server_name"].as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, expected, "none of who was never there");
    let far = format!("{path}?minimum_valid_until_ts=99999999999999");
    let old = pair.call("GET", far).unsigned().send().await.json();
    assert_eq!(
        old["server_keys"][0]["server_name"], theirs,
        "the old one rather than none"
    );
}

#[tokio::test]
async fn questions_to_the_notary_are_bounded() {
    let pair = Pair::start().await;
    let many: serde_json::Map<_, _> = (0..101)
        .map(|n| (format!("s{n}.example"), json!({})))
        .collect();
    let query = pair.call("POST", "/_matrix/key/v2/query").unsigned();
    let reply = query.json(json!({"server_keys": many})).send().await;
    assert_eq!(reply.error(), (413, "M_TOO_LARGE".to_owned()));
    let query = pair.call("POST", "/_matrix/key/v2/query").unsigned();
    let reply = query
        .json(json!({"server_keys": {"no name": {}}}))
        .send()
        .await;
    assert_eq!(reply.error(), (400, "M_BAD_JSON".to_owned()));
}

#[tokio::test]
async fn a_trusted_notary_speaks_for_a_server_that_does_not_answer() {
    let authority = causeway_testkit::Authority::new();
    let notary = RemoteServer::start(&authority).await;
    let shy = RemoteServer::start(&authority).await;
    let list = format!("[\"{}\"]", notary.name());
    let options = ServerOptions::default()
        .federating(&authority)
        .set("federation.notaries", &list);
    let ours = TestServer::start_with(options).await;
    shy.on("GET".parse().unwrap(), "/_matrix/key/v2/server", |_| {
        Said::status(503, &Value::Null)
    });
    let vouched = notary.key().signed(shy.key_document());
    notary.on(
        "POST".parse().unwrap(),
        "/_matrix/key/v2/query",
        move |_| Said::json(&json!({ "server_keys": [vouched] })),
    );
    let name = ours.name();
    let path = "/_matrix/federation/v1/publicRooms";
    let call = shy.call(
        (&name, ours.federation_address()),
        "GET".parse().unwrap(),
        path,
    );
    assert_eq!(call.send().await.status, 200);
    let asked = notary.heard().await;
    assert_eq!(asked[0].body, json!({"server_keys": {shy.name(): {}}}));
}

#[tokio::test]
async fn the_keys_of_a_server_are_asked_for_once() {
    let pair = Pair::start().await;
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (counted, key) = (count.clone(), pair.theirs.key());
    pair.theirs.on(
        "GET".parse().unwrap(),
        "/_matrix/key/v2/server",
        move |_| {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Said::json(&key.document(4_000_000_000_000)).after_ms(300)
        },
    );
    let path = "/_matrix/federation/v1/publicRooms";
    let calls = (0..8).map(|_| pair.call("GET", path).send());
    for reply in futures::future::join_all(calls).await {
        assert_eq!(reply.status, 200);
    }
    let unknown = causeway_testkit::RemoteKey::new(pair.theirs.name(), "made_up");
    for _ in 0..5 {
        let reply = pair.call("GET", path).key(unknown.clone()).send().await;
        assert_eq!(reply.status, 401);
    }
    assert_eq!(count.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_certificate_is_read_again_when_it_changes() {
    let pair = Pair::start().await;
    let path = "/_matrix/key/v2/server";
    assert_eq!(pair.call("GET", path).unsigned().send().await.status, 200);
    let url = format!("https://{}{path}", pair.ours.federation_address());
    let reach = || {
        let http = reqwest::Client::builder().no_proxy();
        let http = http
            .tls_backend_preconfigured(pair.authority.client())
            .build()
            .unwrap();
        let url = url.clone();
        async move { http.get(url).send().await }
    };
    assert!(reach().await.is_ok());
    // One that is not for the address: whoever checks it goes away.
    pair.ours.new_certificate(&["elsewhere.example"]);
    let mut waited = 0;
    while reach().await.is_ok() {
        assert!(waited < 100, "the old certificate is still shown");
        waited += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn one_servers_keys_are_asked_for_by_path_with_and_without_a_key() {
    let pair = Pair::start().await;
    let name = pair.ours.name();
    let plain = format!("/_matrix/key/v2/query/{name}");
    for path in [plain.clone(), format!("{plain}/ed25519:any")] {
        let reply = pair.call("GET", path).unsigned().send().await;
        let told = reply.json();
        assert_eq!(told["server_keys"][0]["server_name"], name, "{reply:?}");
    }
}
