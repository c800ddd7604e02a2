use std::io::{Cursor, Seek as _, Write as _};
use std::time::Duration;

use image::codecs::gif::{GifEncoder, Repeat};
use image::codecs::jpeg::JpegEncoder;
use image::{
    AnimationDecoder as _, Delay, DynamicImage, Frame, ImageEncoder as _, ImageFormat, Rgb,
    RgbImage, Rgba, RgbaImage,
};

use super::shape::{Method, fit};
use super::*;

const RED: Rgb<u8> = Rgb([200, 20, 20]);
const BLUE: Rgb<u8> = Rgb([20, 20, 200]);

fn limits() -> Limits {
    Limits {
        max_pixels: 4_000_000,
        until: Instant::now() + Duration::from_secs(30),
    }
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

/// Red on the left, blue on the right.
fn two_colours(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| if x < width / 2 { RED } else { BLUE })
}

fn encode(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn size(text: &str) -> ThumbnailSize {
    ThumbnailSize::parse(text).unwrap()
}

fn make(bytes: &[u8], wanted: &str) -> Result<Made, Unfit> {
    let facts = inspect(file(bytes), &limits())?;
    let target = fit((facts.width, facts.height), size(wanted)).expect("a larger picture");
    shrink(file(bytes), &facts, target, &limits())
}

fn is_near(pixel: &Rgb<u8>, colour: Rgb<u8>) -> bool {
    (0..3).all(|channel| pixel.0[channel].abs_diff(colour.0[channel]) < 16)
}

#[test]
fn a_photograph_is_scaled_and_stays_a_photograph() {
    let photograph = encode(two_colours(1000, 500), ImageFormat::Jpeg);
    let made = make(&photograph, "320x240 scale").unwrap();
    assert_eq!(made.format, Format::Jpeg);
    let small = image::load_from_memory(&made.bytes).unwrap().to_rgb8();
    assert_eq!(small.dimensions(), (320, 160));
    assert!(is_near(small.get_pixel(10, 80), RED) && is_near(small.get_pixel(310, 80), BLUE));
}

#[test]
fn a_picture_that_lies_on_its_side_is_turned() {
    // Red on the left: turned by a quarter (6: the top is on the right), red is at the top.
    let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    exif.truncate(26);
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new(&mut bytes);
    encoder.set_exif_metadata(exif).unwrap();
    let stored = two_colours(1000, 500);
    encoder
        .write_image(stored.as_raw(), 1000, 500, image::ExtendedColorType::Rgb8)
        .unwrap();
    let facts = inspect(file(&bytes), &limits()).unwrap();
    assert_eq!((facts.width, facts.height), (500, 1000));
    let made = make(&bytes, "320x240 scale").unwrap();
    let small = image::load_from_memory(&made.bytes).unwrap().to_rgb8();
    assert_eq!(small.dimensions(), (120, 240));
    assert!(is_near(small.get_pixel(60, 10), RED) && is_near(small.get_pixel(60, 230), BLUE));
    let made = make(&bytes, "50x40 crop").unwrap();
    let small = image::load_from_memory(&made.bytes).unwrap();
    assert_eq!((small.width(), small.height()), (50, 40));
}

#[test]
fn what_is_seen_through_stays_so() {
    let glass = RgbaImage::from_fn(300, 200, |x, _| {
        Rgba([10, 200, 10, if x < 150 { 0 } else { 255 }])
    });
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let made = make(&encode(glass.clone(), format), "96x96 crop").unwrap();
        assert_eq!(made.format, Format::Png);
        let small = image::load_from_memory(&made.bytes).unwrap().to_rgba8();
        assert_eq!(small.dimensions(), (96, 96));
        assert_eq!(
            (small.get_pixel(5, 48)[3], small.get_pixel(90, 48)[3]),
            (0, 255)
        );
    }
    let opaque = make(
        &encode(two_colours(300, 200), ImageFormat::WebP),
        "96x96 crop",
    );
    assert_eq!(opaque.unwrap().format, Format::Jpeg);
}

#[test]
fn what_is_no_picture_is_none() {
    let whole = encode(two_colours(300, 200), ImageFormat::Png);
    let half = &whole[..whole.len() / 2];
    for (name, bytes) in [
        ("empty", b"".as_slice()),
        ("text", b"not a picture"),
        (
            "svg",
            b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        ),
        ("head", &whole[..20]),
        ("signature", b"\x89PNG\r\n\x1a\n"),
        ("gif", b"GIF89a"),
        ("bmp", b"BM6\0\0\0\0\0\0\0"),
    ] {
        let facts = inspect(file(bytes), &limits());
        assert_eq!(facts.err(), Some(Unfit::NotAPicture), "{name}");
    }
    assert_eq!(make(half, "96x96 crop").err(), Some(Unfit::NotAPicture));
}

/// A PNG that says that it is as large as a country.
fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = encode(two_colours(2, 2), ImageFormat::Png);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(sum & 1))
        })
    })
}

