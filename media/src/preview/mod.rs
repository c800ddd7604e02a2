//! Previews of links: a page is fetched, what it says about itself is read, its picture is kept.
//! Specification: client-server API, `GET /media/preview_url`.
//!
//! A link is looked at once, whoever asks, and its preview is kept in the database for a while.
//! All requests leave by [`causeway_outbound`], which reaches no private address.

mod card;
mod charset;
mod fetch;
mod oembed;
mod page;
mod picture;

use std::sync::Arc;
use std::time::Duration;

use causeway_outbound::{Refused, Url};
use causeway_store::StoreError;
use causeway_store::media::previews as store;
use sha2::{Digest as _, Sha256};

use crate::disk::Hash;
use crate::flight::{Flights, Grounded};
use crate::{Media, MediaError, PreviewSettings};

/// Links that are looked at at a time.
const MAX_UNDER_WAY: usize = 64;

/// Longest time for one link: its page, what the page refers to, its picture.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest address that is looked at, in bytes.
const MAX_URL_BYTES: usize = 4096;

pub(crate) struct Previews {
    settings: PreviewSettings,
    flights: Flights<Hash, Result<Arc<str>, PreviewError>>,
}

impl Previews {
    pub(crate) fn new(settings: PreviewSettings) -> Self {
        Self {
            settings,
            flights: Flights::new(MAX_UNDER_WAY),
        }
    }
}

/// Why there is no preview.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PreviewError {
    /// Previews are switched off.
    #[error("previews are switched off")]
    Off,
    /// It is no address of the web.
    #[error("this is not an address of the web")]
    BadUrl,
    /// The address may not be reached.
    #[error("the address may not be reached")]
    Refused,
    /// The other side did not answer, or not with a page.
    #[error("the page could not be fetched: {0}")]
    Failed(Arc<str>),
    /// Too many links are being looked at.
    #[error("too many links are being looked at")]
    Busy,
    /// This server failed.
    #[error(transparent)]
    Internal(Arc<MediaError>),
}

impl From<MediaError> for PreviewError {
    fn from(error: MediaError) -> Self {
        Self::Internal(Arc::new(error))
    }
}

impl From<StoreError> for PreviewError {
    fn from(error: StoreError) -> Self {
        MediaError::from(error).into()
    }
}

impl From<Refused> for PreviewError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Scheme => Self::BadUrl,
            Refused::Address => Self::Refused,
            Refused::Redirects => Self::Failed(refused.to_string().into()),
        }
    }
}

impl Media {
    /// What a link leads to: OpenGraph properties as a JSON object, perhaps an empty one.
    ///
    /// # Errors
    /// [`PreviewError`] says why not.
    pub async fn preview(&self, url: &str) -> Result<Arc<str>, PreviewError> {
        let previews = self.0.previews.as_ref().ok_or(PreviewError::Off)?;
        let url = read_url(url)?;
        let hash = Hash(Sha256::digest(url.as_str()).into());
        let now_ms = self.0.clock.now_ms();
        if let Some(kept) = store::find(&self.0.store, &hash.0, now_ms).await? {
            return Ok(kept.into());
        }
        let work = || {
            let media = self.clone();
            async move {
                match tokio::time::timeout(PATIENCE, media.look_at(url, hash)).await {
                    Ok(result) => result,
                    Err(_) => Err(PreviewError::Failed("it takes too long".into())),
                }
            }
        };
        match previews.flights.join(hash, work).await {
            Ok(result) => result,
            Err(Grounded::Full) => Err(PreviewError::Busy),
            Err(Grounded::Crashed) => Err(PreviewError::Failed("it cannot be read".into())),
        }
    }

    async fn look_at(self, url: Url, hash: Hash) -> Result<Arc<str>, PreviewError> {
        let previews = self.0.previews.as_ref().ok_or(PreviewError::Off)?;
        // Somebody may have looked between this caller's search for it and now.
        let now_ms = self.0.clock.now_ms();
        if let Some(kept) = store::find(&self.0.store, &hash.0, now_ms).await? {
            return Ok(kept.into());
        }
        let card = self.card(&previews.settings, url).await?;
        let text = serde_json::Value::Object(card).to_string();
        let expires_at = self.0.clock.now_ms() + previews.settings.lifetime_ms;
        store::save(&self.0.store, &hash.0, &text, expires_at).await?;
        Ok(text.into())
    }
}

/// An address as it is requested: without a fragment, and without a name and password.
fn read_url(text: &str) -> Result<Url, PreviewError> {
    if text.len() > MAX_URL_BYTES {
        return Err(PreviewError::BadUrl);
    }
    let mut url = Url::parse(text).map_err(|_| PreviewError::BadUrl)?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    if !is_web || !url.username().is_empty() || url.password().is_some() {
        return Err(PreviewError::BadUrl);
    }
    url.set_fragment(None);
    Ok(url)
}
