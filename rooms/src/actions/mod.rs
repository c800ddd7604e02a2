//! What users do to rooms, one file per action. All of them are methods of [`crate::Rooms`].

mod aliases;
mod create;
mod draft;
mod face;
mod guests;
mod initial;
mod membership;
mod profile;
mod relation;
mod send;
mod state;
mod upgrade;

pub use aliases::{AliasError, AliasMistake};
pub use create::{CreateError, CreateRoom, Preset};
pub(crate) use draft::bad_content;
pub use initial::InitialState;
pub use membership::{AddressProof, ChangeMember, Join, Knock, MembershipError, SignedInvite};
pub(crate) use send::sent_by;
pub use send::{Redact, SendError, SendEvent};
pub use state::SetState;
pub use upgrade::{Upgrade, UpgradeError};
