//! Removing, banning, and lifting bans.

use causeway_store::log::Membership;

use super::{ChangeMember, MembershipError, add_reason};
use crate::Rooms;
use crate::actions::face::member_content;

impl Rooms {
    /// Removes a user from a room, takes an invite back, or turns a knock away.
    ///
    /// # Errors
    /// See [`MembershipError`].
    pub async fn kick(&self, change: ChangeMember) -> Result<(), MembershipError> {
        match self.target_membership(&change).await? {
            Some(Membership::Join | Membership::Invite | Membership::Knock) => {
                self.change_member(change, "leave").await
            }
            Some(Membership::Leave | Membership::Ban) | None => {
                Err(MembershipError::forbidden("The user is not in the room"))
            }
        }
    }

    /// Bans a user, whether or not they are in the room.
    ///
    /// # Errors
    /// See [`MembershipError`].
    pub async fn ban(&self, change: ChangeMember) -> Result<(), MembershipError> {
        self.target_membership(&change).await?;
        self.change_member(change, "ban").await
    }

    /// Lifts a ban.
    ///
    /// # Errors
    /// See [`MembershipError`]; [`MembershipError::BadState`] if there is none.
    pub async fn unban(&self, change: ChangeMember) -> Result<(), MembershipError> {
        match self.target_membership(&change).await? {
            Some(Membership::Ban) => self.change_member(change, "leave").await,
            _ => Err(MembershipError::BadState("The user is not banned")),
        }
    }

    /// The target's membership, for those who are in the room.
    async fn target_membership(
        &self,
        change: &ChangeMember,
    ) -> Result<Option<Membership>, MembershipError> {
        let both = [change.sender.clone(), change.target.clone()];
        let head = self.head_with(&change.room, &both).await;
        let head = head.map_err(|error| MembershipError::from(error).hide_room())?;
        let membership = |user| {
            let member = head.remembered_member(user).flatten();
            member.and_then(crate::StateEntry::membership)
        };
        if membership(&change.sender) != Some(Membership::Join) {
            return Err(MembershipError::NotInRoom);
        }
        Ok(membership(&change.target))
    }

    async fn change_member(
        &self,
        change: ChangeMember,
        membership: &str,
    ) -> Result<(), MembershipError> {
        let mut content = member_content(membership, None);
        add_reason(&mut content, change.reason);
        self.write_member(&change.room, &change.sender, &change.target, &content)
            .await?;
        Ok(())
    }
}
