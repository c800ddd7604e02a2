//! Guests leave a room that takes them no more.

use causeway_store::rooms::list_joined_local;
use futures::StreamExt;
use serde_json::value::RawValue;

use super::membership::MembershipError;
use crate::{Head, Rooms};

/// Guests that leave at once when a room stops taking them, at most.
const MAX_GUESTS: i64 = 10_000;

/// Guests that leave at the same time.
const GUESTS_AT_ONCE: usize = 8;

/// Whether the content of an `m.room.guest_access` lets guests in.
pub(crate) fn lets_guests_in(content: &RawValue) -> bool {
    let content: Option<serde_json::Value> = serde_json::from_str(content.get()).ok();
    content.is_some_and(|content| content["guest_access"] == "can_join")
}

impl Rooms {
    /// Lets this server's guests leave (client-server, "Guest access": servers remove them).
    pub(crate) async fn part_with_guests(&self, head: &Head) -> Result<(), MembershipError> {
        let guests = list_joined_local(self.store(), head.room(), true, MAX_GUESTS).await?;
        let leaving = futures::stream::iter(guests).map(async |guest| {
            let left = self.leave(head.room_id(), &guest, None).await;
            if let Err(error) = left {
                tracing::warn!(%guest, %error, "a guest could not leave");
            }
        });
        leaving.buffer_unordered(GUESTS_AT_ONCE).count().await;
        Ok(())
    }
}
