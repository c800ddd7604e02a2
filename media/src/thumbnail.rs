//! Thumbnails: made when they are asked for first, then kept beside their content.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ruma::ServerName;
use tokio::fs::File;

use crate::disk::{Disk, Hash};
use crate::flight::{Flights, Grounded};
use crate::picture::{self, Facts, Format, Made, Method, ThumbnailSize, Unfit, shape};
use crate::workshop::{Bench, Workshop};
use crate::{About, Content, Media, MediaError, Opened};

/// Thumbnails that are under way or wait for their turn, of all users together.
const MAX_UNDER_WAY: usize = 64;

/// Largest file that is looked at, in bytes: decoders of JPEG hold it in memory.
const MAX_SOURCE_BYTES: u64 = 50 * 1024 * 1024;

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// The least size.
    pub size: ThumbnailSize,
    /// Whether it may move.
    pub animated: bool,
}

/// What a thumbnail cannot be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWish {
    /// A side is not positive.
    #[error("A thumbnail has positive sides")]
    Side,
    /// The method is unknown.
    #[error("The method is crop or scale")]
    Method,
}

impl Wish {
    /// A wish as the parameters of a request say it.
    ///
    /// # Errors
    /// [`BadWish`].
    pub fn read(
        (width, height): (i64, i64),
        method: Option<&str>,
        animated: Option<bool>,
    ) -> Result<Self, BadWish> {
        let side = |side: i64| match side {
            1.. => Ok(u32::try_from(side).unwrap_or(u32::MAX)),
            _ => Err(BadWish::Side),
        };
        let method = match method {
            None | Some("scale") => Method::Scale,
            Some("crop") => Method::Crop,
            Some(_) => return Err(BadWish::Method),
        };
        Ok(Self {
            size: ThumbnailSize {
                width: side(width)?,
                height: side(height)?,
                method,
            },
            animated: animated.unwrap_or(false),
        })
    }
}

/// A content in a size: still, or moving.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Variant {
    hash: Hash,
    size: ThumbnailSize,
    animated: bool,
}

impl Variant {
    /// The name of its file, without the ending.
    fn name(&self) -> String {
        let ThumbnailSize {
            width,
            height,
            method,
        } = self.size;
        let animated = if self.animated { "-animated" } else { "" };
        format!("{width}x{height}-{}{animated}", method.name())
    }

    /// The formats in which it may lie on the disk.
    fn formats(&self) -> &'static [Format] {
        if self.animated {
            &[Format::Gif]
        } else {
            &[Format::Jpeg, Format::Png]
        }
    }
}

/// What came of making one.
#[derive(Clone)]
enum Outcome {
    /// It lies on the disk now.
    Kept,
    /// The content has many thumbnails already: this one is not kept.
    Loose(Made),
    /// The picture is no larger than what is asked for.
    Original(Format),
    /// It does not move, or too much.
    Still,
}

/// Makes thumbnails, each once at a time.
pub(crate) struct Thumbnails {
    flights: Flights<Variant, Result<Outcome, Failure>>,
    pub(crate) workshop: Arc<Workshop>,
    sizes: Vec<ThumbnailSize>,
}

#[derive(Clone, Debug)]
enum Failure {
    Unfit(Unfit),
    Disk(Arc<std::io::Error>),
}

impl From<Unfit> for Failure {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(Arc::new(error))
    }
}

impl From<Failure> for MediaError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unfit(unfit) => Self::Unfit(unfit),
            Failure::Disk(error) => Self::Disk(std::io::Error::new(error.kind(), error)),
        }
    }
}

impl Thumbnails {
    pub(crate) fn new(workshop: Workshop, sizes: Vec<ThumbnailSize>) -> Self {
        Self {
            flights: Flights::new(MAX_UNDER_WAY),
            workshop: Arc::new(workshop),
            sizes,
        }
    }
}

impl Media {
    /// A thumbnail of a file: at least as large as the wish, or the picture itself where that is
    /// smaller. Where the content was announced, waits for it as [`Media::get`] does.
    ///
    /// # Errors
    /// [`MediaError::Unfit`] where there can be none, [`MediaError::Busy`] where too many are
    /// being made, and what [`Media::get`] answers.
    pub async fn thumbnail(
        &self,
        (origin, id): (&ServerName, &str),
        wait: Duration,
        wish: Wish,
    ) -> Result<Opened, MediaError> {
        let (file, hash) = self.find(origin, id, wait).await?;
        let size = u64::try_from(file.size).unwrap_or(u64::MAX);
        let chosen = shape::choose(&self.0.thumbnails.sizes, wish.size);
        if wish.animated {
            let moving = Variant {
                hash,
                size: chosen,
                animated: true,
            };
            if let Some(opened) = self.variant(moving, size).await? {
                return Ok(opened);
            }
        }
        let still = Variant {
            hash,
            size: chosen,
            animated: false,
        };
        let opened = self.variant(still, size).await?;
        opened.ok_or(MediaError::Unfit(Unfit::NotAPicture))
    }

