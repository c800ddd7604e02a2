//! Thumbnails: made once, kept, never larger than the picture.

use std::path::Path;
use std::time::Duration;

use causeway_media::{MediaError, Opened, ThumbnailSize, Unfit, Wish};
use image::codecs::gif::GifEncoder;
use image::{Frame, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use ruma::MxcUri;

use crate::house::{Gallery, bytes_of, encode, gallery_with, upload};

async fn house() -> Gallery {
    gallery_with(|settings| settings.max_upload_bytes = 10 << 20).await
}

async fn thumbnail(
    gallery: &Gallery,
    uri: &MxcUri,
    size: &str,
    animated: bool,
) -> Result<Opened, MediaError> {
    let wish = Wish {
        size: ThumbnailSize::parse(size).unwrap(),
        animated,
    };
    let place = uri.parts().unwrap();
    gallery.media.thumbnail(place, Duration::ZERO, wish).await
}

fn kept(gallery: &Gallery) -> Vec<String> {
    fn below(dir: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path, found);
            } else {
                found.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }
    let mut found = Vec::new();
    below(&gallery.dir.path().join("thumbnails"), &mut found);
    found.sort();
    found
}

fn gif() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 30);
    for shade in [0, 255] {
        let frame = RgbaImage::from_pixel(100, 50, Rgba([shade, 0, 0, 255]));
        encoder.encode_frame(Frame::new(frame)).unwrap();
    }
    drop(encoder);
    bytes
}

#[tokio::test]
async fn sizes_are_made_once_and_kept() {
    let gallery = house().await;
    let picture = RgbImage::from_fn(640, 480, |x, y| Rgb([x as u8, y as u8, 0]));
    // What the uploader says of it decides nothing.
    let uri = upload(&gallery, "text/html", encode(picture, ImageFormat::Png)).await;
    let first = thumbnail(&gallery, &uri, "300x200 scale", false)
        .await
        .unwrap();
    assert_eq!(first.about.content_type.as_deref(), Some("image/png"));
    assert_eq!(first.about.file_name.as_deref(), Some("thumbnail.png"));
    let tag = first.tag.clone();
    let bytes = bytes_of(first).await;
    let small = image::load_from_memory(&bytes).unwrap();
    assert_eq!((small.width(), small.height()), (320, 240));
    let again = thumbnail(&gallery, &uri, "320x240 scale", true)
        .await
        .unwrap();
    assert_eq!(again.tag, tag);
    assert_eq!(bytes_of(again).await, bytes);
    assert_eq!(kept(&gallery), ["320x240-scale.png"]);
    let crop = thumbnail(&gallery, &uri, "20x20 crop", false)
        .await
        .unwrap();
    assert_ne!(crop.tag, tag);
    let small = image::load_from_memory(&bytes_of(crop).await).unwrap();
    assert_eq!((small.width(), small.height()), (32, 32));
    assert_eq!(kept(&gallery).len(), 2);
}

#[tokio::test]
async fn many_who_ask_at_once_wait_for_the_same_work() {
    let gallery = house().await;
    let picture = encode(RgbImage::new(1000, 1000), ImageFormat::Png);
    let uri = upload(&gallery, "image/png", picture).await;
    let asking = (0..200).map(|_| thumbnail(&gallery, &uri, "96x96 crop", false));
    for opened in futures::future::join_all(asking).await {
        assert_eq!(
            image::load_from_memory(&bytes_of(opened.unwrap()).await)
                .unwrap()
                .width(),
            96
        );
    }
    assert_eq!(kept(&gallery), ["96x96-crop.png"]);
}

#[tokio::test]
async fn a_small_picture_is_its_own_thumbnail() {
    let gallery = house().await;
    let picture = encode(RgbImage::new(50, 40), ImageFormat::Jpeg);
    let uri = upload(&gallery, "application/x-evil", picture.clone()).await;
    let opened = thumbnail(&gallery, &uri, "320x240 scale", false)
        .await
        .unwrap();
    assert_eq!(opened.about.content_type.as_deref(), Some("image/jpeg"));
    assert_eq!(bytes_of(opened).await, picture);
    assert!(kept(&gallery).is_empty());
}

#[tokio::test]
async fn only_who_wants_it_gets_what_moves() {
    let gallery = house().await;
    let uri = upload(&gallery, "image/gif", gif()).await;
    for (size, animated, format, sides) in [
        ("32x32 crop", true, ImageFormat::Gif, (32, 32)),
        ("32x32 crop", false, ImageFormat::Png, (32, 32)),
        // Small enough to be given as it is, but only to who wants it to move.
        ("320x240 scale", true, ImageFormat::Gif, (100, 50)),
        ("320x240 scale", false, ImageFormat::Png, (100, 50)),
    ] {
        let opened = thumbnail(&gallery, &uri, size, animated).await.unwrap();
        let bytes = bytes_of(opened).await;
        assert_eq!(
            image::guess_format(&bytes).unwrap(),
            format,
            "{size} {animated}"
        );
        let small = image::load_from_memory(&bytes).unwrap();
        assert_eq!((small.width(), small.height()), sides);
    }
}

#[tokio::test]
async fn odd_sizes_do_not_fill_the_disk() {
    let gallery = house().await;
    let picture = encode(RgbImage::new(200, 100), ImageFormat::Jpeg);
    let uri = upload(&gallery, "image/jpeg", picture).await;
    for width in 1..40 {
        let opened = thumbnail(&gallery, &uri, &format!("{width}x90 crop"), false)
            .await
            .unwrap();
        let small = image::load_from_memory(&bytes_of(opened).await).unwrap();
        assert_eq!((small.width(), small.height()), (width, 90));
    }
    assert_eq!(kept(&gallery).len(), 24);
}

#[tokio::test]
async fn what_is_no_picture_or_too_large_has_none() {
    let gallery = house().await;
    let whole = encode(RgbImage::new(500, 500), ImageFormat::Png);
    let half = whole[..whole.len() / 2].to_vec();
    for (bytes, expected) in [
        (b"text".to_vec(), Unfit::NotAPicture),
        (half, Unfit::NotAPicture),
        (
            encode(RgbImage::new(2001, 2000), ImageFormat::Jpeg),
            Unfit::TooLarge,
        ),
    ] {
        let uri = upload(&gallery, "image/png", bytes).await;
        for animated in [false, true] {
            let refused = thumbnail(&gallery, &uri, "32x32 crop", animated).await;
            assert!(
                matches!(refused, Err(MediaError::Unfit(unfit)) if unfit == expected),
                "{refused:?}"
            );
        }
    }
    assert!(kept(&gallery).is_empty());
}
