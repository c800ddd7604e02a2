//! Leaving a room that no other user of this server is in: rejecting an invite, or taking back a
//! knock.

use causeway_rooms::receive::OutsideMembership;
use ruma::ServerName;

use super::template::Kind;
use super::{JoinError, Wish};
use crate::Federation;

impl Federation {
    /// Rejects an invite, or takes a knock back. Where no server of the room answers, the user has
    /// left all the same as far as this server is concerned.
    ///
    /// # Errors
    /// If there was neither invite nor knock, or the database does not answer.
    pub async fn leave(&self, wish: Wish) -> Result<(), JoinError> {
        for server in wish.servers() {
            match self.leave_through(&server, &wish).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    tracing::info!(%server, room = %wish.room, %error, "no leave through a server");
                }
            }
        }
        self.rooms().leave_outside(&wish.room, &wish.user).await?;
        Ok(())
    }

    async fn leave_through(&self, server: &ServerName, wish: &Wish) -> Result<(), JoinError> {
        let event = self.make(server, wish, Kind::Leave).await?;
        let path = Self::path_of(Kind::Leave, &event);
        let put = |prefix: &str| {
            let request = self.links().put(server, format!("{prefix}/{path}"));
            request.json_text(event.json())
        };
        match put("/_matrix/federation/v2")?.send().await {
            Err(error) if error.is_unrecognized() => {
                put("/_matrix/federation/v1")?.send().await?;
            }
            answer => {
                answer?;
            }
        }
        self.rooms()
            .receive_outside(OutsideMembership {
                room_id: wish.room.clone(),
                version: event.version(),
                event,
                stripped: Vec::new(),
            })
            .await?;
        Ok(())
    }
}
