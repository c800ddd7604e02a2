//! What a file says about itself in its first bytes.

use std::fs::File;

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{AnimationDecoder as _, ImageDecoder as _, ImageFormat, ImageReader};

use super::{Format, Limits, Unfit, source};

/// What is known of a picture before it is decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// What the content is, whatever the uploader said.
    pub(crate) format: Format,
    /// As the picture is seen, in pixels.
    pub(crate) width: u32,
    /// As the picture is seen, in pixels.
    pub(crate) height: u32,
    /// How the stored picture is turned to be seen (EXIF).
    pub(crate) orientation: Orientation,
    /// Memory of the decoded picture, in bytes.
    pub(crate) decoded_bytes: u64,
}

impl Facts {
    /// Whether the stored picture lies on its side.
    pub(crate) fn lies_on_its_side(&self) -> bool {
        matches!(
            self.orientation,
            Orientation::Rotate90
                | Orientation::Rotate270
                | Orientation::Rotate90FlipH
                | Orientation::Rotate270FlipH
        )
    }
}

/// Reads the head of a file.
pub(crate) fn inspect(file: File, limits: &Limits) -> Result<Facts, Unfit> {
    let reader = ImageReader::new(source(file, limits));
    let mut reader = reader
        .with_guessed_format()
        .map_err(|error| Unfit::from(image::ImageError::from(error)))?;
    let format = match reader.format() {
        Some(ImageFormat::Jpeg) => Format::Jpeg,
        Some(ImageFormat::Png) => Format::Png,
        Some(ImageFormat::Gif) => Format::Gif,
        Some(ImageFormat::WebP) => Format::Webp,
        _ => return Err(Unfit::NotAPicture),
    };
    reader.limits(limits.for_decoder());
    let mut decoder = reader.into_decoder()?;
    let (stored_width, stored_height) = decoder.dimensions();
    if u64::from(stored_width) * u64::from(stored_height) > limits.max_pixels {
        return Err(Unfit::TooLarge);
    }
    if stored_width == 0 || stored_height == 0 {
        return Err(Unfit::NotAPicture);
    }
    // Broken metadata turn nothing.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut facts = Facts {
        format,
        width: stored_width,
        height: stored_height,
        orientation,
        decoded_bytes: decoder.total_bytes(),
    };
    if facts.lies_on_its_side() {
        (facts.width, facts.height) = (stored_height, stored_width);
    }
    Ok(facts)
}

/// Whether the picture moves. Of a GIF, that takes a look at its first two frames.
pub(crate) fn moves(file: File, facts: &Facts, limits: &Limits) -> Result<bool, Unfit> {
    let source = source(file, limits);
    Ok(match facts.format {
        Format::Jpeg => false,
        Format::Png => PngDecoder::with_limits(source, limits.for_decoder())?.is_apng()?,
        Format::Webp => WebPDecoder::new(source)?.has_animation(),
        Format::Gif => {
            let mut decoder = GifDecoder::new(source)?;
            decoder.set_limits(limits.for_decoder())?;
            let frames = decoder.into_frames().take(2).filter(Result::is_ok);
            frames.count() == 2
        }
    })
}
