//! Pictures: thumbnails of what is sent up, and what cannot have one.

use std::io::Cursor;

use causeway_testkit::{Call, Reply, TestClient, TestServer, path, v1};
use http::Method;
use image::{ImageFormat, Rgb, RgbImage};

fn encode(picture: RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("a picture");
    bytes.into_inner()
}

async fn upload(who: &TestClient, kind: &str, content: &[u8]) -> (String, String) {
    let place = path("/_matrix/media/v3", &["upload"]);
    let answer = who.call(Method::POST, place).raw(kind, content).await;
    let uri = answer["content_uri"].as_str().expect("an address");
    let parts = uri.trim_start_matches("mxc://").split_once('/');
    let (origin, id) = parts.expect("two parts");
    (origin.to_owned(), id.to_owned())
}

fn thumbnail(who: &TestClient, file: &(String, String), size: u32, method: &str) -> Call {
    who.get(v1(&["media", "thumbnail", &file.0, &file.1]))
        .query("width", size)
        .query("height", size)
        .query("method", method)
}

fn sides(reply: &Reply) -> (u32, u32) {
    let picture = image::load_from_memory(&reply.bytes).expect("a picture");
    (picture.width(), picture.height())
}

#[tokio::test]
async fn a_picture_has_thumbnails() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let bob = server.user("bob").await;
    let picture = RgbImage::from_fn(1000, 500, |x, _| Rgb([(x / 4) as u8, 0, 0]));
    let file = upload(&alice, "image/jpeg", &encode(picture, ImageFormat::Jpeg)).await;
    let small = thumbnail(&bob, &file, 90, "crop").reply().await;
    assert_eq!((small.status, sides(&small)), (200, (96, 96)));
    assert_eq!(small.header("content-type"), "image/jpeg");
    assert_eq!(
        small.header("content-disposition"),
        "inline; filename=thumbnail.jpg"
    );
    assert_eq!(small.header("cross-origin-resource-policy"), "cross-origin");
    assert!(
        small
            .header("content-security-policy")
            .starts_with("sandbox;")
    );
    assert!(small.header("cache-control").contains("immutable"));
    let scaled = thumbnail(&bob, &file, 240, "scale").reply().await;
    assert_eq!(sides(&scaled), (320, 160));
    assert_ne!(scaled.header("etag"), small.header("etag"));
    // Beyond the picture there is only the picture.
    let whole = thumbnail(&bob, &file, 2000, "scale").reply().await;
    assert_eq!(sides(&whole), (1000, 500));
    let older = path("/_matrix/media/v3", &["thumbnail", &file.0, &file.1]);
    let older = bob.get(older).query("width", 10).query("height", 10);
    assert_eq!(sides(&older.anonymous().reply().await), (320, 160));
}

#[tokio::test]
async fn what_has_no_thumbnail_says_why() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let whole = encode(RgbImage::new(400, 400), ImageFormat::Png);
    let half = upload(&alice, "image/png", &whole[..whole.len() / 2]).await;
    thumbnail(&alice, &half, 32, "crop")
        .fails(400, "M_UNKNOWN")
        .await;
    let text = upload(&alice, "image/png", b"this is text").await;
    thumbnail(&alice, &text, 32, "crop")
        .fails(400, "M_UNKNOWN")
        .await;
    // A head that speaks of more pixels than anybody has memory for.
    let mut bomb = b"GIF89a\xff\xff\xff\xff\0\0\0".to_vec();
    bomb.extend(b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;");
    let bomb = upload(&alice, "image/gif", &bomb).await;
    thumbnail(&alice, &bomb, 32, "crop")
        .fails(413, "M_TOO_LARGE")
        .await;
    let good = upload(&alice, "text/plain", &whole).await;
    assert_eq!(
        sides(&thumbnail(&alice, &good, 32, "crop").reply().await),
        (32, 32)
    );
    let place = v1(&["media", "thumbnail", &good.0, &good.1]);
    for (width, height, method) in [
        ("0", "32", "crop"),
        ("32", "-1", "crop"),
        ("32", "1.5", "scale"),
        ("x", "32", "scale"),
        ("32", "32", "stretch"),
        ("99999999999999999999", "32", "scale"),
    ] {
        let call = alice
            .get(&place)
            .query("width", width)
            .query("height", height);
        let call = call.query("method", method).malformed();
        call.fails(400, "M_INVALID_PARAM").await;
    }
    let call = alice.get(&place).query("width", 32).malformed();
    assert_eq!(call.reply().await.status, 400);
    let none = ("example.org".to_owned(), "none".to_owned());
    thumbnail(&alice, &none, 32, "crop")
        .fails(404, "M_NOT_FOUND")
        .await;
}
