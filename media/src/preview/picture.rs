//! The picture of a preview: fetched, measured, and kept for a while under an address of this
//! server, so that clients ask nobody else for it.

use causeway_outbound::{Response, Url};
use causeway_store::media::files;
use ruma::OwnedMxcUri;

use super::PreviewError;
use super::fetch::{ACCEPT_PICTURE, content_type, get};
use crate::disposition::is_picture;
use crate::{About, Media, MediaError, PreviewSettings, Unfit, new_media_id, picture};

/// How much longer than a preview its picture stays, in milliseconds: clients remember previews.
const STAYS_LONGER_MS: u64 = 7 * 24 * 3_600_000;

/// A picture that is kept.
pub(super) struct Picture {
    pub(super) uri: OwnedMxcUri,
    pub(super) content_type: String,
    pub(super) bytes: u64,
    /// Width and height, where they can be read.
    pub(super) pixels: Option<(u32, u32)>,
}

impl Media {
    /// Fetches a picture. A preview without one is better than none, so what goes wrong outside
    /// is no failure.
    pub(super) async fn fetch_picture(
        &self,
        settings: &PreviewSettings,
        url: Url,
    ) -> Result<Option<Picture>, PreviewError> {
        match get(settings, url, ACCEPT_PICTURE).await {
            Ok(response) => self.keep_picture(settings, response).await,
            Err(PreviewError::Internal(error)) => Err(PreviewError::Internal(error)),
            Err(_) => Ok(None),
        }
    }

    /// Keeps the picture that an answer consists of; nothing where it is none, or too large.
    pub(super) async fn keep_picture(
        &self,
        settings: &PreviewSettings,
        response: Response,
    ) -> Result<Option<Picture>, PreviewError> {
        let claimed = content_type(&response);
        let most = settings.max_image_bytes;
        if response
            .content_length()
            .is_some_and(|length| length > most)
        {
            return Ok(None);
        }
        let body = response.bytes_stream();
        let received = match self.0.disk.receive(body, most).await {
            Ok(received) => received,
            Err(MediaError::TooLarge | MediaError::BrokenOff(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let file = received.open().map_err(MediaError::from)?;
        let bench = self.0.thumbnails.workshop.bench().await;
        let facts = bench.work(|limits| picture::inspect(file, limits)).await;
        let (content_type, pixels) = match facts {
            Ok(facts) => {
                let content_type = facts.format.content_type().to_owned();
                (content_type, Some((facts.width, facts.height)))
            }
            // A kind of picture that every client shows, though it is not read here.
            Err(Unfit::NotAPicture) if claimed == "image/avif" && is_picture(&claimed) => {
                (claimed, None)
            }
            Err(_) => return Ok(None),
        };
        let bytes = received.size;
        let about = About {
            content_type: Some(content_type.clone()),
            file_name: None,
        };
        let file = self.put(received, about).await?;
        let id = new_media_id();
        let now_ms = self.0.clock.now_ms();
        let expires_at = now_ms + settings.lifetime_ms + STAYS_LONGER_MS;
        let place = (self.0.settings.server_name.as_str(), id.as_str());
        files::create_fetched(&self.0.store, place, &file, now_ms, expires_at).await?;
        Ok(Some(Picture {
            uri: self.address(&id),
            content_type,
            bytes,
            pixels,
        }))
    }
}
