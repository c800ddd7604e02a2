//! Leaving.

use causeway_store::log::Membership;
use futures::StreamExt;
use ruma::{OwnedRoomId, RoomId, UserId};

use super::{MembershipError, add_reason};
use crate::Rooms;
use crate::actions::face::member_content;

/// Rooms that are left at the same time.
const ROOMS_AT_ONCE: usize = 8;

impl Rooms {
    /// Leaves a room, declines an invite, or takes a knock back. Who has left already stays so.
    ///
    /// # Errors
    /// See [`MembershipError`].
    pub async fn leave(
        &self,
        room: &RoomId,
        user: &UserId,
        reason: Option<String>,
    ) -> Result<(), MembershipError> {
        let (_, membership) = self.standing(room, user).await?;
        match membership {
            None => return Err(MembershipError::NotInRoom),
            Some(Membership::Leave) => return Ok(()),
            Some(Membership::Ban) => {
                return Err(MembershipError::forbidden("You are banned from this room"));
            }
            Some(Membership::Join | Membership::Invite | Membership::Knock) => {}
        }
        let mut content = member_content("leave", None);
        add_reason(&mut content, reason);
        self.write_member(room, user, user, &content).await?;
        Ok(())
    }

    /// Leaves all rooms, declines all invites and takes all knocks back, as a deactivated account
    /// does. A room that cannot be left is noted and passed over; gives how many were left.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn leave_all(&self, user: &UserId) -> Result<usize, MembershipError> {
        let here = [Membership::Join, Membership::Invite, Membership::Knock];
        let rooms = self.rooms_of(user, &here).await?;
        let leaving = futures::stream::iter(rooms).map(|room| self.leave_or_note(room, user));
        let left = leaving.buffer_unordered(ROOMS_AT_ONCE);
        Ok(left.filter(|left| std::future::ready(*left)).count().await)
    }

    async fn leave_or_note(&self, room: OwnedRoomId, user: &UserId) -> bool {
        match self.leave(&room, user, None).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%room, %user, %error, "a room could not be left");
                false
            }
        }
    }
}
