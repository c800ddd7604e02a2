//! Thumbnails that do not move.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageEncoder as _, ImageReader};

use super::shape::Target;
use super::{Facts, Format, Limits, Made, Source, Unfit};

/// Quality of JPEG thumbnails, of 100.
const JPEG_QUALITY: u8 = 85;

/// Largest colour profile that is taken over; usual ones have some kilobytes.
const MAX_PROFILE_BYTES: usize = 16_384;

pub(super) fn make(
    source: Source,
    facts: &Facts,
    to: Target,
    limits: &Limits,
) -> Result<Made, Unfit> {
    let mut reader = ImageReader::new(source);
    reader.set_format(match facts.format {
        Format::Jpeg => image::ImageFormat::Jpeg,
        Format::Png => image::ImageFormat::Png,
        Format::Gif => image::ImageFormat::Gif,
        Format::Webp => image::ImageFormat::WebP,
    });
    reader.limits(limits.for_decoder());
    let mut decoder = reader.into_decoder()?;
    let profile = decoder.icc_profile().ok().flatten();
    // The thumbnail is RGB, whatever the picture was.
    let profile = profile.filter(|profile| {
        profile.len() <= MAX_PROFILE_BYTES && profile.get(16..20) == Some(b"RGB ".as_slice())
    });
    let whole = DynamicImage::from_decoder(decoder)?;
    let stored = if facts.lies_on_its_side() {
        to.on_its_side()
    } else {
        to
    };
    let mut small = cut_and_shrink(whole, stored);
    if facts.orientation != Orientation::NoTransforms {
        small.apply_orientation(facts.orientation);
    }
    encode(small, facts.format, profile)
}

/// Works on the picture as it is stored: turning comes after, on fewer pixels.
fn cut_and_shrink(whole: DynamicImage, to: Target) -> DynamicImage {
    let (width, height) = (whole.width(), whole.height());
    let part = if to.part == (width, height) {
        whole
    } else {
        let (left, top) = ((width - to.part.0) / 2, (height - to.part.1) / 2);
        whole.crop_imm(left, top, to.part.0, to.part.1)
    };
    if to.size == to.part {
        part
    } else {
        part.thumbnail_exact(to.size.0, to.size.1)
    }
}

/// Photographs stay JPEG; what may have sharp edges or see-through parts becomes PNG.
fn encode(small: DynamicImage, original: Format, profile: Option<Vec<u8>>) -> Result<Made, Unfit> {
    let is_opaque = !small.color().has_alpha();
    let format = match original {
        Format::Jpeg => Format::Jpeg,
        Format::Webp if is_opaque => Format::Jpeg,
        _ => Format::Png,
    };
    let mut bytes = Cursor::new(Vec::new());
    if format == Format::Jpeg {
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
        if let Some(profile) = profile {
            // A format without profiles takes none; the picture is the same.
            let _ = encoder.set_icc_profile(profile);
        }
        small.to_rgb8().write_with_encoder(encoder)?;
    } else {
        let mut encoder =
            PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive);
        if let Some(profile) = profile {
            let _ = encoder.set_icc_profile(profile);
        }
        if is_opaque {
            small.to_rgb8().write_with_encoder(encoder)?;
        } else {
            small.to_rgba8().write_with_encoder(encoder)?;
        }
    }
    Ok(Made {
        format,
        bytes: bytes.into_inner().into(),
    })
}
