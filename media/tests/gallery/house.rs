//! A gallery of one's own.

use std::convert::Infallible;
use std::io::Cursor;
use std::time::Duration;

use bytes::Bytes;
use causeway_media::{
    About, Content, Media, MediaSettings, Opened, PreviewSettings, Quota, RemoteSettings,
    ThumbnailSize,
};
use causeway_outbound::{AddressPolicy, IpRange, Outbound, OutboundSettings};
use causeway_store::{Clock, DatabaseSettings, Store};
use causeway_testkit::TestDatabase;
use futures::{Stream, stream};
use image::{DynamicImage, ImageFormat};
use ruma::{OwnedMxcUri, server_name, user_id};
use tokio::io::AsyncReadExt as _;

pub struct Gallery {
    pub media: Media,
    pub clock: Clock,
    pub dir: tempfile::TempDir,
    _database: TestDatabase,
}

pub async fn gallery() -> Gallery {
    gallery_with(|_| {}).await
}

pub async fn gallery_with(change: impl FnOnce(&mut MediaSettings)) -> Gallery {
    let database = TestDatabase::create().await;
    let settings = DatabaseSettings::from_url(&database.url(), 4).unwrap();
    let store = Store::connect(&settings).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(1_700_000_000_000);
    let sizes = ["32x32 crop", "96x96 crop", "320x240 scale"];
    let mut settings = MediaSettings {
        server_name: server_name!("example.org").to_owned(),
        dir: dir.path().to_owned(),
        max_upload_bytes: 16,
        user_quota: None,
        thumbnail_sizes: sizes
            .map(|size| ThumbnailSize::parse(size).unwrap())
            .to_vec(),
        thumbnail_workers: 2,
        thumbnail_memory_bytes: 64 << 20,
        max_image_pixels: 4_000_000,
        remote: RemoteSettings {
            max_bytes: 16,
            cache_bytes: 40,
            lifetime_ms: 1_000_000,
        },
        previews: Some(previews(&["127.0.0.1"])),
    };
    change(&mut settings);
    let media = Media::open(store, clock.clone(), settings).await.unwrap();
    Gallery {
        media,
        clock,
        dir,
        _database: database,
    }
}

pub fn quota(bytes: u64) -> Quota {
    Quota {
        bytes,
        info_url: "https://example.org/quota".to_owned(),
    }
}

/// Previews that may reach these addresses.
pub fn previews(allowed: &[&str]) -> PreviewSettings {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outbound = OutboundSettings {
        policy: AddressPolicy {
            allowed: allowed
                .iter()
                .map(|it| IpRange::parse(it).unwrap())
                .collect(),
            denied: Vec::new(),
        },
        user_agent: "test".to_owned(),
        connect_timeout: Duration::from_secs(2),
        timeout: Duration::from_secs(5),
        max_redirects: 3,
        authorities: Vec::new(),
    };
    PreviewSettings {
        outbound: Outbound::new(outbound).unwrap(),
        max_page_bytes: 10_000,
        max_image_bytes: 100_000,
        lifetime_ms: 60_000,
        accept_language: "en".to_owned(),
    }
}

pub fn body(text: &'static str) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::iter([Ok(Bytes::from_static(text.as_bytes()))])
}

pub async fn bytes_of(opened: Opened) -> Vec<u8> {
    let mut bytes = Vec::new();
    match opened.content {
        Content::File(mut file) => {
            file.read_to_end(&mut bytes).await.unwrap();
        }
        Content::Memory(content) => bytes.extend_from_slice(&content),
    }
    assert_eq!(bytes.len() as u64, opened.size);
    bytes
}

pub fn encode(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub async fn upload(gallery: &Gallery, content_type: &str, bytes: Vec<u8>) -> OwnedMxcUri {
    let about = About {
        content_type: Some(content_type.to_owned()),
        file_name: None,
    };
    let body = stream::iter([Ok::<_, Infallible>(Bytes::from(bytes))]);
    let alice = user_id!("@alice:example.org");
    gallery.media.upload(alice, about, body).await.unwrap()
}