    /// Nothing where the picture cannot move.
    async fn variant(
        &self,
        variant: Variant,
        file_bytes: u64,
    ) -> Result<Option<Opened>, MediaError> {
        if let Some(opened) = self.kept(&variant).await? {
            return Ok(Some(opened));
        }
        if file_bytes > MAX_SOURCE_BYTES {
            return Err(MediaError::Unfit(Unfit::TooLarge));
        }
        let work = || make(self.clone(), variant.clone(), file_bytes);
        let outcome = match self.0.thumbnails.flights.join(variant.clone(), work).await {
            Ok(outcome) => outcome?,
            Err(Grounded::Full) => return Err(MediaError::Busy),
            Err(Grounded::Crashed) => return Err(MediaError::Unfit(Unfit::NotAPicture)),
        };
        match outcome {
            Outcome::Still => Ok(None),
            Outcome::Loose(made) => Ok(Some(opened(&variant, made.format, made.bytes))),
            Outcome::Original(format) => {
                let file = self.0.disk.read(&variant.hash).await?;
                let size = file.metadata().await?.len();
                Ok(Some(Opened {
                    content: Content::File(file),
                    size,
                    ..opened(&variant, format, Bytes::new())
                }))
            }
            // It may be gone again, if the content was deleted in this moment.
            Outcome::Kept => match self.kept(&variant).await? {
                Some(opened) => Ok(Some(opened)),
                None => Err(MediaError::NotFound),
            },
        }
    }

    async fn kept(&self, variant: &Variant) -> Result<Option<Opened>, MediaError> {
        let name = variant.name();
        for format in variant.formats() {
            let name = format!("{name}.{}", format.ending());
            if let Some(file) = self.0.disk.read_thumbnail(&variant.hash, &name).await? {
                let size = file.metadata().await?.len();
                return Ok(Some(Opened {
                    content: Content::File(file),
                    size,
                    ..opened(variant, *format, Bytes::new())
                }));
            }
        }
        Ok(None)
    }
}

fn opened(variant: &Variant, format: Format, bytes: Bytes) -> Opened {
    Opened {
        size: bytes.len() as u64,
        content: Content::Memory(bytes),
        tag: format!("{}-{}", variant.hash.for_url(), variant.name()),
        about: About {
            content_type: Some(format.content_type().to_owned()),
            file_name: Some(format!("thumbnail.{}", format.ending())),
        },
    }
}

async fn make(media: Media, variant: Variant, file_bytes: u64) -> Result<Outcome, Failure> {
    let disk = &media.0.disk;
    let workshop = &media.0.thumbnails.workshop;
    let mut bench = workshop.bench().await;
    let facts = facts(&bench, disk, &variant.hash).await?;
    let beyond = variant.size.width.max(variant.size.height) > shape::MAX_SIDE;
    let seen = (facts.width, facts.height);
    let target = shape::fit(seen, variant.size).filter(|_| !beyond);
    // The picture itself must do as it is: moving where that is wished, still otherwise.
    if variant.animated || target.is_none() {
        let moves = moves(&bench, disk, &variant.hash, facts).await?;
        match target {
            _ if variant.animated && !moves => return Ok(Outcome::Still),
            None if moves == variant.animated => return Ok(Outcome::Original(facts.format)),
            _ => {}
        }
    }
    let target = target.unwrap_or(shape::Target {
        part: seen,
        size: seen,
    });
    workshop.memory(&mut bench, &facts, file_bytes).await;
    let file = open(disk, &variant.hash).await?;
    let made = if variant.animated {
        let work = move |limits: &_| picture::shrink_animation(file, &facts, target, limits);
        match bench.work(work).await? {
            Some(made) => made,
            None => return Ok(Outcome::Still),
        }
    } else {
        let work = move |limits: &_| picture::shrink(file, &facts, target, limits);
        bench.work(work).await?
    };
    drop(bench);
    let name = format!("{}.{}", variant.name(), made.format.ending());
    if disk
        .keep_thumbnail(&variant.hash, &name, &made.bytes)
        .await?
    {
        Ok(Outcome::Kept)
    } else {
        Ok(Outcome::Loose(made))
    }
}

async fn open(disk: &Disk, hash: &Hash) -> Result<std::fs::File, Failure> {
    let file: File = disk.read(hash).await?;
    Ok(file.into_std().await)
}

async fn facts(bench: &Bench, disk: &Disk, hash: &Hash) -> Result<Facts, Failure> {
    let file = open(disk, hash).await?;
    Ok(bench.work(|limits| picture::inspect(file, limits)).await?)
}

async fn moves(bench: &Bench, disk: &Disk, hash: &Hash, facts: Facts) -> Result<bool, Failure> {
    let file = open(disk, hash).await?;
    Ok(bench
        .work(move |limits| picture::moves(file, &facts, limits))
        .await?)
}
