//! Invites by an address, between servers: the invite is an event of who invited, so their server
//! makes it, once the server of who has the address shows the proof.

use std::time::Duration;

use causeway_rooms::actions::{MembershipError, SignedInvite};
use ruma::{RoomId, ServerName};
use serde_json::json;

use super::{JoinError, RemoteInvite};
use crate::Federation;
use crate::links::segment;

/// Longest time for the other server, which asks back for our signature meanwhile.
const TIMEOUT: Duration = Duration::from_secs(30);

impl Federation {
    /// Turns an invite by an address into one of the user who has proved to have it: here, if somebody
    /// of this server invited, otherwise by asking the server of who did.
    ///
    /// # Errors
    /// [`JoinError`] says why not.
    pub async fn redeem_invite(
        &self,
        room: &RoomId,
        invite: SignedInvite,
    ) -> Result<(), JoinError> {
        let rooms = self.rooms();
        if !rooms.is_local(&invite.sender) {
            let server = invite.sender.server_name().to_owned();
            return self.exchange(&server, room, &invite).await;
        }
        let target = invite.proof.mxid.clone();
        if rooms.is_local(&target) {
            return Ok(rooms.redeem_invite(room, &target, invite).await?);
        }
        let sender = invite.sender.clone();
        let Some(proof) = rooms.redemption(room, invite).await? else {
            return Ok(());
        };
        self.invite(RemoteInvite {
            room: room.to_owned(),
            sender,
            target,
            content: [("third_party_invite".to_owned(), proof)]
                .into_iter()
                .collect(),
        })
        .await
    }

    async fn exchange(
        &self,
        server: &ServerName,
        room: &RoomId,
        invite: &SignedInvite,
    ) -> Result<(), JoinError> {
        let path = format!(
            "/_matrix/federation/v1/exchange_third_party_invite/{}",
            segment(room.as_str())
        );
        let body = json!({
            "type": "m.room.member",
            "room_id": room,
            "sender": invite.sender,
            "state_key": invite.proof.mxid,
            "content": {
                "membership": "invite",
                // Their server knows the name by which the address is shown.
                "third_party_invite": { "display_name": "", "signed": invite.proof },
            },
        });
        let request = self.links().put(server, path).within(TIMEOUT);
        request.json(&body)?.send().await?;
        Ok(())
    }
}

impl From<MembershipError> for JoinError {
    fn from(error: MembershipError) -> Self {
        Self::Membership(Box::new(error))
    }
}
