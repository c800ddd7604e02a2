//! Files: sent up, found again, guarded.

use causeway_testkit::{Reply, ServerOptions, TestClient, TestServer, path, v1, v3};
use http::Method;
use serde_json::json;

async fn upload(who: &TestClient, kind: &str, name: &str, content: &[u8]) -> (String, String) {
    let call = who
        .call(Method::POST, path("/_matrix/media/v3", &["upload"]))
        .query("filename", name)
        .raw(kind, content);
    let uri = call.await["content_uri"]
        .as_str()
        .expect("an address")
        .to_owned();
    let (origin, id) = uri
        .trim_start_matches("mxc://")
        .split_once('/')
        .expect("two parts");
    (origin.to_owned(), id.to_owned())
}

async fn download(who: &TestClient, file: &(String, String)) -> Reply {
    who.get(v1(&["media", "download", &file.0, &file.1]))
        .reply()
        .await
}

#[tokio::test]
async fn a_file_comes_back_as_it_was_and_can_do_no_harm() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let content: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
    let picture = upload(&alice, "image/png", "cät.png", &content).await;
    let reply = download(&bob, &picture).await;
    assert_eq!((reply.status, &reply.bytes[..]), (200, &content[..]));
    assert_eq!(reply.header("content-type"), "image/png");
    assert_eq!(
        reply.header("content-disposition"),
        "inline; filename*=utf-8''c%C3%A4t.png"
    );
    assert!(
        reply
            .header("content-security-policy")
            .starts_with("sandbox;")
    );

    let page = upload(&alice, "text/html", "page.html", b"<script>").await;
    let reply = download(&bob, &page).await;
    assert_eq!(
        reply.header("content-disposition"),
        "attachment; filename=page.html"
    );
    let named = bob
        .get(v1(&["media", "download", &page.0, &page.1, "other.txt"]))
        .reply()
        .await;
    assert_eq!(
        named.header("content-disposition"),
        "attachment; filename=other.txt"
    );
}

#[tokio::test]
async fn parts_of_a_file_can_be_had() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let file = upload(&alice, "text/plain", "a.txt", b"0123456789").await;
    let place = v1(&["media", "download", &file.0, &file.1]);
    let get = |name: &'static str, value: &'static str| {
        let call = alice.get(&place).header(name, value).unspecified();
        async move { call.reply().await }
    };
    for (range, status, content, told) in [
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=8-99", 206, "89", "bytes 8-9/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
        ("bytes=10-", 416, "", "bytes */10"),
        ("bytes=99-100", 416, "", "bytes */10"),
        ("bytes=5-2", 200, "0123456789", ""),
        ("pages=1", 200, "0123456789", ""),
    ] {
        let part = get("range", range).await;
        assert_eq!(part.status, status, "{range}");
        if status != 416 {
            assert_eq!(part.bytes, content.as_bytes(), "{range}");
        }
        assert_eq!(part.header("content-range"), told, "{range}");
    }
    let whole = get("accept", "*/*").await;
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert!(whole.header("cache-control").contains("immutable"));
    let tag = whole.header("etag");
    let known = alice
        .get(&place)
        .header("if-none-match", &tag)
        .unspecified();
    let known = known.reply().await;
    assert_eq!((known.status, known.bytes.len()), (304, 0));
}

#[tokio::test]
async fn only_users_read_what_exists() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let file = upload(&alice, "text/plain", "a.txt", b"a").await;
    let place = v1(&["media", "download", &file.0, &file.1]);
    server
        .client()
        .get(&place)
        .anonymous()
        .fails(401, "M_MISSING_TOKEN")
        .await;
    let nothing = v1(&["media", "download", &file.0, "nothing"]);
    alice.get(nothing).fails(404, "M_NOT_FOUND").await;
    let elsewhere = v1(&["media", "download", "other.example.org", "x"]);
    alice.get(elsewhere).fails(404, "M_NOT_FOUND").await;
    // Older clients read without a token.
    let older = path("/_matrix/media/v3", &["download", &file.0, &file.1]);
    assert_eq!(alice.get(older).anonymous().reply().await.status, 200);
    let named = path(
        "/_matrix/media/v3",
        &["download", &file.0, &file.1, "other.txt"],
    );
    let named = alice.get(named).anonymous().reply().await;
    assert!(named.header("content-disposition").contains("other.txt"));
}

#[tokio::test]
async fn uploads_have_a_limit() {
    let options = ServerOptions::default().set("media.max_upload_bytes", "1000");
    let server = TestServer::start_with(options).await;
    let alice = server.user("alice").await;
    let config = alice.get(v1(&["media", "config"])).await;
    assert_eq!(config["m.upload.size"], 1000);
    let older = path("/_matrix/media/v3", &["config"]);
    assert_eq!(alice.get(older).await, config);
    let place = path("/_matrix/media/v3", &["upload"]);
    let call = alice
        .call(Method::POST, place)
        .raw("text/plain", vec![b'x'; 1001]);
    call.fails(413, "M_TOO_LARGE").await;
    upload(&alice, "text/plain", "x", &[b'x'; 1000]).await;
}

#[tokio::test]
async fn an_address_can_be_had_before_its_content() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let made = alice
        .post(path("/_matrix/media/v1", &["create"]), json!({}))
        .await;
    let uri = made["content_uri"].as_str().expect("an address");
    let (origin, id) = uri
        .trim_start_matches("mxc://")
        .split_once('/')
        .expect("two parts");
    let place = v1(&["media", "download", origin, id]);
    bob.get(&place)
        .query("timeout_ms", 100)
        .fails(504, "M_NOT_YET_UPLOADED")
        .await;
    let fill = path("/_matrix/media/v3", &["upload", origin, id]);
    let put = |who: &TestClient| who.call(Method::PUT, &fill).raw("text/plain", "late");
    put(&bob).fails(403, "M_FORBIDDEN").await;
    let waiting = {
        let (bob, place) = (bob.clone(), place.clone());
        tokio::spawn(async move { bob.get(place).reply().await })
    };
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    put(&alice).await;
    assert_eq!(waiting.await.expect("an answer").bytes, b"late");
    put(&alice).fails(409, "M_CANNOT_OVERWRITE_MEDIA").await;
}

#[tokio::test]
async fn administrators_see_from_where_devices_come() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let who = v3(&["admin", "whois", alice.id()]);
    let seen = alice.get(&who).header("user-agent", "Bell/1").await;
    let connection = &seen["devices"][alice.device_id()]["sessions"][0]["connections"][0];
    assert_eq!(connection["ip"], "127.0.0.1");
    // Noted when the device was first seen, and again after a while.
    assert_eq!(connection["user_agent"], "Bell/1");
    bob.get(&who).fails(403, "M_FORBIDDEN").await;
}
