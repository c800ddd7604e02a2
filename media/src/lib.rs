//! The gallery: files that people upload, kept on disk under the hash of their content.
//!
//! Laws:
//! - A file is complete on disk, and flushed, before anybody hears its address.
//! - The same content lies there once, however often it is uploaded.
//! - Nothing a stranger sends chooses a path: paths are made of hashes that were computed here.
//! - An upload is never held in memory whole.
//! - What decoding a picture may take (pixels, memory, time) has a limit, and runs on threads of
//!   its own.
//! - What no file names any more is deleted, in bounded steps.
//! - Copies of other servers' files have a largest size, all of them together too.
//!
//! Start reading at [`Media::upload`], then [`Media::thumbnail`] and [`Media::preview`].

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_store::{Clock, Store};
use rand::Rng as _;
use ruma::OwnedMxcUri;
use tokio::sync::Notify;

mod disk;
pub mod disposition;
mod error;
pub mod flight;
mod open;
mod picture;
mod preview;
mod remote;
mod settings;
mod sweep;
mod thumbnail;
mod upload;
mod workshop;

pub use error::MediaError;
pub use open::{Content, MAX_MEDIA_ID_BYTES, MAX_WAIT_MS, Opened, waiting_time};
pub use picture::{Method, ThumbnailSize, Unfit};
pub use preview::PreviewError;
pub use settings::{MediaSettings, PreviewSettings, Quota, RemoteSettings};
pub use sweep::GRACE_MS;
pub use thumbnail::{BadWish, Wish};
pub use upload::{About, MAX_NAME_BYTES, MAX_RESERVED, RESERVED_LIFETIME_MS};

use disk::Disk;
use preview::Previews;
use thumbnail::Thumbnails;
use workshop::Workshop;

/// The gallery's door. Cheap to clone.
#[derive(Clone)]
pub struct Media(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    settings: MediaSettings,
    disk: Disk,
    thumbnails: Thumbnails,
    /// Nothing where previews are switched off.
    previews: Option<Previews>,
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
        let workshop = Workshop::new(
            settings.thumbnail_workers,
            settings.thumbnail_memory_bytes,
            settings.max_image_pixels,
        );
        let thumbnails = Thumbnails::new(workshop, settings.thumbnail_sizes.clone());
        let previews = settings.previews.clone().map(Previews::new);
        Ok(Self(Arc::new(Inner {
            store,
            clock,
            settings,
            disk,
            thumbnails,
            previews,
            uploaded: Notify::new(),
        })))
    }

    /// Largest upload, in bytes.
    pub fn max_upload_bytes(&self) -> u64 {
        self.0.settings.max_upload_bytes
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
