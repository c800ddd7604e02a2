//! Pictures: what they are, and how they are made smaller. Nothing here is async: it runs on
//! threads of its own ([`crate::workshop`]).
//!
//! A stranger's file decides nothing but its own fate: the format is read off its first bytes,
//! its size in pixels is looked at before anything is decoded, what a decoder may allocate has a
//! limit, and so has the time in which it may read.

mod animation;
mod facts;
pub(crate) mod shape;
mod still;
mod watched;

use std::fs::File;
use std::io::BufReader;
use std::time::Instant;

use bytes::Bytes;
use image::Limits as DecoderLimits;

pub(crate) use self::facts::{Facts, inspect, moves};
use self::shape::Target;
pub use self::shape::{Method, ThumbnailSize};
use self::watched::Watched;

/// How much one picture may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Most pixels of a picture that is decoded.
    pub(crate) max_pixels: u64,
    /// When it must be done.
    pub(crate) until: Instant,
}

/// Bytes that a decoder may take per pixel allowed: four channels of 16 bits.
const DECODER_BYTES_PER_PIXEL: u64 = 8;

impl Limits {
    fn for_decoder(&self) -> DecoderLimits {
        let mut limits = DecoderLimits::no_limits();
        limits.max_alloc = Some(self.max_pixels * DECODER_BYTES_PER_PIXEL);
        limits
    }
}

/// Why there is no thumbnail of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is not a picture that can be read, or a broken one.
    #[error("the content is not a picture that can be read")]
    NotAPicture,
    /// It has too many pixels, or takes too long.
    #[error("the picture is too large")]
    TooLarge,
}

impl From<image::ImageError> for Unfit {
    fn from(error: image::ImageError) -> Self {
        match error {
            image::ImageError::Limits(_) => Self::TooLarge,
            image::ImageError::IoError(error) if watched::is_too_late(&error) => Self::TooLarge,
            _ => Self::NotAPicture,
        }
    }
}

/// The format of a thumbnail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Jpeg,
    Png,
    Gif,
    Webp,
}

impl Format {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }

    /// The end of a file's name.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::Webp => "webp",
        }
    }
}

/// A thumbnail.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) format: Format,
    pub(crate) bytes: Bytes,
}

/// What is read from: stops when the time is over.
type Source = BufReader<Watched<File>>;

fn source(file: File, limits: &Limits) -> Source {
    BufReader::with_capacity(65_536, Watched::new(file, limits.until))
}

/// Makes a still thumbnail of a picture.
pub(crate) fn shrink(
    file: File,
    facts: &Facts,
    to: Target,
    limits: &Limits,
) -> Result<Made, Unfit> {
    still::make(source(file, limits), facts, to, limits)
}

/// Makes an animated thumbnail; nothing where the animation has too many frames for that.
pub(crate) fn shrink_animation(
    file: File,
    facts: &Facts,
    to: Target,
    limits: &Limits,
) -> Result<Option<Made>, Unfit> {
    animation::make(source(file, limits), facts, to, limits)
}

#[cfg(test)]
#[path = "picture_test.rs"]
mod picture_test;
