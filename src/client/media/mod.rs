//! Uploaded files.

mod config;
mod download;
mod range;
mod reserve;
pub mod routes;
mod upload;

pub use config::config;
pub use download::{
    download, download_as, legacy_download, legacy_download_as, legacy_thumbnail, thumbnail,
};
pub use reserve::reserve;
pub use upload::{upload, upload_reserved};
