//! Joining.

use causeway_store::log::Membership;
use ruma::{OwnedRoomId, OwnedUserId};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::MembershipError;
use crate::actions::face::add_face;
use crate::{Head, Rooms};

/// A user wants to be in a room.
#[derive(Debug, Clone)]
pub struct Join {
    /// Which room.
    pub room: OwnedRoomId,
    /// Who.
    pub user: OwnedUserId,
    /// Whether the account is a guest's.
    pub is_guest: bool,
    /// What the client wants in the member event: a reason, or fields of its own. What the server
    /// says there itself is passed over.
    pub content: Map<String, Value>,
}

/// Fields of a member event that clients do not set by joining.
const NOT_THE_CLIENTS: [&str; 4] = [
    "membership",
    "join_authorised_via_users_server",
    "third_party_invite",
    "third_party_signed",
];

impl Rooms {
    /// Joins a room; gives its id. Who is in it already stays as they are.
    ///
    /// # Errors
    /// See [`MembershipError`].
    pub async fn join(&self, join: Join) -> Result<OwnedRoomId, MembershipError> {
        let (head, membership) = self.standing(&join.room, &join.user).await?;
        match membership {
            Some(Membership::Join) => return Ok(join.room),
            Some(Membership::Ban) => {
                return Err(MembershipError::forbidden("You are banned from this room"));
            }
            _ => {}
        }
        if join.is_guest {
            check_guest(&head)?;
        }
        let mut content = join.content;
        content.retain(|field, value| {
            let is_no_reason = field == "reason" && value.is_null();
            !is_no_reason && !NOT_THE_CLIENTS.contains(&field.as_str())
        });
        content.insert("membership".to_owned(), json!("join"));
        add_face(&mut content, &self.face(&join.user).await?);
        if let Some(authoriser) = self.authoriser(&head, &join.user, membership).await? {
            let authoriser = json!(authoriser);
            content.insert("join_authorised_via_users_server".to_owned(), authoriser);
        }
        self.write_member(&join.room, &join.user, &join.user, &content)
            .await?;
        self.carry_personal_on_join(&join.user, &head).await;
        Ok(join.room)
    }
}

/// Guests may join where the room says so, and nowhere else.
fn check_guest(head: &Head) -> Result<(), MembershipError> {
    #[derive(Deserialize)]
    struct GuestAccess {
        guest_access: String,
    }
    let access: Option<GuestAccess> = head.content("m.room.guest_access");
    if access.is_some_and(|access| access.guest_access == "can_join") {
        Ok(())
    } else {
        Err(MembershipError::GuestsForbidden)
    }
}
