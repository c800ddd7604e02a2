//! Who may speak: signatures of requests.

use causeway_testkit::{RemoteKey, RemoteServer, Said};
use serde_json::json;

use super::Pair;

/// An endpoint that is there for signed requests only.
const QUESTION: &str = "/_matrix/federation/v1/publicRooms";

const REFUSED: (u16, &str) = (401, "M_UNAUTHORIZED");

fn is_refused(reply: &causeway_testkit::remote::RemoteReply) -> bool {
    let (status, errcode) = reply.error();
    (status, errcode.as_str()) == REFUSED
}

#[tokio::test]
async fn only_who_signs_is_heard() {
    let pair = Pair::start().await;
    assert_eq!(pair.call("GET", QUESTION).send().await.status, 200);
    let without = pair.call("GET", QUESTION).destination(None).send().await;
    assert_eq!(
        without.status, 200,
        "older servers do not say whom they mean"
    );

    let unsigned = pair.call("GET", QUESTION).unsigned().send().await;
    assert!(is_refused(&unsigned), "{unsigned:?}");
    let name = pair.theirs.name().to_owned();
    let forged = RemoteKey::new(&name, "a1");
    let forged = pair.call("GET", QUESTION).key(forged).send().await;
    assert!(
        is_refused(&forged),
        "the key's name is right and the key is not: {forged:?}"
    );
    let unknown = RemoteKey::new(&name, "b2");
    let unknown = pair.call("GET", QUESTION).key(unknown).send().await;
    assert!(is_refused(&unknown), "{unknown:?}");
    let elsewhere = pair
        .call("GET", QUESTION)
        .destination(Some("other.example"));
    assert!(is_refused(&elsewhere.send().await), "for somebody else");
    let ours = pair.ours.name();
    let as_us = pair.call("GET", QUESTION).origin(&ours).send().await;
    assert!(is_refused(&as_us), "in our own name: {as_us:?}");
    let nobody = pair
        .call("GET", QUESTION)
        .origin("localhost:1")
        .send()
        .await;
    assert!(
        is_refused(&nobody),
        "a server that is not there: {nobody:?}"
    );
}

#[tokio::test]
async fn a_signature_covers_the_body() {
    let pair = Pair::start().await;
    let body = json!({"limit": 3});
    let good = pair.call("POST", QUESTION).json(body.clone()).send().await;
    assert_eq!(good.status, 200, "{good:?}");
    let spaced = pair.call("POST", QUESTION).json(body.clone());
    let spaced = spaced.sending("{ \"limit\" : 3 }").send().await;
    assert_eq!(
        spaced.status, 200,
        "the same JSON, written otherwise: {spaced:?}"
    );
    let changed = pair.call("POST", QUESTION).json(body.clone());
    let changed = changed.sending("{\"limit\":4}").send().await;
    assert!(is_refused(&changed), "{changed:?}");
    for (sent, expected) in [
        ("{\"limit\":", (400, "M_NOT_JSON")),
        ("{\"limit\":1.5}", (400, "M_BAD_JSON")),
        ("{\"limit\":3,\"limit\":3}", (400, "M_BAD_JSON")),
    ] {
        let reply = pair.call("POST", QUESTION).json(body.clone());
        let reply = reply.sending(sent).send().await.error();
        assert_eq!((reply.0, reply.1.as_str()), expected, "{sent}");
    }
    let misread = pair.call("POST", QUESTION).json(json!({"limit": "many"}));
    assert_eq!(misread.send().await.error(), (400, "M_BAD_JSON".to_owned()));
}

#[tokio::test]
async fn bodies_are_bounded_and_read_from_known_servers_only() {
    let pair = Pair::start().await;
    let large = json!({"filter": {"generic_search_term": "x".repeat(1_100_000)}});
    let reply = pair.call("POST", QUESTION).json(large.clone()).send().await;
    assert_eq!(reply.error(), (413, "M_TOO_LARGE".to_owned()));
    let unsigned = pair.call("POST", QUESTION).json(json!({})).unsigned();
    assert!(is_refused(&unsigned.send().await));
}

#[tokio::test]
async fn a_key_that_went_out_of_use_signs_no_requests() {
    let pair = Pair::start().await;
    assert_eq!(pair.call("GET", QUESTION).send().await.status, 200);
    let fresh = RemoteServer::start(&pair.authority).await;
    let before = fresh.key();
    fresh.set_key(before.successor("a2", 1_000));
    let address = pair.ours.federation_address();
    let name = pair.ours.name();
    let call = || fresh.call((&name, address), "GET".parse().unwrap(), QUESTION);
    assert!(is_refused(&call().key(before).send().await));
    assert_eq!(call().send().await.status, 200);
}

#[tokio::test]
async fn keys_end_when_they_say() {
    let pair = Pair::start().await;
    let key = pair.theirs.key();
    pair.theirs.on(
        "GET".parse().unwrap(),
        "/_matrix/key/v2/server",
        move |_| Said::json(&key.document(1_000)),
    );
    let reply = pair.call("GET", QUESTION).send().await;
    assert!(is_refused(&reply), "its document ended in 1970: {reply:?}");
}

#[tokio::test]
async fn a_server_without_federation_has_no_such_api() {
    let server = causeway_testkit::TestServer::start().await;
    for path in ["/_matrix/federation/v1/version", "/_matrix/key/v2/server"] {
        let call = server.client().get(path).unspecified();
        call.fails(404, "M_UNRECOGNIZED").await;
    }
}
