//! Files of one server, asked for at another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use causeway_testkit::remote::Said;
use causeway_testkit::{ServerOptions, TestClient, path, v1};
use reqwest::Method;
use serde_json::json;

use super::Pair;
use super::rooms::two;

/// A picture of one pixel.
const PICTURE: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0xd, 0xa, 0x1a, 0xa, 0x0, 0x0, 0x0, 0xd, 0x49, 0x48, 0x44, 0x52, 0x0,
    0x0, 0x0, 0x1, 0x0, 0x0, 0x0, 0x1, 0x8, 0x6, 0x0, 0x0, 0x0, 0x1f, 0x15, 0xc4, 0x89, 0x0, 0x0,
    0x0, 0xd, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0xf8, 0xcf, 0xc0, 0xf0, 0x1f, 0x0, 0x5,
    0x0, 0x1, 0xff, 0x89, 0x99, 0x3d, 0x1d, 0x0, 0x0, 0x0, 0x0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42,
    0x60, 0x82,
];

async fn upload(who: &TestClient, content_type: &str, name: &str, content: &[u8]) -> String {
    let place = path("/_matrix/media/v3", &["upload"]);
    let call = who.post(place, json!({})).raw(content_type, content);
    let uri = call.query("filename", name).await;
    let uri = uri["content_uri"].as_str().expect("an address").to_owned();
    uri.rsplit('/').next().expect("an id").to_owned()
}

fn download(server: &str, id: &str) -> String {
    v1(&["media", "download", server, id])
}

fn older(server: &str, id: &str) -> String {
    path("/_matrix/media/v3", &["download", server, id])
}

/// What a server answers that has this file.
fn parts(content_type: &str, content: &[u8]) -> Said {
    let mut said = Said::json(&json!({}));
    said.headers[0].1 = "multipart/mixed; boundary=edge".to_owned();
    let head = format!(
        "--edge\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--edge\r\n\
         Content-Type: {content_type}\r\nContent-Disposition: inline; filename=\"a b.txt\"\r\n\r\n"
    );
    said.body = [head.as_bytes(), content, b"\r\n--edge--\r\n"].concat();
    said
}

const FILES: &str = "/_matrix/federation/v1/media/download/";

#[tokio::test]
async fn files_and_thumbnails_cross_servers() {
    let (here, there) = two().await;
    let alice = here.user("alice").await;
    let bob = there.user("bob").await;
    let text = "<b>hello</b>\r\n--x".repeat(20_000);
    let id = upload(&alice, "text/html", "über.html", text.as_bytes()).await;
    for _ in 0..2 {
        let reply = bob.get(download(&here.name(), &id)).reply().await;
        assert_eq!(reply.status, 200);
        assert!(reply.bytes == text.as_bytes(), "the same bytes");
        assert_eq!(reply.header("content-type"), "text/html");
        let disposition = reply.header("content-disposition");
        assert_eq!(disposition, "attachment; filename*=utf-8''%C3%BCber.html");
        assert!(reply.header("content-security-policy").contains("sandbox"));
    }
    // The copy is here now.
    let reply = bob.get(older(&here.name(), &id)).anonymous();
    let reply = reply.query("allow_remote", "false").reply().await;
    assert_eq!(reply.status, 200);

    let id = upload(&alice, "image/png", "dot.png", PICTURE).await;
    let small = v1(&["media", "thumbnail", &here.name(), &id]);
    let small = bob.get(small).query("width", 32).query("height", 32);
    let small = small.query("method", "crop").reply().await;
    assert_eq!(small.status, 200);
    assert!(small.header("content-type").starts_with("image/"));

    let id = upload(&alice, "text/plain", "a.txt", b"a").await;
    let reply = bob.get(older(&here.name(), &id)).anonymous();
    let reply = reply.query("allow_remote", "false");
    reply.fails(404, "M_NOT_FOUND").await;
    let nothing = download(&here.name(), "nothing");
    bob.get(nothing).fails(404, "M_NOT_FOUND").await;
}

