//! A changed profile reaches the rooms that its owner is in.

use causeway_store::log::Membership;
use causeway_store::rooms::Face;
use futures::StreamExt;
use ruma::{RoomId, UserId};

use super::draft::{Content, fields, raw};
use super::face::add_face;
use super::membership::MembershipError;
use crate::{Append, Rooms, StateEntry};

/// Rooms that are written to at the same time.
const ROOMS_AT_ONCE: usize = 8;

impl Rooms {
    /// Writes a user's name and picture, as they are now, into the member events of all rooms
    /// that the user has joined. Whatever else those events say stays. A room that does not take
    /// it is noted and passed over; gives how many rooms show the profile now.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn update_profile(&self, user: &UserId) -> Result<usize, MembershipError> {
        let face = self.face(user).await?;
        let rooms = self.rooms_of(user, &[Membership::Join]).await?;
        let face = &face;
        let writing = futures::stream::iter(rooms).map(async |room| {
            let shown = self.show_face(&room, user, face).await;
            if let Err(error) = &shown {
                tracing::warn!(%room, %user, %error, "a profile could not be shown in a room");
            }
            shown.is_ok()
        });
        let shown = writing.buffer_unordered(ROOMS_AT_ONCE);
        Ok(shown
            .filter(|shown| std::future::ready(*shown))
            .count()
            .await)
    }

    async fn show_face(
        &self,
        room: &RoomId,
        user: &UserId,
        face: &Face,
    ) -> Result<(), MembershipError> {
        let member = self.member(room, user).await?;
        // The user may have left since the rooms were listed.
        let member = member.filter(|member| member.membership() == Some(Membership::Join));
        let Some(member) = member else { return Ok(()) };
        let content = with_face(&member, face)?;
        let draft = self.state_event("m.room.member", user.as_str(), user, raw(&content)?);
        let append = Append {
            skip_unchanged: true,
            ..Append::one(draft)
        };
        self.append(room, append).await?;
        Ok(())
    }
}

/// What a member event says, with another name and picture. What was true of the joining only
/// (why, and who let the user in) is not said again.
fn with_face(member: &StateEntry, face: &Face) -> Result<Content, MembershipError> {
    let mut content = fields(member.pdu.content())?;
    for field in [
        "displayname",
        "avatar_url",
        "reason",
        "join_authorised_via_users_server",
    ] {
        content.remove(field);
    }
    add_face(&mut content, face);
    Ok(content)
}
