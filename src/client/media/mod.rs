//! Uploaded files.

mod config;
mod download;
mod gallery;
mod preview;
mod range;
mod reserve;
pub mod routes;
mod thumbnail;
mod upload;

pub use config::config;
pub use download::{download, download_as, legacy_download, legacy_download_as};
pub use preview::preview;
pub use reserve::reserve;
pub use thumbnail::{legacy_thumbnail, thumbnail};
pub use upload::{upload, upload_reserved};
