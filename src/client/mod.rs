//! The client API: one file per endpoint, `<chapter>/<verb>.rs`, and all routes in [`router`].
//!
//! Start reading at [`router`]; [`extract`] is what handlers take, [`error`] what they fail with,
//! [`answer`] what they give.

pub mod account;
pub mod account_data;
pub mod answer;
pub mod backup;
pub mod body;
pub mod capabilities;
pub mod dehydrated;
pub mod delayed;
pub mod device;
pub mod directory;
pub mod directory_user;
pub mod error;
pub mod extract;
mod fallback;
pub mod filter;
pub mod json_body;
pub mod keys;
mod legacy;
pub mod media;
pub mod membership;
pub mod message;
pub mod moderation;
pub mod openid;
mod page;
pub mod parameters;
pub mod presence;
pub mod profile;
pub mod push;
pub mod receipt;
pub mod relation;
pub mod report;
pub mod room;
pub mod room_json;
pub mod router;
pub mod rtc;
pub mod search;
pub mod session;
pub mod space;
mod sso;
pub mod state;
pub mod sync;
pub mod third_party;
pub mod thread;
pub mod to_device;
pub mod typing;
pub mod uia;
pub mod versions;
pub mod well_known;
