//! How far a user has read (client-server API, "Receipts", "Read and unread markers").
//!
//! Receipts only go forward: one that points to an older event than the one that stands is passed
//! over.

use causeway_store::log::{AccountData, Membership, Receipt};
use causeway_store::rooms::{EventRow, find_event, find_receipts};
use causeway_store::users::account_data;
use causeway_store::{AppendError, Change, StoreError};
use ruma::{EventId, OwnedEventId, OwnedUserId, RoomId};
use serde::Deserialize;

use crate::{Head, LoadError, Rooms};

/// The thread of everything that is in none.
const MAIN: &str = "main";

/// Whom a receipt is shown to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptKind {
    /// Everybody in the room, `m.read`.
    Public,
    /// The user's own clients, `m.read.private`.
    Private,
}

impl ReceiptKind {
    fn name(self) -> &'static str {
        match self {
            Self::Public => "m.read",
            Self::Private => "m.read.private",
        }
    }
}

/// A user has read a room up to an event.
#[derive(Debug, Clone)]
pub struct ReadUpTo {
    /// Who read.
    pub user: OwnedUserId,
    /// Up to which event.
    pub event_id: OwnedEventId,
    /// `main`, the root of a thread, or empty for all of the room.
    pub thread_id: String,
    /// Whom to show it.
    pub kind: ReceiptKind,
}

/// Why a receipt was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// Only who is in the room reads in it.
    #[error("you are not in this room")]
    NotJoined,
    /// The event is not in the room.
    #[error("the event is not in this room")]
    NoSuchEvent,
    /// The event is in another thread.
    #[error("the event is not in this thread")]
    OtherThread,
    /// The thread is neither `main` nor an event id.
    #[error("`thread_id` is neither \"main\" nor an event id")]
    BadThread,
    /// The room could not be looked at.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The log did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl From<StoreError> for ReceiptError {
    fn from(error: StoreError) -> Self {
        Self::Load(LoadError::Store(error))
    }
}

impl Rooms {
    /// Sets a receipt.
    ///
    /// # Errors
    /// See [`ReceiptError`].
    pub async fn set_receipt(&self, room: &RoomId, read: ReadUpTo) -> Result<(), ReceiptError> {
        if !read.thread_id.is_empty()
            && read.thread_id != MAIN
            && EventId::parse(&read.thread_id).is_err()
        {
            return Err(ReceiptError::BadThread);
        }
        let head = self.joined(room, &read.user).await?;
        let event = self.event(&head, &read.event_id).await?;
        if !read.thread_id.is_empty() && !is_in_thread(&event, &read) {
            return Err(ReceiptError::OtherThread);
        }
        let event_anchor = event.place.map(|place| place.anchor);
        let standing =
            find_receipts(self.store(), head.room(), &read.user, &read.thread_id).await?;
        let is_behind = standing.iter().any(|standing| {
            standing.receipt_type == read.kind.name()
                && (standing.event_id == read.event_id.as_str()
                    || standing.event_anchor > event_anchor)
        });
        if is_behind {
            return Ok(());
        }
        let receipt = Receipt {
            room: head.room(),
            room_id: room.to_owned(),
            user: read.user,
            receipt_type: read.kind.name().to_owned(),
            thread_id: read.thread_id,
            event_id: read.event_id,
            event_anchor,
            ts_ms: self.parts().clock.now_ms(),
        };
        self.parts()
            .log
            .append(Change::Receipts(vec![receipt]))
            .await?;
        Ok(())
    }

    /// Sets the marker `m.fully_read`, which is account data of the room.
    ///
    /// # Errors
    /// See [`ReceiptError`].
    pub async fn set_fully_read(
        &self,
        room: &RoomId,
        user: OwnedUserId,
        event_id: OwnedEventId,
    ) -> Result<(), ReceiptError> {
        #[derive(Deserialize)]
        struct Content {
            event_id: OwnedEventId,
        }
        let head = self.joined(room, &user).await?;
        let event = self.event(&head, &event_id).await?;
        let standing = account_data::find(
            self.store(),
            user.as_str(),
            Some(room.as_str()),
            "m.fully_read",
        )
        .await?
        .and_then(|content| serde_json::from_str::<Content>(&content).ok());
        if let Some(standing) = standing
            && let Some(row) = find_event(self.store(), head.room(), &standing.event_id).await?
            && row.place >= event.place
        {
            return Ok(());
        }
        let data = AccountData {
            user,
            room: Some((head.room(), room.to_owned())),
            event_type: "m.fully_read".to_owned(),
            content: serde_json::json!({ "event_id": event_id }).to_string(),
        };
        self.parts().log.append(Change::AccountData(data)).await?;
        Ok(())
    }

    /// The head of a room that the user is in.
    async fn joined(&self, room: &RoomId, user: &OwnedUserId) -> Result<Head, ReceiptError> {
        let head = match self.head_with(room, std::slice::from_ref(user)).await {
            Ok(head) => head,
            Err(LoadError::NoSuchRoom) => return Err(ReceiptError::NotJoined),
            Err(error) => return Err(error.into()),
        };
        let member = head.remembered_member(user).flatten();
        if member.and_then(|entry| entry.membership()) == Some(Membership::Join) {
            Ok(head)
        } else {
            Err(ReceiptError::NotJoined)
        }
    }

    async fn event(&self, head: &Head, event_id: &EventId) -> Result<EventRow, ReceiptError> {
        let event = find_event(self.store(), head.room(), event_id).await?;
        event
            .filter(|event| event.place.is_some())
            .ok_or(ReceiptError::NoSuchEvent)
    }
}

/// Whether the event can be read in the thread of the receipt. Events that relate to others in
/// other ways (edits, reactions) belong to the thread of those; they pass.
fn is_in_thread(event: &EventRow, read: &ReadUpTo) -> bool {
    #[derive(Deserialize)]
    struct Stored {
        content: Content,
    }
    #[derive(Deserialize)]
    struct Content {
        #[serde(rename = "m.relates_to")]
        relates_to: Option<RelatesTo>,
    }
    #[derive(Deserialize)]
    struct RelatesTo {
        rel_type: Option<String>,
        event_id: Option<String>,
    }
    if read.thread_id == event.event_id {
        return true;
    }
    let stored: Option<Stored> = serde_json::from_str(&event.json).ok();
    let relation = stored.and_then(|stored| stored.content.relates_to);
    match relation.map(|relation| (relation.rel_type, relation.event_id)) {
        Some((Some(rel_type), root)) if rel_type == "m.thread" => {
            root.as_deref() == Some(&read.thread_id)
        }
        Some((Some(_), _)) => true,
        _ => read.thread_id == MAIN,
    }
}
