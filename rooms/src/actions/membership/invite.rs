//! Inviting.

use causeway_store::log::Membership;
use causeway_store::rooms::list_account_data;
use causeway_store::{Store, StoreError};
use ruma::OwnedUserId;
use serde::Deserialize;

use super::{ChangeMember, MembershipError, add_reason};
use crate::Rooms;
use crate::actions::face::member_content;

/// Which of these users want no invites (client-server, "Invite permission").
pub(crate) async fn invite_blockers(
    store: &Store,
    users: &[&str],
) -> Result<Vec<String>, StoreError> {
    #[derive(Deserialize)]
    struct Config {
        default_action: Option<String>,
    }
    let configs = list_account_data(store, users, "m.invite_permission_config").await?;
    let blocks = |content: &str| {
        let config: Option<Config> = serde_json::from_str(content).ok();
        config.is_some_and(|config| config.default_action.as_deref() == Some("block"))
    };
    let blockers = configs.into_iter().filter(|(_, content)| blocks(content));
    Ok(blockers.map(|(user, _)| user).collect())
}

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
        self.check_invitable(&invite.target).await?;
        let face = self.face(target).await?;
        let mut content = member_content("invite", Some(&face));
        add_reason(&mut content, invite.reason);
        self.write_member(room, &invite.sender, target, &content)
            .await?;
        Ok(())
    }

    /// Whether invites reach the user.
    pub(crate) async fn check_invitable(
        &self,
        target: &OwnedUserId,
    ) -> Result<(), MembershipError> {
        if !self.is_local(target) {
            return Err(MembershipError::Unreachable(target.clone()));
        }
        let blockers = invite_blockers(self.store(), &[target.as_str()]).await?;
        if blockers.is_empty() {
            Ok(())
        } else {
            Err(MembershipError::InviteBlocked)
        }
    }
}
