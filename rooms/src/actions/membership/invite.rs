//! Inviting.

use causeway_events::invites::InviteVerdict;
use causeway_store::log::Membership;
use causeway_store::rooms::list_invite_permissions;
use ruma::{OwnedUserId, UserId};

use super::{ChangeMember, MembershipError, add_reason};
use crate::Rooms;
use crate::actions::face::member_content;

impl Rooms {
    /// Invites a user.
    ///
    /// # Errors
    /// See [`MembershipError`].
    pub async fn invite(&self, invite: ChangeMember) -> Result<(), MembershipError> {
        let (room, target) = (&*invite.room, &*invite.target);
        let standing = self.standing(room, target).await;
        let (_, membership) = standing.map_err(|error| MembershipError::from(error).hide_room())?;
        match membership {
            Some(Membership::Join) => {
                return Err(MembershipError::forbidden(
                    "The user is in the room already",
                ));
            }
            Some(Membership::Ban) => {
                return Err(MembershipError::forbidden(
                    "The user is banned from the room",
                ));
            }
            _ => {}
        }
        self.check_invitable(&invite.sender, &invite.target).await?;
        let face = self.face(target).await?;
        let mut content = member_content("invite", Some(&face));
        add_reason(&mut content, invite.reason);
        self.write_member(room, &invite.sender, target, &content)
            .await?;
        Ok(())
    }

    /// Whether invites of a user reach another one, who is of this server.
    pub(crate) async fn check_invitable(
        &self,
        inviter: &UserId,
        target: &OwnedUserId,
    ) -> Result<(), MembershipError> {
        if !self.is_local(target) {
            return Err(MembershipError::Unreachable(target.clone()));
        }
        self.check_invites(inviter, &[target.as_str()]).await
    }

    /// Whether users of this server take somebody's invites: client-server, "Invite permission", and
    /// MSC4155. Invites that they ignore are taken. One query.
    ///
    /// # Errors
    /// [`MembershipError::InviteBlocked`] or [`MembershipError::InviteFiltered`] if one of them does not.
    pub async fn check_invites(
        &self,
        inviter: &UserId,
        targets: &[&str],
    ) -> Result<(), MembershipError> {
        let permissions = list_invite_permissions(self.store(), targets).await?;
        for permission in permissions.values() {
            match permission.verdict(inviter) {
                InviteVerdict::Block => return Err(MembershipError::InviteBlocked),
                InviteVerdict::BlockByFilter => return Err(MembershipError::InviteFiltered),
                InviteVerdict::Allow | InviteVerdict::Ignore => {}
            }
        }
        Ok(())
    }
}
