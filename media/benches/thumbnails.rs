//! How many thumbnails a second the gallery makes, beside decoding, shrinking and encoding the same
//! pictures with nothing around it, on as many threads, in the same run.
//!
//!     scripts/with-services cargo bench -p causeway-media --bench thumbnails
#![allow(missing_docs, reason = "a bench")]

use std::convert::Infallible;
use std::io::Cursor;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use causeway_media::{About, Media, MediaSettings, Method, RemoteSettings, ThumbnailSize, Wish};
use causeway_store::{Clock, DatabaseSettings, Store};
use causeway_testkit::TestDatabase;
use futures::stream;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use ruma::{OwnedMxcUri, server_name, user_id};

/// Pictures of each kind, each with another content.
const PICTURES: u8 = 16;

/// Threads of the gallery, and of the plain work.
const WORKERS: usize = 2;

const SIZE: ThumbnailSize = ThumbnailSize {
    width: 320,
    height: 240,
    method: Method::Scale,
};

/// A photograph of a kind: waves with a grain, which neither compress to nothing nor to noise.
fn photograph(width: u32, height: u32) -> DynamicImage {
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let wave = (x as f32 / 13.0).sin() + (y as f32 / 70.0).cos();
        let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 28;
        let shade = (wave * 50.0 + 120.0) as u8 + grain as u8;
        Rgb([shade, shade.wrapping_add(20), 255 - shade])
    });
    picture.into()
}

fn encode(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("a picture");
    bytes.into_inner()
}

/// The same work with nothing around it.
fn plain(picture: &[u8], format: ImageFormat) -> usize {
    let picture = image::load_from_memory_with_format(picture, format).expect("a picture");
    let small = picture.thumbnail_exact(320, 240);
    let mut bytes = Vec::new();
    if format == ImageFormat::Jpeg {
        let encoder = JpegEncoder::new_with_quality(&mut bytes, 85);
        small.write_with_encoder(encoder).expect("a thumbnail");
    } else {
        small
            .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)
            .expect("a thumbnail");
    }
    bytes.len()
}

fn measure_plain(pictures: &Arc<Vec<Vec<u8>>>, format: ImageFormat) -> Duration {
    let start = Instant::now();
    let threads = (0..WORKERS).map(|worker| {
        let pictures = pictures.clone();
        std::thread::spawn(move || {
            let own = pictures.iter().skip(worker).step_by(WORKERS);
            own.map(|picture| plain(picture, format)).sum::<usize>()
        })
    });
    let threads: Vec<_> = threads.collect();
    let bytes: usize = threads
        .into_iter()
        .map(|thread| thread.join().expect("work"))
        .sum();
    assert!(bytes > 0);
    start.elapsed()
}

async fn upload(media: &Media, bytes: Vec<u8>) -> OwnedMxcUri {
    let body = stream::iter([Ok::<_, Infallible>(Bytes::from(bytes))]);
    let alice = user_id!("@alice:example.org");
    media
        .upload(alice, About::default(), body)
        .await
        .expect("an upload")
}

async fn measure_gallery(media: &Media, uris: &[OwnedMxcUri]) -> Duration {
    let start = Instant::now();
    let wish = Wish {
        size: SIZE,
        animated: false,
    };
    let asking = uris.iter().map(|uri| {
        let place = uri.parts().expect("an address");
        media.thumbnail(place, Duration::ZERO, wish)
    });
    for opened in futures::future::join_all(asking).await {
        assert!(opened.expect("a thumbnail").size > 0);
    }
    start.elapsed()
}

async fn gallery(dir: &tempfile::TempDir, database: &TestDatabase) -> Media {
    let settings = DatabaseSettings::from_url(&database.url(), 4).expect("a database");
    let store = Store::connect(&settings).await.expect("a database");
    let settings = MediaSettings {
        server_name: server_name!("example.org").to_owned(),
        dir: dir.path().to_owned(),
        max_upload_bytes: 100 << 20,
        user_quota: None,
        thumbnail_sizes: vec![SIZE],
        thumbnail_workers: WORKERS,
        thumbnail_memory_bytes: 256 << 20,
        max_image_pixels: 40_000_000,
        remote: RemoteSettings {
            max_bytes: 16,
            cache_bytes: 40,
            lifetime_ms: 1_000_000,
        },
        previews: None,
    };
    let media = Media::open(store, Clock::system(), settings).await;
    media.expect("a folder")
}

#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir().expect("a folder");
    let database = TestDatabase::create().await;
    let media = gallery(&dir, &database).await;
    println!("{PICTURES} pictures of each kind to 320x240, {WORKERS} threads");
    for (name, format, width, height) in [
        ("JPEG, 12 megapixels", ImageFormat::Jpeg, 4000, 3000),
        ("JPEG, 2 megapixels", ImageFormat::Jpeg, 1600, 1200),
        ("PNG, 2 megapixels", ImageFormat::Png, 1600, 1200),
    ] {
        let picture = encode(&photograph(width, height), format);
        // A byte behind the end makes another content of the same picture.
        let pictures = (0..PICTURES).map(|number| [&picture[..], &[number]].concat());
        let pictures = Arc::new(pictures.collect::<Vec<_>>());
        let mut uris = Vec::new();
        for picture in pictures.iter() {
            uris.push(upload(&media, picture.clone()).await);
        }
        let before = measure_plain(&pictures, format);
        let made = measure_gallery(&media, &uris).await;
        let after = measure_plain(&pictures, format);
        let kept = measure_gallery(&media, &uris).await;
        let rate = |time: Duration| f64::from(PICTURES) / time.as_secs_f64();
        let bare = (before + after) / 2;
        println!(
            "{name}: made {:.1}/s, plain {:.1}/s, ratio {:.2}; kept ones {:.0}/s",
            rate(made),
            rate(bare),
            bare.as_secs_f64() / made.as_secs_f64(),
            rate(kept),
        );
    }
}
