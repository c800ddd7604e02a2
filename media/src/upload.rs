//! Taking files in.

use bytes::Bytes;
use causeway_store::media::contents;
use causeway_store::media::files::{self, Created, MediaFile};
use futures::Stream;
use ruma::{OwnedMxcUri, ServerName, UserId};

use crate::disk::Received;
use crate::{Media, MediaError, new_media_id};

/// Longest file name or content type that is kept, in bytes; longer ones are dropped.
pub const MAX_NAME_BYTES: usize = 255;

/// Ids a user may have reserved at a time without uploading.
pub const MAX_RESERVED: i64 = 50;

/// Life of a reserved id, in milliseconds.
pub const RESERVED_LIFETIME_MS: u64 = 24 * 3_600_000;

/// What an uploader says about a file.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// As in `image/png`.
    pub content_type: Option<String>,
    /// As in `cat.png`.
    pub file_name: Option<String>,
}

impl Media {
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
        let done = files::reserve(
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
        match files::find_reserved(&self.0.store, id, now_ms).await? {
            Some(holder) if holder == uploader.as_str() => {}
            Some(_) => return Err(MediaError::Forbidden),
            None => {
                let found = files::find(&self.0.store, origin.as_str(), id).await?;
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

    /// Refuses an upload of `announced` bytes before it is sent.
    ///
    /// # Errors
    /// [`MediaError::TooLarge`], [`MediaError::OverQuota`], or the database's.
    pub async fn check_announced(
        &self,
        uploader: &UserId,
        announced: u64,
    ) -> Result<(), MediaError> {
        if announced > self.0.settings.max_upload_bytes {
            return Err(MediaError::TooLarge);
        }
        if let Some(quota) = &self.0.settings.user_quota {
            let used = files::used_bytes(&self.0.store, uploader.as_str()).await?;
            if used.saturating_add(announced) > quota.bytes {
                return Err(MediaError::OverQuota(quota.clone()));
            }
        }
        Ok(())
    }

    async fn take<E: std::fmt::Display>(
        &self,
        uploader: &UserId,
        id: &str,
        about: About,
        body: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<(), MediaError> {
        let most = self.0.settings.max_upload_bytes;
        let received = self.0.disk.receive(body, most).await?;
        let file = self.put(received, about).await?;
        let quota = self.0.settings.user_quota.as_ref();
        let done = files::create(
            &self.0.store,
            (self.0.settings.server_name.as_str(), id),
            &file,
            uploader.as_str(),
            quota.map(|quota| i64::try_from(quota.bytes).unwrap_or(i64::MAX)),
            self.0.clock.now_ms(),
        )
        .await?;
        match (done, quota) {
            (Created::OverQuota, Some(quota)) => Err(MediaError::OverQuota(quota.clone())),
            (Created::Taken, _) => Err(MediaError::AlreadyUploaded),
            // Without a quota nothing is above it.
            (Created::Yes | Created::OverQuota, _) => Ok(()),
        }
    }

    /// Puts a content on the disk, and describes it. It is deleted again after a while if no file
    /// comes to name it.
    pub(crate) async fn put(
        &self,
        received: Received,
        about: About,
    ) -> Result<MediaFile, MediaError> {
        let short =
            |text: &String| text.len() <= MAX_NAME_BYTES && !text.chars().any(char::is_control);
        let file = MediaFile {
            content_hash: received.hash.0.to_vec(),
            size: i64::try_from(received.size).unwrap_or(i64::MAX),
            content_type: about.content_type.filter(short),
            file_name: about.file_name.filter(short),
        };
        let now_ms = self.0.clock.now_ms();
        contents::touch(&self.0.store, &file.content_hash, now_ms).await?;
        self.0.disk.place(received).await?;
        Ok(file)
    }
}
