//! Sizes: which of the configured ones answers a request, and what is left of a picture in it.
//! Specification: client-server API, "Thumbnails".

/// How a picture is fitted into a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Whole, with its own aspect ratio: it fits into the size, and fills it one way.
    Scale,
    /// In the aspect ratio of the size: what stands over is cut off on both sides.
    Crop,
}

impl Method {
    /// As the specification calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scale => "scale",
            Self::Crop => "crop",
        }
    }
}

/// A size of thumbnails, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThumbnailSize {
    /// At least 1.
    pub width: u32,
    /// At least 1.
    pub height: u32,
    /// How pictures are fitted into it.
    pub method: Method,
}

/// Longest side of a thumbnail. Whoever asks for more gets the picture itself.
pub const MAX_SIDE: u32 = 4096;

impl ThumbnailSize {
    /// Reads `640x480 scale`.
    pub fn parse(text: &str) -> Option<Self> {
        let (size, method) = text.split_once(' ')?;
        let (width, height) = size.split_once('x')?;
        let side = |text: &str| {
            let side: u32 = text.parse().ok()?;
            (1..=MAX_SIDE).contains(&side).then_some(side)
        };
        Some(Self {
            width: side(width)?,
            height: side(height)?,
            method: match method.trim() {
                "scale" => Method::Scale,
                "crop" => Method::Crop,
                _ => return None,
            },
        })
    }

    fn covers(&self, asked: &Self) -> bool {
        self.width >= asked.width && self.height >= asked.height
    }

    fn has_ratio_of(&self, other: &Self) -> bool {
        u64::from(self.width) * u64::from(other.height)
            == u64::from(self.height) * u64::from(other.width)
    }

    fn area(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// The size that answers a request: never smaller than what is asked for. So that a file has few
/// thumbnails, it is one of the configured sizes, or, beyond them, the largest doubled as often
/// as it takes. A crop keeps the aspect ratio of the request; where no configured size has that,
/// it is what was asked for.
pub(crate) fn choose(configured: &[ThumbnailSize], asked: ThumbnailSize) -> ThumbnailSize {
    let alike = || {
        configured.iter().filter(move |size| {
            size.method == asked.method
                && (asked.method == Method::Scale || size.has_ratio_of(&asked))
        })
    };
    let fitting = alike().filter(|size| size.covers(&asked));
    if let Some(size) = fitting.min_by_key(|size| size.area()) {
        return *size;
    }
    let Some(mut size) = alike().max_by_key(|size| size.area()).copied() else {
        return asked;
    };
    while !size.covers(&asked) && size.width.max(size.height) <= MAX_SIDE {
        size.width *= 2;
        size.height *= 2;
    }
    size
}

/// What becomes of a picture, in pixels as it is seen: the middle part that is kept, and the size
/// that this part gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) part: (u32, u32),
    pub(crate) size: (u32, u32),
}

impl Target {
    /// The same for a picture that lies on its side.
    pub(crate) fn on_its_side(self) -> Self {
        let turn = |(width, height)| (height, width);
        Self {
            part: turn(self.part),
            size: turn(self.size),
        }
    }
}

/// How a picture of `width` x `height` gets `size`; nothing where it is no larger than that, for
/// nothing is ever made larger.
pub(crate) fn fit((width, height): (u32, u32), size: ThumbnailSize) -> Option<Target> {
    let (box_width, box_height) = (size.width, size.height);
    if width <= box_width && height <= box_height {
        return None;
    }
    // a/b < c/d as a*d < c*b: no rounding decides.
    let is_wider =
        u64::from(width) * u64::from(box_height) > u64::from(height) * u64::from(box_width);
    Some(match size.method {
        Method::Scale if is_wider => Target {
            part: (width, height),
            size: (box_width, scaled(height, box_width, width)),
        },
        Method::Scale => Target {
            part: (width, height),
            size: (scaled(width, box_height, height), box_height),
        },
        // Too small one way: cut the other, and leave the pixels as they are.
        Method::Crop if width <= box_width || height <= box_height => {
            let part = (width.min(box_width), height.min(box_height));
            Target { part, size: part }
        }
        Method::Crop if is_wider => Target {
            part: (scaled(box_width, height, box_height).min(width), height),
            size: (box_width, box_height),
        },
        Method::Crop => Target {
            part: (width, scaled(box_height, width, box_width).min(height)),
            size: (box_width, box_height),
        },
    })
}

/// `value * to / from`, rounded, at least 1.
fn scaled(value: u32, to: u32, from: u32) -> u32 {
    let product = u64::from(value) * u64::from(to) + u64::from(from) / 2;
    u32::try_from(product / u64::from(from))
        .unwrap_or(u32::MAX)
        .max(1)
}

#[cfg(test)]
#[path = "shape_test.rs"]
mod shape_test;
