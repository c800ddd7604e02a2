//! Memberships that are set as state.

use causeway_store::log::Membership;
use ruma::{OwnedEventId, UserId};
use serde_json::json;

use super::MembershipError;
use crate::Rooms;
use crate::actions::draft::{Content, bad_content, fields};
use crate::actions::face::add_face;
use crate::actions::state::SetState;
use crate::{Head, LoadError};

impl Rooms {
    /// Sets an `m.room.member`: what the actions add to one (the profile, who lets somebody in)
    /// is added here too, and what they check is checked. The rest of the content is kept.
    pub(crate) async fn set_member(&self, set: SetState) -> Result<OwnedEventId, MembershipError> {
        let mut content = fields(&set.content)?;
        let target = UserId::parse(&set.state_key)
            .map_err(|_| bad_content("the state key is no user id"))?;
        let membership = content.get("membership").and_then(|value| value.as_str());
        let membership = membership
            .and_then(Membership::from_word)
            .ok_or_else(|| bad_content("`membership` is none"))?;
        let both = [set.sender.clone(), target.clone()];
        let head = self.head_with(&set.room, &both).await.map_err(hidden)?;
        let before = head.remembered_member(&target).flatten();
        let before = before.and_then(crate::StateEntry::membership);
        match membership {
            Membership::Join if target == set.sender => {
                self.complete_join(&head, &target, before, &mut content)
                    .await?;
            }
            Membership::Invite => {
                self.check_invitable(&set.sender, &target).await?;
                add_face(&mut content, &self.face(&target).await?);
            }
            Membership::Knock => add_face(&mut content, &self.face(&target).await?),
            Membership::Join | Membership::Leave | Membership::Ban => {}
        }
        self.write_member(&set.room, &set.sender, &target, &content)
            .await
    }

    async fn complete_join(
        &self,
        head: &Head,
        user: &UserId,
        before: Option<Membership>,
        content: &mut Content,
    ) -> Result<(), MembershipError> {
        // Only this server says who lets somebody in.
        content.remove("join_authorised_via_users_server");
        if before == Some(Membership::Join) {
            return Ok(());
        }
        if let Some(authoriser) = self.authoriser(head, user, before).await? {
            let authoriser = json!(authoriser);
            content.insert("join_authorised_via_users_server".to_owned(), authoriser);
        }
        add_face(content, &self.face(user).await?);
        Ok(())
    }
}

fn hidden(error: LoadError) -> MembershipError {
    MembershipError::from(error).hide_room()
}
