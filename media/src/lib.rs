//! The gallery: files that people upload, kept on disk under the hash of their content.
//!
//! Laws:
//! - A file is complete on disk, and flushed, before anybody hears its address.
//! - The same content lies there once, however often it is uploaded.
//! - Nothing a stranger sends chooses a path: paths are made of hashes that were computed here.
//! - An upload is never held in memory whole.
//!
//! Start reading at [`Media::upload`].

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use causeway_store::users::media::{self as store, MediaFile};
use causeway_store::{Clock, Store, StoreError};
use futures::Stream;
use rand::Rng as _;
use ruma::{OwnedMxcUri, OwnedServerName, ServerName, UserId};
use tokio::fs::File;
use tokio::sync::Notify;
use tokio::time::Instant;

mod disk;
pub mod disposition;

use disk::Disk;

/// Longest media id that is looked at, in bytes.
pub const MAX_MEDIA_ID_BYTES: usize = 255;

/// Longest file name or content type that is kept, in bytes; longer ones are dropped.
pub const MAX_NAME_BYTES: usize = 255;

/// Ids a user may have reserved at a time without uploading.
pub const MAX_RESERVED: i64 = 50;

/// Life of a reserved id, in milliseconds.
pub const RESERVED_LIFETIME_MS: u64 = 24 * 3_600_000;

/// Longest time a download waits for content that was announced, in milliseconds.
pub const MAX_WAIT_MS: u64 = 20_000;

/// What the gallery must be told.
#[derive(Clone, Debug)]
pub struct MediaSettings {
    /// The name of this server, the first part of its addresses.
    pub server_name: OwnedServerName,
    /// Where files lie.
    pub dir: PathBuf,
    /// Largest upload, in bytes.
    pub max_upload_bytes: u64,
}

/// What an uploader says about a file.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// As in `image/png`.
    pub content_type: Option<String>,
    /// As in `cat.png`.
    pub file_name: Option<String>,
}

/// A file that may be read.
#[derive(Debug)]
pub struct Opened {
    /// At its beginning.
    pub file: File,
    /// In bytes.
    pub size: u64,
    /// SHA-256 of the content, in base64 for URLs: the same content, the same text.
    pub hash: String,
    /// What the uploader said.
    pub about: About,
}

