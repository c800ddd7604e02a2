//! What may relate to what (client-server, "Forming relationships between events").

use causeway_store::rooms::{find_event, list_annotations};
use ruma::{OwnedEventId, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::send::SendError;
use crate::{Head, Rooms};

#[derive(Deserialize)]
struct Content {
    #[serde(rename = "m.relates_to")]
    relates_to: Option<RelatesTo>,
}

#[derive(Deserialize)]
struct RelatesTo {
    rel_type: Option<String>,
    event_id: Option<OwnedEventId>,
    key: Option<String>,
}

fn relation_of(content: &RawValue) -> Option<RelatesTo> {
    // Most events relate to nothing: do not parse them to find that out.
    if !content.get().contains("m.relates_to") {
        return None;
    }
    let content: Content = serde_json::from_str(content.get()).ok()?;
    content.relates_to
}

impl Rooms {
    /// Refuses a second equal annotation of a user, and threads that start at an event which
    /// relates to another one itself.
    pub(crate) async fn check_relation(
        &self,
        head: &Head,
        sender: &UserId,
        event_type: &str,
        content: &RawValue,
    ) -> Result<(), SendError> {
        let Some(relates_to) = relation_of(content) else {
            return Ok(());
        };
        let (Some(rel_type), Some(parent)) = (relates_to.rel_type, relates_to.event_id) else {
            return Ok(());
        };
        match rel_type.as_str() {
            "m.annotation" => {
                self.check_annotation(head, sender, event_type, &parent, relates_to.key)
                    .await
            }
            "m.thread" => self.check_thread(head, &parent).await,
            _ => Ok(()),
        }
    }

    async fn check_annotation(
        &self,
        head: &Head,
        sender: &UserId,
        event_type: &str,
        parent: &OwnedEventId,
        key: Option<String>,
    ) -> Result<(), SendError> {
        #[derive(Deserialize)]
        struct Stored {
            content: Content,
        }
        let (parent, sender) = (parent.as_str(), sender.as_str());
        let standing =
            list_annotations(self.store(), head.room(), parent, event_type, sender).await?;
        let is_same = |json: &String| {
            let stored: Option<Stored> = serde_json::from_str(json).ok();
            let relates_to = stored.and_then(|stored| stored.content.relates_to);
            relates_to.is_some_and(|relates_to| relates_to.key == key)
        };
        if standing.iter().any(is_same) {
            return Err(SendError::DuplicateAnnotation);
        }
        Ok(())
    }

    async fn check_thread(&self, head: &Head, parent: &OwnedEventId) -> Result<(), SendError> {
        #[derive(Deserialize)]
        struct Stored<'a> {
            #[serde(borrow)]
            content: &'a RawValue,
        }
        let Some(row) = find_event(self.store(), head.room(), parent).await? else {
            return Ok(());
        };
        let stored: Option<Stored<'_>> = serde_json::from_str(&row.json).ok();
        let relates_to = stored.and_then(|stored| relation_of(stored.content));
        if relates_to.is_some_and(|relates_to| relates_to.rel_type.is_some()) {
            return Err(SendError::ThreadOnRelation);
        }
        Ok(())
    }
}
