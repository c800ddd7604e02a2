//! Thumbnails that move, as GIF: the one animated format that has an encoder here. Frames are
//! read, shrunk and written one at a time.

use std::time::Instant;

use image::codecs::gif::{GifDecoder, GifEncoder, Repeat};
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder as _, Frame, Frames, ImageDecoder as _, imageops};

use super::shape::Target;
use super::{Facts, Format, Limits, Made, Source, Unfit};

/// Most frames of an animation. Longer ones are shown still.
const MAX_FRAMES: u64 = 500;

/// Pixels of all frames together, as a multiple of the limit for one picture.
const MAX_PIXELS_FACTOR: u64 = 8;

/// Largest animated thumbnail, in bytes.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Between 1 (best colours) and 30 (fastest).
const PALETTE_SPEED: i32 = 15;

pub(super) fn make(
    source: Source,
    facts: &Facts,
    to: Target,
    limits: &Limits,
) -> Result<Option<Made>, Unfit> {
    let pixels = u64::from(facts.width) * u64::from(facts.height);
    let max_frames = (limits.max_pixels * MAX_PIXELS_FACTOR / pixels).min(MAX_FRAMES);
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, PALETTE_SPEED);
    encoder.set_repeat(Repeat::Infinite)?;
    let mut written = 0;
    for (number, frame) in (0..).zip(frames(source, facts, limits)?) {
        if number >= max_frames || Instant::now() >= limits.until {
            return Ok(None);
        }
        let frame = match frame {
            Ok(frame) => frame,
            // What came before a broken end is shown.
            Err(_) if number > 1 => break,
            Err(error) => return Err(error.into()),
        };
        written += u64::from(to.size.0) * u64::from(to.size.1);
        // A frame takes less than a byte per pixel.
        if written > MAX_BYTES as u64 * 4 {
            return Ok(None);
        }
        encoder.encode_frame(shrink(&frame, to))?;
    }
    drop(encoder);
    Ok((bytes.len() <= MAX_BYTES).then(|| Made {
        format: Format::Gif,
        bytes: bytes.into(),
    }))
}

fn frames(source: Source, facts: &Facts, limits: &Limits) -> Result<Frames<'static>, Unfit> {
    let decoder_limits = limits.for_decoder();
    Ok(match facts.format {
        Format::Gif => {
            let mut decoder = GifDecoder::new(source)?;
            decoder.set_limits(decoder_limits)?;
            decoder.into_frames()
        }
        Format::Png => PngDecoder::with_limits(source, decoder_limits)?
            .apng()?
            .into_frames(),
        Format::Webp => {
            let mut decoder = WebPDecoder::new(source)?;
            decoder.set_limits(decoder_limits)?;
            decoder.into_frames()
        }
        Format::Jpeg => return Err(Unfit::NotAPicture),
    })
}

fn shrink(frame: &Frame, to: Target) -> Frame {
    let buffer = frame.buffer();
    let (width, height) = buffer.dimensions();
    let (part_width, part_height) = (to.part.0.min(width), to.part.1.min(height));
    let small = if (part_width, part_height) == (width, height) {
        imageops::thumbnail(buffer, to.size.0, to.size.1)
    } else {
        let (left, top) = ((width - part_width) / 2, (height - part_height) / 2);
        let part = imageops::crop_imm(buffer, left, top, part_width, part_height).to_image();
        imageops::thumbnail(&part, to.size.0, to.size.1)
    };
    Frame::from_parts(small, 0, 0, frame.delay())
}
