//! What the gallery must be told.

use std::path::PathBuf;

use causeway_outbound::Outbound;
use ruma::OwnedServerName;

use crate::picture::ThumbnailSize;

/// What the gallery must be told.
#[derive(Clone, Debug)]
pub struct MediaSettings {
    /// The name of this server, the first part of its addresses.
    pub server_name: OwnedServerName,
    /// Where files lie.
    pub dir: PathBuf,
    /// Largest upload, in bytes.
    pub max_upload_bytes: u64,
    /// What a user may store; absent: anything.
    pub user_quota: Option<Quota>,
    /// The sizes that thumbnails are made in.
    pub thumbnail_sizes: Vec<ThumbnailSize>,
    /// Pictures that are worked on at a time.
    pub thumbnail_workers: usize,
    /// Memory for pictures that are worked on, in bytes.
    pub thumbnail_memory_bytes: u64,
    /// Most pixels of a picture of which a thumbnail is made.
    pub max_image_pixels: u64,
    /// How copies of other servers' files are kept.
    pub remote: RemoteSettings,
    /// How links are looked at; absent: not at all.
    pub previews: Option<PreviewSettings>,
}

/// How copies of other servers' files are kept.
#[derive(Clone, Debug)]
pub struct RemoteSettings {
    /// Largest file that is fetched, in bytes.
    pub max_bytes: u64,
    /// What all copies together may take, in bytes.
    pub cache_bytes: u64,
    /// How long a copy stays that nobody asks for, in milliseconds.
    pub lifetime_ms: u64,
}

/// What a user may store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// All files of the user together.
    pub bytes: u64,
    /// Page that tells more to who reached it.
    pub info_url: String,
}

/// How links are looked at.
#[derive(Clone, Debug)]
pub struct PreviewSettings {
    /// Makes the requests.
    pub outbound: Outbound,
    /// How much of a page is read, in bytes.
    pub max_page_bytes: usize,
    /// Largest picture that is fetched for a preview, in bytes.
    pub max_image_bytes: u64,
    /// How long a preview is kept, in milliseconds.
    pub lifetime_ms: u64,
    /// The `Accept-Language` of requests.
    pub accept_language: String,
}
