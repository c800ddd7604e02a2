//! Previews of pages that a server of the test's own gives.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use causeway_media::{GRACE_MS, PreviewError};
use image::{ImageFormat, RgbImage};
use ruma::MxcUri;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::house::{Gallery, bytes_of, encode, gallery, gallery_with, previews};

/// A site: what it answers at each path, and how often it was asked.
struct Site {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

type Pages = HashMap<&'static str, (&'static str, Vec<u8>)>;

async fn site(pages: impl IntoIterator<Item = (&'static str, (&'static str, Vec<u8>))>) -> Site {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let (pages, count) = (
        Arc::new(pages.into_iter().collect::<Pages>()),
        requests.clone(),
    );
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(answer(stream, pages.clone()));
        }
    });
    Site { address, requests }
}

async fn answer(stream: TcpStream, pages: Arc<Pages>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut path = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? <= 2 {
            break;
        }
        if path.is_empty() {
            path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        }
    }
    let head = match pages.get(path.as_str()) {
        Some(("302", to)) => {
            let to = String::from_utf8_lossy(to);
            format!("302 Found\r\nlocation: {to}\r\ncontent-length: 0")
        }
        Some((content_type, body)) => {
            let length = body.len();
            format!("200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}")
        }
        None => "404 Not Found\r\ncontent-length: 0".to_owned(),
    };
    let head = format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    if let Some((content_type, body)) = pages.get(path.as_str())
        && *content_type != "302"
    {
        stream.write_all(body).await?;
    }
    stream.shutdown().await
}