#[tokio::test]
async fn files_of_this_server_are_given_to_servers_in_two_parts() {
    let pair = Pair::start().await;
    let alice = pair.ours.user("alice").await;
    let id = upload(&alice, "image/png", "dot.png", PICTURE).await;
    let place = format!("{FILES}{id}");
    let reply = pair.call("GET", &place).send().await;
    assert_eq!(reply.status, 200);
    let kind = "multipart/mixed; boundary=";
    let boundary = reply.content_type.strip_prefix(kind).expect("parts");
    assert!(!boundary.starts_with('"'), "a token");
    let before = format!(
        "--{boundary}\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--{boundary}\r\n\
         Content-Type: image/png\r\nContent-Disposition: inline; filename=dot.png\r\n\r\n"
    );
    let after = format!("\r\n--{boundary}--\r\n");
    let whole = [before.as_bytes(), PICTURE, after.as_bytes()].concat();
    assert!(reply.bytes == whole, "two parts");

    let small = format!("/_matrix/federation/v1/media/thumbnail/{id}");
    let sized = format!("{small}?width=32&height=32&method=crop");
    let reply = pair.call("GET", sized).send().await;
    assert_eq!(reply.status, 200);
    assert!(reply.content_type.starts_with("multipart/mixed"));
    let reply = pair.call("GET", format!("{small}?width=0&height=1"));
    let reply = reply.send().await;
    assert_eq!(reply.error(), (400, "M_INVALID_PARAM".to_owned()));
    let reply = pair.call("GET", small).send().await;
    assert_eq!(reply.error(), (400, "M_INVALID_PARAM".to_owned()));
    let reply = pair.call("GET", format!("{FILES}nothing")).send().await;
    assert_eq!(reply.error(), (404, "M_NOT_FOUND".to_owned()));
    let reply = pair.call("GET", place).unsigned().send().await;
    assert_eq!(reply.error(), (401, "M_UNAUTHORIZED".to_owned()));
}

#[tokio::test]
async fn many_who_ask_are_served_by_one_request() {
    let pair = Pair::start().await;
    let alice = pair.ours.user("alice").await;
    let said = parts("text/plain", b"shared").after_ms(300);
    pair.theirs.on(Method::GET, FILES, move |_| said.clone());
    let place = download(pair.theirs.name(), "one");
    let ask = || alice.get(&place).reply();
    let replies = tokio::join!(ask(), ask(), ask(), ask(), ask());
    for reply in [replies.0, replies.1, replies.2, replies.3, replies.4] {
        assert_eq!((reply.status, reply.bytes), (200, b"shared".to_vec()));
        let disposition = reply.headers["content-disposition"].clone();
        assert_eq!(disposition, "inline; filename=\"a b.txt\"");
    }
    let heard = pair.theirs.heard().await;
    assert_eq!(
        heard.iter().filter(|it| it.path.starts_with(FILES)).count(),
        1
    );
}

#[tokio::test]
async fn a_server_without_the_new_endpoint_is_asked_the_old_way() {
    let pair = Pair::start().await;
    let alice = pair.ours.user("alice").await;
    let mut said = Said::json(&json!({}));
    said.headers[0].1 = "text/plain".to_owned();
    said.body = b"old".to_vec();
    let legacy = "/_matrix/media/v3/download/";
    pair.theirs.on(Method::GET, legacy, move |_| said.clone());
    let reply = alice.get(download(pair.theirs.name(), "old")).reply().await;
    assert_eq!((reply.status, reply.bytes.as_slice()), (200, &b"old"[..]));
    let heard = pair.theirs.heard().await;
    let asked = heard.iter().find(|it| it.path.starts_with(legacy));
    let asked = asked.expect("the old endpoint");
    assert!(asked.path.contains("allow_remote=false"));
    assert_eq!(asked.authorization, "", "nothing is signed for it");
}

