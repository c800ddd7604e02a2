//! Copies of files of other servers. Fetching them is the caller's work.

use bytes::Bytes;
use causeway_store::media::remote;
use futures::Stream;
use ruma::ServerName;

use crate::{About, MAX_MEDIA_ID_BYTES, Media, MediaError};

/// The row of a copy that is asked for again and again is written once in this time at most, in
/// milliseconds.
const MAX_UNTOUCHED_MS: u64 = 24 * 3_600_000;

impl Media {
    /// Whether a file is another server's.
    pub fn is_remote(&self, origin: &ServerName) -> bool {
        origin != self.0.settings.server_name
    }

    /// Largest file of another server of which a copy is kept, in bytes.
    pub fn max_remote_bytes(&self) -> u64 {
        self.0.settings.remote.max_bytes
    }

    /// Keeps a copy of another server's file.
    ///
    /// # Errors
    /// [`MediaError::TooLarge`], [`MediaError::BrokenOff`], or the disk's and the database's;
    /// nothing is left of it then.
    pub async fn keep_copy<E: std::fmt::Display>(
        &self,
        (origin, id): (&ServerName, &str),
        about: About,
        body: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<(), MediaError> {
        if !self.is_remote(origin) || id.len() > MAX_MEDIA_ID_BYTES || id.contains('\0') {
            return Err(MediaError::NotFound);
        }
        let most = self.0.settings.remote.max_bytes;
        let received = self.0.disk.receive(body, most).await?;
        let file = self.put(received, about).await?;
        let place = (origin.as_str(), id);
        let (now_ms, (until, _)) = (self.0.clock.now_ms(), self.copy_lives_until());
        remote::create(&self.0.store, place, &file, now_ms, until).await?;
        Ok(())
    }

    /// When a copy goes that is asked for now, in milliseconds since 1970, and before which end it
    /// is worth writing its row to move it there.
    pub(crate) fn copy_lives_until(&self) -> (u64, u64) {
        let lifetime_ms = self.0.settings.remote.lifetime_ms;
        let until = self.0.clock.now_ms() + lifetime_ms;
        (until, until - MAX_UNTOUCHED_MS.min(lifetime_ms / 8))
    }
}
