//! Who is in a room: joining, leaving, inviting, removing, banning, knocking, forgetting.
//!
//! Each action looks at the membership that stands, so that it can say in words why it is
//! refused; what is true in the end is decided by the rules of authorisation when the event is
//! written. Client-server, "Room membership".

mod by_address;
mod forget;
mod invite;
mod join;
mod knock;
mod leave;
mod moderate;
mod restricted;
mod set;

use causeway_store::StoreError;
use causeway_store::log::Membership;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, UserId};

use super::draft::{Content, forbidden, raw};
use crate::{Append, Head, LoadError, Rooms, WriteError};

pub use by_address::{AddressProof, SignedInvite};
pub use join::Join;
pub use knock::Knock;

/// Why a membership did not change.
#[derive(Debug, thiserror::Error)]
pub enum MembershipError {
    /// This server does not know the room.
    #[error("This server does not know the room")]
    NoSuchRoom,
    /// Whoever acts is not in the room, or there is no such room.
    #[error("You are not in this room")]
    NotInRoom,
    /// The membership that stands is none that this can be done to.
    #[error("{0}")]
    BadState(&'static str),
    /// The room takes no guests.
    #[error("This room does not take guests")]
    GuestsForbidden,
    /// The user wants no invites.
    #[error("The user does not accept invites")]
    InviteBlocked,
    /// The user wants no invites of this user or server (MSC4155).
    #[error("The user does not accept your invites")]
    InviteFiltered,
    /// The room's own members could let the user in, but none of them is of this server.
    #[error("Nobody on this server can let you in")]
    UnableToAuthorise,
    /// The user is of a server that cannot be reached.
    #[error("The server of {0} cannot be reached")]
    Unreachable(OwnedUserId),
    /// One can forget a room only after having left it.
    #[error("You have not left this room")]
    StillIn,
    /// The room's rules do not allow it, or it could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<StoreError> for MembershipError {
    fn from(error: StoreError) -> Self {
        Self::Write(error.into())
    }
}

impl From<LoadError> for MembershipError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::NoSuchRoom => Self::NoSuchRoom,
            LoadError::Store(error) => Self::Write(error.into()),
        }
    }
}

impl MembershipError {
    fn forbidden(reason: &str) -> Self {
        Self::Write(forbidden(reason))
    }

    /// For those who act on others: a room that is not here looks like one that they are not in.
    fn hide_room(self) -> Self {
        match self {
            Self::NoSuchRoom => Self::NotInRoom,
            other => other,
        }
    }
}

/// A user wants to change another one's membership.
#[derive(Debug, Clone)]
pub struct ChangeMember {
    /// Which room.
    pub room: OwnedRoomId,
    /// Who acts.
    pub sender: OwnedUserId,
    /// Whose membership.
    pub target: OwnedUserId,
    /// Why, in words for people.
    pub reason: Option<String>,
}

/// Adds a reason, where there is one.
fn add_reason(content: &mut Content, reason: Option<String>) {
    if let Some(reason) = reason {
        content.insert("reason".to_owned(), reason.into());
    }
}

impl Rooms {
    /// The room's head, and the user's membership in it.
    async fn standing(
        &self,
        room: &RoomId,
        user: &UserId,
    ) -> Result<(Head, Option<Membership>), LoadError> {
        let head = self.head_with(room, &[user.to_owned()]).await?;
        let member = head.remembered_member(user).flatten();
        let membership = member.and_then(crate::StateEntry::membership);
        Ok((head, membership))
    }

    /// Writes a member event.
    async fn write_member(
        &self,
        room: &RoomId,
        sender: &UserId,
        target: &UserId,
        content: &Content,
    ) -> Result<OwnedEventId, MembershipError> {
        let draft = self.state_event("m.room.member", target.as_str(), sender, raw(content)?);
        let append = Append {
            skip_unchanged: true,
            ..Append::one(draft)
        };
        let mut accepted = self.append(room, append).await?;
        accepted.event_ids.pop().ok_or(WriteError::Busy.into())
    }

    /// Rooms of a user with one of these memberships, up to [`MAX_ROOMS_OF_USER`].
    pub(crate) async fn rooms_of(
        &self,
        user: &UserId,
        memberships: &[Membership],
    ) -> Result<Vec<OwnedRoomId>, StoreError> {
        let rows = causeway_store::rooms::list_rooms_of(
            self.store(),
            user,
            memberships,
            MAX_ROOMS_OF_USER,
        );
        Ok(rows.await?.into_iter().map(|(_, room, _)| room).collect())
    }
}

/// Rooms of one user that one action reaches, at most.
pub(crate) const MAX_ROOMS_OF_USER: i64 = 50_000;