#[tokio::test]
async fn files_that_lie_elsewhere_are_fetched_where_that_is_allowed() {
    for allowed in [true, false] {
        let mut options = ServerOptions::default();
        let authority = causeway_testkit::Authority::new();
        let file = format!("[{:?}]", authority.file());
        options = options.set("outbound.trusted_authorities", &file);
        if allowed {
            options = options.set("outbound.allowed_addresses", "[\"127.0.0.0/8\", \"::1\"]");
        }
        let theirs = causeway_testkit::RemoteServer::start(&authority).await;
        let options = options.federating(&authority);
        let ours = causeway_testkit::TestServer::start_with(options).await;
        let alice = ours.user("alice").await;
        let mut said = parts("text/plain", b"");
        let location = format!("https://{}/elsewhere/x", theirs.name());
        said.body =
            format!("--edge\r\n\r\n{{}}\r\n--edge\r\nLocation: {location}\r\n\r\n\r\n--edge--\r\n")
                .into_bytes();
        theirs.on(Method::GET, FILES, move |_| said.clone());
        let mut lying = Said::json(&json!({}));
        lying.headers[0].1 = "image/png".to_owned();
        lying.body = PICTURE.to_vec();
        theirs.on(Method::GET, "/elsewhere/", move |_| lying.clone());
        let reply = alice.get(download(theirs.name(), "moved")).unspecified();
        let reply = reply.reply().await;
        if allowed {
            assert_eq!(reply.status, 200);
            assert!(reply.bytes == PICTURE, "the same bytes");
            assert_eq!(reply.header("content-type"), "image/png");
        } else {
            assert_eq!(reply.status, 502);
        }
        let heard = theirs.heard().await;
        let elsewhere = heard.iter().find(|it| it.path.starts_with("/elsewhere/"));
        assert_eq!(elsewhere.is_some(), allowed);
        assert!(elsewhere.is_none_or(|it| it.authorization.is_empty()));
    }
}

#[tokio::test]
async fn what_fails_is_not_asked_for_again_at_once_and_what_is_too_large_not_kept() {
    let options = ServerOptions::default().set("media.max_remote_bytes", "1000");
    let pair = Pair::start_with(options).await;
    let alice = pair.ours.user("alice").await;
    let name = pair.theirs.name();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    pair.theirs.on(Method::GET, FILES, move |asked| {
        counted.fetch_add(1, Ordering::SeqCst);
        let missing = json!({"errcode": "M_NOT_FOUND", "error": "gone"});
        match asked.path.strip_prefix(FILES).unwrap_or_default() {
            id if id.starts_with("large") => parts("text/plain", &[b'a'; 1001]),
            id if id.starts_with("fits") => parts("text/plain", &[b'a'; 1000]),
            id if id.starts_with("cut") => {
                let mut said = parts("text/plain", b"cut");
                said.body.truncate(said.body.len() - 6);
                said
            }
            _ => Said::status(404, &missing),
        }
    });
    let large = download(name, "large");
    for _ in 0..2 {
        alice.get(&large).fails(413, "M_TOO_LARGE").await;
        alice
            .get(download(name, "gone"))
            .fails(404, "M_NOT_FOUND")
            .await;
    }
    assert_eq!(count.load(Ordering::SeqCst), 2, "once each");
    let reply = alice.get(download(name, "fits")).reply().await;
    assert_eq!((reply.status, reply.bytes.len()), (200, 1000));
    for id in ["cut", "other", "cut"] {
        let reply = alice.get(download(name, id)).unspecified().reply().await;
        assert_eq!(reply.status, 502, "{id}");
    }
    let asked = count.load(Ordering::SeqCst);
    assert_eq!(asked, 4, "a server that failed is left alone");
    // The copies that are kept: one file.
    let older = older(name, "large");
    let reply = alice.get(older).anonymous().query("allow_remote", "false");
    reply.fails(404, "M_NOT_FOUND").await;
}
