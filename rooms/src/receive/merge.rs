//! Bringing a room's ends together where nobody else does.

use causeway_events::Draft;
use causeway_store::log::Membership;
use causeway_store::rooms::list_joined_local;
use ruma::{OwnedUserId, RoomId};
use serde_json::value::to_raw_value;

use crate::head::{Head, StateEntry};
use crate::rooms::Rooms;
use crate::write::Append;

/// Ends that a room may have before one of our users' servers, this one, says something just to
/// follow on them.
const MAX_ENDS: usize = 10;

/// Events that say nothing. Clients do not know the type, and show nothing.
const MERGE_TYPE: &str = "org.matrix.dummy_event";

/// Members who are tried as the sender, at most.
const MAX_SENDERS: usize = 50;

impl Rooms {
    /// Brings the ends of a room together in an event that says nothing, if they are many and one
    /// of our users may send it. Each such event follows on up to twenty.
    ///
    /// Without it, whoever forks a room again and again would have everybody resolve more and more
    /// states at each event.
    pub(super) async fn merge_ends(&self, room: &RoomId) {
        let Ok(mut head) = self.head(room).await else {
            return;
        };
        while head.ends.len() > MAX_ENDS {
            let before = head.ends.len();
            let merged = self.merge_once(&head).await;
            match (merged, self.head(room).await) {
                (true, Ok(after)) if after.ends.len() < before => head = after,
                _ => {
                    metrics::counter!("causeway_unmerged_rooms_total").increment(1);
                    return;
                }
            }
        }
    }

    async fn merge_once(&self, head: &Head) -> bool {
        let Some(sender) = self.merger(head).await else {
            return false;
        };
        let Ok(content) = to_raw_value(&serde_json::json!({})) else {
            return false;
        };
        let draft = Draft {
            event_type: MERGE_TYPE.to_owned(),
            state_key: None,
            sender,
            content,
            redacts: None,
            origin_ts_ms: self.parts().clock.now_ms(),
        };
        match self.append(head.room_id(), Append::one(draft)).await {
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(room = %head.room_id(), %error, "the room's ends were not merged");
                false
            }
        }
    }

    /// One of our users in the room who may send messages.
    async fn merger(&self, head: &Head) -> Option<OwnedUserId> {
        let limit = i64::try_from(MAX_SENDERS).unwrap_or(i64::MAX);
        let users = list_joined_local(self.store(), head.room(), false, limit).await;
        let users = users.ok()?;
        let power = head.power();
        let sender = users
            .into_iter()
            .find(|user| power.may_send(user, MERGE_TYPE, false))?;
        let head = self
            .head_with(head.room_id(), std::slice::from_ref(&sender))
            .await
            .ok()?;
        let member = head.remembered_member(&sender).flatten();
        let is_joined = member.and_then(StateEntry::membership) == Some(Membership::Join);
        is_joined.then_some(sender)
    }
}