impl Site {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn preview(gallery: &Gallery, url: &str) -> Value {
    let preview = gallery.media.preview(url).await.unwrap();
    serde_json::from_str(&preview).unwrap()
}

async fn picture(gallery: &Gallery, preview: &Value) -> Result<Vec<u8>, ()> {
    let uri = <&MxcUri>::from(preview["og:image"].as_str().unwrap());
    let (origin, id) = uri.parts().unwrap();
    let opened = gallery.media.get(origin, id, Duration::ZERO).await;
    Ok(bytes_of(opened.map_err(|_| ())?).await)
}

fn html(text: &str) -> (&'static str, Vec<u8>) {
    ("text/html; charset=utf-8", text.as_bytes().to_vec())
}

#[tokio::test]
async fn a_page_with_a_picture() {
    let gallery = gallery().await;
    let png = encode(RgbImage::new(60, 40), ImageFormat::Png);
    let site = site([
        ("/", ("302", b"/a/page".to_vec())),
        (
            "/a/page",
            html(
                "<meta property=og:title content='Apples &amp; pears'>\
                 <meta property=og:image content=../i.png><p>Words",
            ),
        ),
        // What the site says of its type is not believed.
        ("/i.png", ("text/plain", png.clone())),
    ])
    .await;
    let found = preview(&gallery, &site.url("/#fragment")).await;
    let mut expected = json!({
        "og:title": "Apples & pears",
        "og:description": "Words",
        "og:image:type": "image/png",
        "og:image:width": 60,
        "og:image:height": 40,
        "matrix:image:size": png.len(),
    });
    expected["og:image"] = found["og:image"].clone();
    assert_eq!(found, expected);
    assert_eq!(picture(&gallery, &found).await.unwrap(), png);
    assert_eq!(site.requests(), 3);
    // Kept for a minute, and the fragment is not part of the page.
    assert_eq!(preview(&gallery, &site.url("/")).await, found);
    assert_eq!(site.requests(), 3);
    gallery.clock.advance_ms(60_000);
    assert_ne!(
        preview(&gallery, &site.url("/")).await["og:image"],
        found["og:image"]
    );
    assert_eq!(site.requests(), 6);
    // Pictures go at last, and their content with them.
    gallery.clock.advance_ms(60_000 + 8 * 24 * 3_600_000);
    gallery.media.sweep().await.unwrap();
    assert!(picture(&gallery, &found).await.is_err());
    gallery.clock.advance_ms(GRACE_MS);
    gallery.media.sweep().await.unwrap();
    let content = gallery.dir.path().join("content");
    let files = std::process::Command::new("find")
        .arg(content)
        .args(["-type", "f"])
        .output();
    assert!(files.unwrap().stdout.is_empty());
}

#[tokio::test]
async fn many_who_ask_at_once_cause_one_request() {
    let gallery = gallery().await;
    let site = site([("/", html("<title>One</title>"))]).await;
    let url = site.url("/");
    let asking = (0..50).map(|_| preview(&gallery, &url));
    for found in futures::future::join_all(asking).await {
        assert_eq!(found, json!({ "og:title": "One" }));
    }
    assert_eq!(site.requests(), 1);
}

#[tokio::test]
async fn a_site_may_say_it_by_oembed() {
    let gallery = gallery().await;
    let png = encode(RgbImage::new(9, 9), ImageFormat::Png);
    let oembed = json!({
        "type": "video", "version": "1.0", "title": "A film",
        "provider_name": "Films", "thumbnail_url": "/t.png",
    });
    let site = site([
        (
            "/film",
            html("<link rel=alternate type=application/json+oembed href='/o?u=film'><p>x"),
        ),
        (
            "/o?u=film",
            ("application/json", oembed.to_string().into_bytes()),
        ),
        ("/t.png", ("image/png", png)),
    ])
    .await;
    let found = preview(&gallery, &site.url("/film")).await;
    assert_eq!(found["og:title"], "A film");
    assert_eq!(found["og:site_name"], "Films");
    assert_eq!(found["og:image:width"], 9);
}

#[tokio::test]
async fn a_link_to_a_picture_is_the_picture() {
    let gallery = gallery().await;
    let gif = encode(RgbImage::new(7, 5), ImageFormat::Gif);
    let site = site([
        ("/a.gif", ("image/gif", gif.clone())),
        ("/broken.png", ("image/png", b"no picture".to_vec())),
        ("/large.png", ("image/png", vec![0; 100_001])),
        (
            "/page.svg",
            ("image/svg+xml", b"<svg onload='x()'/>".to_vec()),
        ),
        ("/text", ("text/plain", b"words".to_vec())),
    ])
    .await;
    let found = preview(&gallery, &site.url("/a.gif")).await;
    assert_eq!(found["og:image:type"], "image/gif");
    assert_eq!(found["og:image:height"], 5);
    assert_eq!(picture(&gallery, &found).await.unwrap(), gif);
    for path in ["/broken.png", "/large.png", "/page.svg", "/text"] {
        assert_eq!(
            preview(&gallery, &site.url(path)).await,
            json!({}),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_long_page_is_read_at_its_beginning() {
    let gallery = gallery().await;
    let long = format!("<title>Begun</title>{}<h1>End</h1>", "<i>".repeat(10_000));
    let site = site([("/", html(&long))]).await;
    assert_eq!(
        preview(&gallery, &site.url("/")).await,
        json!({ "og:title": "Begun" })
    );
}

#[tokio::test]
async fn nothing_private_is_reached() {
    let gallery = gallery_with(|settings| settings.previews = Some(previews(&[]))).await;
    let site = site([("/", html("<title>secret</title>"))]).await;
    let port = site.address.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "0x7f000001",
        "[::ffff:127.0.0.1]",
    ] {
        let refused = gallery
            .media
            .preview(&format!("http://{host}:{port}/"))
            .await;
        assert!(
            matches!(refused, Err(PreviewError::Refused)),
            "{host}: {refused:?}"
        );
    }
    assert_eq!(site.requests(), 0);
    for url in [
        "",
        "x",
        "file:///etc/passwd",
        "mxc://a/b",
        "http://a:b@example.org/",
        "http://",
    ] {
        let refused = gallery.media.preview(url).await;
        assert!(
            matches!(refused, Err(PreviewError::BadUrl)),
            "{url}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn neither_a_page_nor_its_picture_leads_inside() {
    let inside = site([("/", html("<title>secret</title>"))]).await;
    // The same machine under another address, which is not allowed.
    let port = inside.address.port();
    let away = format!("http://127.0.0.2:{port}/");
    let image = format!("<title>Bait</title><meta property=og:image content='{away}'>");
    let oembed = format!("<link rel=alternate type=application/json+oembed href='{away}'>{image}");
    let site = site([
        ("/moved", ("302", away.clone().into_bytes())),
        ("/page", html(&oembed)),
    ])
    .await;
    let gallery = gallery().await;
    let refused = gallery.media.preview(&site.url("/moved")).await;
    assert!(matches!(refused, Err(PreviewError::Refused)), "{refused:?}");
    assert_eq!(
        preview(&gallery, &site.url("/page")).await,
        json!({ "og:title": "Bait" })
    );
    assert_eq!(inside.requests(), 0);
    let failed = gallery.media.preview(&site.url("/none")).await;
    assert!(matches!(failed, Err(PreviewError::Failed(_))), "{failed:?}");
}