#[test]
fn bombs_are_not_decoded() {
    assert!(
        inspect(file(&bomb(2000, 2000)), &limits()).is_ok(),
        "exactly the limit"
    );
    for (width, height) in [
        (2001, 2000),
        (60_000, 60_000),
        (u32::MAX / 2, 1),
        (1, 4_000_001),
    ] {
        let facts = inspect(file(&bomb(width, height)), &limits());
        assert_eq!(facts.err(), Some(Unfit::TooLarge), "{width}x{height}");
    }
    let late = Limits {
        until: Instant::now(),
        ..limits()
    };
    let picture = encode(two_colours(300, 200), ImageFormat::Png);
    assert_eq!(inspect(file(&picture), &late).err(), Some(Unfit::TooLarge));
    let facts = inspect(file(&picture), &limits()).unwrap();
    let target = fit((300, 200), size("96x96 crop")).unwrap();
    let made = shrink(file(&picture), &facts, target, &late);
    assert_eq!(made.err(), Some(Unfit::TooLarge));
}

fn frame(number: u32, count: u32) -> RgbaImage {
    let shade = u8::try_from(number * 255 / count).unwrap();
    RgbaImage::from_pixel(200, 100, Rgba([shade, 0, 0, 255]))
}

fn gif(frames: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 30);
    encoder.set_repeat(Repeat::Infinite).unwrap();
    for number in 0..frames {
        let delay = Delay::from_numer_denom_ms(50, 1);
        let frame = Frame::from_parts(frame(number, frames), 0, 0, delay);
        encoder.encode_frame(frame).unwrap();
    }
    drop(encoder);
    bytes
}

fn apng(frames: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 200, 100);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(frames, 0).unwrap();
    encoder.set_frame_delay(50, 1000).unwrap();
    let mut writer = encoder.write_header().unwrap();
    for number in 0..frames {
        writer
            .write_image_data(frame(number, frames).as_raw())
            .unwrap();
    }
    writer.finish().unwrap();
    bytes
}

fn animate(bytes: &[u8], wanted: &str) -> Option<Made> {
    let facts = inspect(file(bytes), &limits()).unwrap();
    assert!(moves(file(bytes), &facts, &limits()).unwrap());
    let target = fit((facts.width, facts.height), size(wanted)).unwrap();
    shrink_animation(file(bytes), &facts, target, &limits()).unwrap()
}

#[test]
fn animations_move_in_small_too() {
    for (bytes, wanted, expected) in [
        (gif(4), "32x32 crop", (32, 32)),
        (gif(4), "64x64 scale", (64, 32)),
        (apng(4), "32x32 crop", (32, 32)),
    ] {
        let made = animate(&bytes, wanted).unwrap();
        assert_eq!(made.format, Format::Gif);
        let decoder = image::codecs::gif::GifDecoder::new(Cursor::new(&made.bytes)).unwrap();
        let frames = decoder.into_frames().collect_frames().unwrap();
        assert_eq!(frames.len(), 4);
        for (number, frame) in frames.iter().enumerate() {
            assert_eq!(frame.buffer().dimensions(), expected);
            assert_eq!(frame.delay().numer_denom_ms(), (50, 1));
            let shade = usize::from(frame.buffer().get_pixel(10, 10)[0]);
            assert!(
                shade.abs_diff(number * 255 / 4) < 8,
                "frame {number}: {shade}"
            );
        }
    }
    // The still of it is its first frame.
    let made = make(&gif(4), "32x32 crop").unwrap();
    assert_eq!(made.format, Format::Png);
    assert_eq!(
        image::load_from_memory(&made.bytes)
            .unwrap()
            .to_rgba8()
            .get_pixel(5, 5)[0],
        0
    );
}

#[test]
fn what_does_not_move_and_what_moves_too_long() {
    for (bytes, format) in [
        (gif(1), Format::Gif),
        (encode(two_colours(9, 9), ImageFormat::Png), Format::Png),
        (encode(two_colours(9, 9), ImageFormat::WebP), Format::Webp),
        (encode(two_colours(9, 9), ImageFormat::Jpeg), Format::Jpeg),
    ] {
        let facts = inspect(file(&bytes), &limits()).unwrap();
        assert_eq!(facts.format, format);
        assert!(
            !moves(file(&bytes), &facts, &limits()).unwrap(),
            "{format:?}"
        );
    }
    assert!(
        animate(&gif(501), "32x32 crop").is_none(),
        "too many frames"
    );
    let late = Limits {
        until: Instant::now() + Duration::from_millis(30),
        ..limits()
    };
    let bytes = gif(400);
    let facts = inspect(file(&bytes), &limits()).unwrap();
    let target = fit((200, 100), size("150x90 crop")).unwrap();
    std::thread::sleep(Duration::from_millis(40));
    let made = shrink_animation(file(&bytes), &facts, target, &late);
    assert!(matches!(made, Ok(None) | Err(Unfit::TooLarge)));
    assert_eq!(Method::Crop.name(), "crop");
}
