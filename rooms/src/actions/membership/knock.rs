//! Asking to be let in.

use causeway_store::log::Membership;
use ruma::{OwnedRoomId, OwnedUserId};

use super::{MembershipError, add_reason};
use crate::Rooms;
use crate::actions::face::member_content;

/// A user asks to be let in.
#[derive(Debug, Clone)]
pub struct Knock {
    /// Where.
    pub room: OwnedRoomId,
    /// Who.
    pub user: OwnedUserId,
    /// Why, in words for people.
    pub reason: Option<String>,
}

impl Rooms {
    /// Knocks at a room; gives its id.
    ///
    /// # Errors
    /// See [`MembershipError`].
    pub async fn knock(&self, knock: Knock) -> Result<OwnedRoomId, MembershipError> {
        let (head, membership) = self.standing(&knock.room, &knock.user).await?;
        let refusal = match membership {
            Some(Membership::Join) => Some("You are in this room already"),
            Some(Membership::Invite) => Some("You are invited to this room already"),
            Some(Membership::Ban) => Some("You are banned from this room"),
            _ if !head.version().rules().authorization.knocking => {
                Some("One cannot knock at rooms of this version")
            }
            _ => None,
        };
        if let Some(refusal) = refusal {
            return Err(MembershipError::forbidden(refusal));
        }
        let face = self.face(&knock.user).await?;
        let mut content = member_content("knock", Some(&face));
        add_reason(&mut content, knock.reason);
        self.write_member(&knock.room, &knock.user, &knock.user, &content)
            .await?;
        Ok(knock.room)
    }
}
