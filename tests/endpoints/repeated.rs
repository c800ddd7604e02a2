//! What an earlier run found: a query parameter that is given twice.

use causeway_testkit::{TestServer, v3};

#[tokio::test]
async fn a_filter_given_twice_is_refused_in_the_standard_shape() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let room = alice.create_public_room().await;
    let event = alice.say(&room, "hello").await;
    for at in [
        v3(&["rooms", &room, "context", &event]),
        v3(&["rooms", &room, "messages"]),
        v3(&["sync"]),
    ] {
        let call = alice.get(&at).query("dir", "b").query("timeout", 0);
        let call = call.query("filter", "{}").query("filter", "{}");
        let reply = call.malformed().reply().await;
        assert_eq!(reply.status, 400, "{at}");
        assert!(reply.code().starts_with("M_"), "{at}: {}", reply.json());
    }
}
