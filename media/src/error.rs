//! Why a file was not taken or given.

use std::io;

use causeway_store::StoreError;

use crate::Quota;
use crate::picture::Unfit;

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
    /// It would bring the uploader above the quota.
    #[error("the uploader may store no more than {} bytes", .0.bytes)]
    OverQuota(Quota),
    /// The id has content already.
    #[error("this media id has content already")]
    AlreadyUploaded,
    /// The id was reserved by somebody else.
    #[error("this media id belongs to somebody else")]
    Forbidden,
    /// The uploader has [`crate::MAX_RESERVED`] ids open.
    #[error("too many uploads are pending")]
    TooManyReserved,
    /// There is no thumbnail of it.
    #[error(transparent)]
    Unfit(Unfit),
    /// Too many thumbnails are being made.
    #[error("too many thumbnails are being made")]
    Busy,
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