/// Why a file was not taken or given.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// There is no such file.
    #[error("no such media")]
    NotFound,
    /// The id was handed out, and its content has not come yet.
    #[error("the media has not been uploaded yet")]
    NotYetUploaded,
    /// It is larger than `max_upload_bytes`.
    #[error("the upload is too large")]
    TooLarge,
    /// The id has content already.
    #[error("this media id has content already")]
    AlreadyUploaded,
    /// The id was reserved by somebody else.
    #[error("this media id belongs to somebody else")]
    Forbidden,
    /// The uploader has [`MAX_RESERVED`] ids open.
    #[error("too many uploads are pending")]
    TooManyReserved,
    /// The uploader went away or sent what is not a body.
    #[error("the upload broke off: {0}")]
    BrokenOff(String),
    /// The disk failed.
    #[error("disk: {0}")]
    Disk(#[from] io::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The gallery's door. Cheap to clone.
#[derive(Clone)]
pub struct Media(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    settings: MediaSettings,
    disk: Disk,
    /// Rung when announced content has come.
    uploaded: Notify,
}

impl Media {
    /// Opens the gallery: makes its folders, and removes what broken-off uploads left.
    ///
    /// # Errors
    /// If the folder cannot be used.
    pub async fn open(store: Store, clock: Clock, settings: MediaSettings) -> io::Result<Self> {
        let disk = Disk::open(settings.dir.clone()).await?;
        let uploaded = Notify::new();
        Ok(Self(Arc::new(Inner {
            store,
            clock,
            settings,
            disk,
            uploaded,
        })))
    }

    /// Largest upload, in bytes.
    pub fn max_upload_bytes(&self) -> u64 {
        self.0.settings.max_upload_bytes
    }

    /// Takes a file and answers its address.
    ///
    /// # Errors
    /// [`MediaError`] says why not.
    pub async fn upload<E: std::fmt::Display>(
        &self,
        uploader: &UserId,
        about: About,
        body: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<OwnedMxcUri, MediaError> {
        let id = new_media_id();
        self.take(uploader, &id, about, body).await?;
        Ok(self.address(&id))
    }

    /// Hands out an address whose content is to come, and the time in milliseconds since 1970
    /// until which it is waited for.
    ///
    /// # Errors
    /// [`MediaError::TooManyReserved`], or the database's.
    pub async fn reserve(&self, uploader: &UserId) -> Result<(OwnedMxcUri, u64), MediaError> {
        let id = new_media_id();
        let now_ms = self.0.clock.now_ms();
        let expires_at = now_ms + RESERVED_LIFETIME_MS;
        let uploader = uploader.as_str();
        let done = store::reserve(
            &self.0.store,
            &id,
            uploader,
            expires_at,
            MAX_RESERVED,
            now_ms,
        )
        .await?;
        if done {
            Ok((self.address(&id), expires_at))
        } else {
            Err(MediaError::TooManyReserved)
        }
    }

    /// Takes the content of an address from [`Media::reserve`].
    ///
    /// # Errors
    /// [`MediaError`] says why not.
    pub async fn upload_reserved<E: std::fmt::Display>(
        &self,
        uploader: &UserId,
        (origin, id): (&ServerName, &str),
        about: About,
        body: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<(), MediaError> {
        if origin != self.0.settings.server_name {
            return Err(MediaError::NotFound);
        }
        let now_ms = self.0.clock.now_ms();
        match store::find_reserved(&self.0.store, id, now_ms).await? {
            Some(holder) if holder == uploader.as_str() => {}
            Some(_) => return Err(MediaError::Forbidden),
            None => {
                let found = store::find(&self.0.store, origin.as_str(), id).await?;
                return Err(match found {
                    Some(_) => MediaError::AlreadyUploaded,
                    None => MediaError::NotFound,
                });
            }
        }
        self.take(uploader, id, about, body).await?;
        self.0.uploaded.notify_waiters();
        Ok(())
    }

    async fn take<E: std::fmt::Display>(
        &self,
        uploader: &UserId,
        id: &str,
        about: About,
        body: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<(), MediaError> {
        let kept = self
            .0
            .disk
            .keep(body, self.0.settings.max_upload_bytes)
            .await?;
        let short =
            |text: &String| text.len() <= MAX_NAME_BYTES && !text.chars().any(char::is_control);
        let file = MediaFile {
            content_hash: kept.hash.to_vec(),
            size: i64::try_from(kept.size).unwrap_or(i64::MAX),
            content_type: about.content_type.filter(short),
            file_name: about.file_name.filter(short),
        };
        let place = (self.0.settings.server_name.as_str(), id);
        let now_ms = self.0.clock.now_ms();
        if store::create(&self.0.store, place, &file, uploader.as_str(), now_ms).await? {
            Ok(())
        } else {
            Err(MediaError::AlreadyUploaded)
        }
    }

    /// Opens a file. Where its content was announced, waits for it up to `wait`, at most
    /// [`MAX_WAIT_MS`].
    ///
    /// # Errors
    /// [`MediaError::NotFound`], [`MediaError::NotYetUploaded`], or disk's and database's.
    pub async fn get(
        &self,
        origin: &ServerName,
        id: &str,
        wait: Duration,
    ) -> Result<Opened, MediaError> {
        if id.len() > MAX_MEDIA_ID_BYTES || id.contains('\0') {
            return Err(MediaError::NotFound);
        }
        let until = Instant::now() + wait.min(Duration::from_millis(MAX_WAIT_MS));
        loop {
            // Listening begins before looking, so that nothing comes in between.
            let uploaded = self.0.uploaded.notified();
            if let Some(file) = store::find(&self.0.store, origin.as_str(), id).await? {
                return self.open_file(file).await;
            }
            let now_ms = self.0.clock.now_ms();
            let is_local = origin == self.0.settings.server_name;
            if !is_local
                || store::find_reserved(&self.0.store, id, now_ms)
                    .await?
                    .is_none()
            {
                return Err(MediaError::NotFound);
            }
            if tokio::time::timeout_at(until, uploaded).await.is_err() {
                return Err(MediaError::NotYetUploaded);
            }
        }
    }

    async fn open_file(&self, file: MediaFile) -> Result<Opened, MediaError> {
        let corrupt = |_| StoreError::Corrupt {
            table: "media",
            id: "content_hash".to_owned(),
        };
        let hash = <[u8; 32]>::try_from(file.content_hash.as_slice()).map_err(corrupt)?;
        Ok(Opened {
            file: self.0.disk.read(&hash).await?,
            size: u64::try_from(file.size).unwrap_or(0),
            hash: URL_SAFE_NO_PAD.encode(hash),
            about: About {
                content_type: file.content_type,
                file_name: file.file_name,
            },
        })
    }

    fn address(&self, id: &str) -> OwnedMxcUri {
        format!("mxc://{}/{id}", self.0.settings.server_name).into()
    }
}

/// A new id with 144 random bits: whoever does not know it cannot guess it.
fn new_media_id() -> String {
    let mut bytes = [0_u8; 18];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}
