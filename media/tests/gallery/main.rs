//! The gallery on a real database and disk.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod house;
mod previews;
mod remote;
mod thumbnails;
mod uploads;
