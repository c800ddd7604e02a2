//! Forgetting rooms.

use causeway_store::log::Membership;
use ruma::{RoomId, UserId};

use super::MembershipError;
use crate::Rooms;

impl Rooms {
    /// Lets a user forget a room that they have left. A room in which they never were is
    /// forgotten already.
    ///
    /// # Errors
    /// [`MembershipError::StillIn`] if they have not left it.
    pub async fn forget(&self, room: &RoomId, user: &UserId) -> Result<(), MembershipError> {
        let (head, membership) = self.standing(room, user).await?;
        match membership {
            None => Ok(()),
            Some(Membership::Leave | Membership::Ban) => {
                causeway_store::rooms::forget(self.store(), head.room(), user).await?;
                Ok(())
            }
            Some(Membership::Join | Membership::Invite | Membership::Knock) => {
                Err(MembershipError::StillIn)
            }
        }
    }
}
