//! What is known of uploaded files ([`files`]), of the contents that lie on the disk
//! ([`contents`]), of copies of other servers' files ([`remote`]), and of links that were looked at
//! ([`previews`]). Times are milliseconds since
//! 1970; hashes are SHA-256.

pub mod contents;
pub mod files;
pub mod previews;
pub mod remote;
