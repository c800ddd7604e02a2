//! The rule book: what Matrix says about events, and nothing else.
//!
//! Building, hashing, signing, authorising, redacting and resolving events are plain functions
//! here. Laws of this crate:
//!
//! - No clock, no network, no database, no async. The one source of randomness is
//!   [`ServerKey::generate`].
//! - Room versions are data ([`RoomVersion`]): no code asks for a version's number.
//! - Whatever a stranger sends is bounded before it is looked at ([`limits`]).
//!
//! Start reading at [`Draft`], which becomes a [`Pdu`] by [`Draft::build`]; then [`auth`]; [`signed`] for
//! what strangers' events must prove.

pub mod auth;
pub mod auth_index;
pub mod canonical;
pub mod client;
mod draft;
mod glob;
pub mod invites;
mod key;
pub mod limits;
mod membership;
mod pdu;
pub mod policy;
pub mod power;
pub mod redact;
mod reference;
pub mod reset_alarm;
pub mod resolve;
pub mod signed;
mod version;
pub mod visibility;

pub use self::draft::{BuildError, Draft, Placement};
pub use self::glob::glob;
pub use self::key::{KeyError, ServerKey};
pub use self::membership::Membership;
pub use self::pdu::{FormatError, Pdu};
pub use self::reference::Reference;
pub use self::version::RoomVersion;
