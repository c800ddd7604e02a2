//! Giving files out.

use std::time::Duration;

use bytes::Bytes;
use causeway_store::StoreError;
use causeway_store::media::files::{self, MediaFile};
use causeway_store::media::remote;
use ruma::ServerName;
use tokio::fs::File;
use tokio::time::Instant;

use crate::disk::Hash;
use crate::{About, Media, MediaError};

/// Longest media id that is looked at, in bytes.
pub const MAX_MEDIA_ID_BYTES: usize = 255;

/// Longest time a download waits for content that was announced, in milliseconds.
pub const MAX_WAIT_MS: u64 = 20_000;

/// How long a file is waited for, as the parameter `timeout_ms` of a request says it.
pub fn waiting_time(timeout_ms: Option<u64>) -> Duration {
    Duration::from_millis(timeout_ms.unwrap_or(MAX_WAIT_MS))
}

/// A file that may be read.
#[derive(Debug)]
pub struct Opened {
    /// The bytes.
    pub content: Content,
    /// How many.
    pub size: u64,
    /// Names the bytes, in letters for URLs: the same bytes, the same text.
    pub tag: String,
    /// What the uploader said.
    pub about: About,
}

/// Where the bytes of a file are.
#[derive(Debug)]
pub enum Content {
    /// On the disk, to be read from the beginning.
    File(File),
    /// Here.
    Memory(Bytes),
}

impl Media {
    /// Opens a file: one of this server, or the copy of another server's. Where its content was
    /// announced here, waits for it up to `wait`, at most [`MAX_WAIT_MS`].
    ///
    /// # Errors
    /// [`MediaError::NotFound`], [`MediaError::NotYetUploaded`], or disk's and database's.
    pub async fn get(
        &self,
        origin: &ServerName,
        id: &str,
        wait: Duration,
    ) -> Result<Opened, MediaError> {
        let (file, hash) = self.find(origin, id, wait).await?;
        Ok(Opened {
            content: Content::File(self.0.disk.read(&hash).await?),
            size: u64::try_from(file.size).unwrap_or(0),
            tag: hash.for_url(),
            about: About {
                content_type: file.content_type,
                file_name: file.file_name,
            },
        })
    }

    pub(crate) async fn find(
        &self,
        origin: &ServerName,
        id: &str,
        wait: Duration,
    ) -> Result<(MediaFile, Hash), MediaError> {
        if id.len() > MAX_MEDIA_ID_BYTES || id.contains('\0') {
            return Err(MediaError::NotFound);
        }
        if origin != self.0.settings.server_name {
            let (until, stale) = self.copy_lives_until();
            let found = remote::find(&self.0.store, (origin.as_str(), id), until, stale);
            let file = found.await?.ok_or(MediaError::NotFound)?;
            let hash = hash_of(&file)?;
            return Ok((file, hash));
        }
        let until = Instant::now() + wait.min(Duration::from_millis(MAX_WAIT_MS));
        loop {
            // Listening begins before looking, so that nothing comes in between.
            let uploaded = self.0.uploaded.notified();
            if let Some(file) = files::find(&self.0.store, origin.as_str(), id).await? {
                let hash = hash_of(&file)?;
                return Ok((file, hash));
            }
            let now_ms = self.0.clock.now_ms();
            if files::find_reserved(&self.0.store, id, now_ms)
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
}

fn hash_of(file: &MediaFile) -> Result<Hash, StoreError> {
    let hash = <[u8; 32]>::try_from(file.content_hash.as_slice());
    hash.map(Hash).map_err(|_| StoreError::Corrupt {
        table: "media",
        id: "content_hash".to_owned(),
    })
}
