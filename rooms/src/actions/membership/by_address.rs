//! Inviting by an address, and coming in by a proof that an identity server has signed. Client-server,
//! "Third-party invites".

use causeway_store::log::Membership;
use ruma::{OwnedUserId, RoomId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::MembershipError;
use crate::Rooms;
use crate::actions::face::member_content;

/// An invite by an address, and the proof that somebody has that.
#[derive(Debug, Clone, Deserialize)]
pub struct SignedInvite {
    /// Who invited.
    pub sender: OwnedUserId,
    /// The proof.
    #[serde(flatten)]
    pub proof: AddressProof,
}

/// What an identity server says of who has an address.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct AddressProof {
    /// Who has it.
    pub mxid: OwnedUserId,
    /// The state key of the `m.room.third_party_invite`.
    pub token: String,
    /// By whom this is signed.
    pub signatures: Map<String, Value>,
}

impl Rooms {
    /// Whether a user may invite by an address. To be asked before an identity server is told of it.
    ///
    /// # Errors
    /// [`MembershipError`] says why not.
    pub async fn check_inviter(&self, room: &RoomId, user: &UserId) -> Result<(), MembershipError> {
        let standing = self.standing(room, user).await;
        let (head, membership) =
            standing.map_err(|error| MembershipError::from(error).hide_room())?;
        if membership != Some(Membership::Join) {
            return Err(MembershipError::NotInRoom);
        }
        let power = head.power();
        if power.user(user).reaches(power.invite()) {
            Ok(())
        } else {
            Err(MembershipError::forbidden(
                "You may not invite to this room",
            ))
        }
    }

    /// Turns an invite by an address into one of the user who has proved to have it, in the name of who
    /// invited. Who is invited or in the room already stays so. Whether the proof holds is decided by
    /// the room's rules.
    ///
    /// # Errors
    /// [`MembershipError`] says why not.
    pub async fn redeem_invite(
        &self,
        room: &RoomId,
        user: &UserId,
        signed: SignedInvite,
    ) -> Result<(), MembershipError> {
        if signed.proof.mxid != user {
            return Err(MembershipError::forbidden("The invite is somebody else's"));
        }
        let sender = signed.sender.clone();
        let Some(proof) = self.redemption(room, signed).await? else {
            return Ok(());
        };
        let mut content = member_content("invite", Some(&self.face(user).await?));
        content.insert("third_party_invite".to_owned(), proof);
        self.write_member(room, &sender, user, &content).await?;
        Ok(())
    }

    /// What the invite of the user who has proved to have an address says of the proof. `None` for who
    /// is invited or in the room already.
    ///
    /// # Errors
    /// If there is no such invite, or nobody of this server made it.
    pub async fn redemption(
        &self,
        room: &RoomId,
        signed: SignedInvite,
    ) -> Result<Option<Value>, MembershipError> {
        let (head, membership) = self.standing(room, &signed.proof.mxid).await?;
        if matches!(membership, Some(Membership::Join | Membership::Invite)) {
            return Ok(None);
        }
        let pending = head.state("m.room.third_party_invite", &signed.proof.token);
        let pending = pending.filter(|entry| *entry.pdu.sender() == *signed.sender);
        let Some(pending) = pending else {
            return Err(MembershipError::forbidden("There is no such invite"));
        };
        if !self.is_local(&signed.sender) {
            return Err(MembershipError::forbidden(
                "Whoever invited is on another server",
            ));
        }
        #[derive(Deserialize)]
        struct Pending {
            #[serde(default)]
            display_name: String,
        }
        let pending: Option<Pending> = pending.pdu.content_as().ok();
        let name = pending.map(|pending| pending.display_name);
        Ok(Some(
            json!({ "display_name": name.unwrap_or_default(), "signed": signed.proof }),
        ))
    }
}
