//! Sending messages, and taking events away.

use causeway_store::StoreError;
use causeway_store::log::SentBy;
use causeway_store::rooms::{find_event, find_room_of_event, find_transaction};
use ruma::{OwnedDeviceId, OwnedEventId, OwnedRoomId, OwnedUserId};
use serde_json::json;
use serde_json::value::RawValue;

use super::aliases::AliasMistake;
use super::draft::{bad_content, fields, forbidden, raw};
use super::membership::MembershipError;
use super::state::check_tombstone;
use crate::heads::stored;
use crate::{Append, Head, LoadError, Rooms, WriteError};

/// Events that nobody may take away: without them a room does not work as its members think.
const NOT_REDACTABLE: [&str; 2] = ["m.room.create", "m.room.server_acl"];

/// A message event that a user wants to send.
#[derive(Debug, Clone)]
pub struct SendEvent {
    /// Where.
    pub room: OwnedRoomId,
    /// Who.
    pub sender: OwnedUserId,
    /// From which device, where the session has one. Transaction ids belong to a device.
    pub device: Option<OwnedDeviceId>,
    /// The event's type.
    pub event_type: String,
    /// The content, a JSON object.
    pub content: Box<RawValue>,
    /// The client's transaction id: sent again, it gives the first event's id.
    pub txn_id: Option<String>,
    /// When the event was made, in milliseconds since 1970, instead of now (application services).
    pub timestamp_ms: Option<u64>,
}

/// An event that a user wants to take away.
#[derive(Debug, Clone)]
pub struct Redact {
    /// Where.
    pub room: OwnedRoomId,
    /// Who.
    pub sender: OwnedUserId,
    /// From which device, where the session has one.
    pub device: Option<OwnedDeviceId>,
    /// What is to be taken away.
    pub target: OwnedEventId,
    /// Why, in words for people.
    pub reason: Option<String>,
    /// The client's transaction id.
    pub txn_id: Option<String>,
    /// When, instead of now.
    pub timestamp_ms: Option<u64>,
    /// Whether only the sender's own events may be taken away, whatever their power.
    pub own_only: bool,
}

/// Why an event was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The sender is not in the room, or there is no such room: both look the same, so that rooms
    /// cannot be guessed.
    #[error("You are not in this room")]
    NotInRoom,
    /// The event that is to be taken away is in another room.
    #[error("This event is in another room")]
    OtherRoom,
    /// The sender has annotated the event like this already.
    #[error("You have sent this reaction already")]
    DuplicateAnnotation,
    /// The event is somebody else's, and only own ones may be redacted.
    #[error("You may not redact events of others now")]
    OthersEvent,
    /// A thread cannot start at an event that relates to another one.
    #[error("A thread cannot start at an event that relates to another event")]
    ThreadOnRelation,
    /// An `m.room.canonical_alias` names an alias that it may not.
    #[error(transparent)]
    Alias(#[from] AliasMistake),
    /// A membership that was set as state cannot be set.
    #[error(transparent)]
    Membership(#[from] MembershipError),
    /// The room's rules, or its size limits, do not allow it.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<StoreError> for SendError {
    fn from(error: StoreError) -> Self {
        Self::Write(error.into())
    }
}

impl From<LoadError> for SendError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::NoSuchRoom => Self::NotInRoom,
            LoadError::Store(error) => Self::Write(error.into()),
        }
    }
}

/// The client's transaction, where it gave one. Sessions without a device share an empty name.
pub(crate) fn sent_by(device: Option<&OwnedDeviceId>, txn_id: Option<&str>) -> Option<SentBy> {
    Some(SentBy {
        txn_id: txn_id?.into(),
        device: device.cloned().unwrap_or_else(|| "".into()),
    })
}

impl Rooms {
    /// Sends a message event; gives its id.
    ///
    /// `m.room.redaction` takes away the event that its content names.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(&self, event: SendEvent) -> Result<OwnedEventId, SendError> {
        if event.event_type == "m.room.redaction" {
            return self.redact(redaction_of(event)?).await;
        }
        if event.event_type == "m.room.tombstone" {
            check_tombstone(&event.room, &event.content)?;
        }
        let head = self.head(&event.room).await?;
        let sent_by = sent_by(event.device.as_ref(), event.txn_id.as_deref());
        let sender = event.sender.clone();
        match self.send_to(&head, event, sent_by.clone()).await {
            Err(error) => self.sent_before(&head, &sender, sent_by, error).await,
            sent => sent,
        }
    }

    async fn send_to(
        &self,
        head: &Head,
        event: SendEvent,
        sent_by: Option<SentBy>,
    ) -> Result<OwnedEventId, SendError> {
        self.check_relation(head, &event.sender, &event.event_type, &event.content)
            .await?;
        let mut draft = self.message(event.event_type, &event.sender, event.content);
        if let Some(timestamp_ms) = event.timestamp_ms {
            draft.origin_ts_ms = timestamp_ms;
        }
        let append = Append {
            sent_by,
            ..Append::one(draft)
        };
        self.append_one(&event.room, append).await
    }

    /// Takes an event away; gives the redaction's id.
    ///
    /// One may take away one's own events; those of others with the power to redact.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn redact(&self, redact: Redact) -> Result<OwnedEventId, SendError> {
        let head = self.head(&redact.room).await?;
        let sent_by = sent_by(redact.device.as_ref(), redact.txn_id.as_deref());
        match self.redact_in(&head, &redact, sent_by.clone()).await {
            Err(error) => {
                self.sent_before(&head, &redact.sender, sent_by, error)
                    .await
            }
            sent => sent,
        }
    }

    async fn redact_in(
        &self,
        head: &Head,
        redact: &Redact,
        sent_by: Option<SentBy>,
    ) -> Result<OwnedEventId, SendError> {
        let Some(row) = find_event(self.store(), head.room(), &redact.target).await? else {
            let elsewhere = find_room_of_event(self.store(), &redact.target).await?;
            return Err(match elsewhere {
                Some(_) => SendError::OtherRoom,
                None => WriteError::NoSuchEvent.into(),
            });
        };
        let target = stored(head.version(), head.room(), &row.event_id, row.json)?;
        if NOT_REDACTABLE.contains(&target.event_type()) && target.state_key().is_some() {
            return Err(forbidden("This event cannot be redacted").into());
        }
        if redact.own_only && target.sender() != redact.sender {
            return Err(SendError::OthersEvent);
        }
        let power = head.power();
        let may_redact = power.user(&redact.sender).reaches(power.redact());
        if target.sender() != redact.sender && !may_redact {
            return Err(forbidden("You may not redact events of others here").into());
        }
        let content = match &redact.reason {
            Some(reason) => json!({ "reason": reason }),
            None => json!({}),
        };
        let mut draft = self.message("m.room.redaction", &redact.sender, raw(&content)?);
        draft.redacts = Some(redact.target.clone());
        if let Some(timestamp_ms) = redact.timestamp_ms {
            draft.origin_ts_ms = timestamp_ms;
        }
        let append = Append {
            sent_by,
            ..Append::one(draft)
        };
        self.append_one(&redact.room, append).await
    }

    /// Appends a single event; gives its id, or that of the one that stands already.
    pub(crate) async fn append_one(
        &self,
        room: &ruma::RoomId,
        append: Append,
    ) -> Result<OwnedEventId, SendError> {
        let mut accepted = self.append(room, append).await?;
        // An append that succeeds names each of its events.
        accepted
            .event_ids
            .pop()
            .ok_or(SendError::Write(WriteError::Busy))
    }

    /// A transaction that is sent again gives the event of the first time, even if it would be
    /// refused now.
    async fn sent_before(
        &self,
        head: &Head,
        sender: &OwnedUserId,
        sent_by: Option<SentBy>,
        error: SendError,
    ) -> Result<OwnedEventId, SendError> {
        let Some(sent_by) = sent_by else {
            return Err(error);
        };
        let (device, txn_id) = (sent_by.device.as_str(), &*sent_by.txn_id);
        let found =
            find_transaction(self.store(), head.room(), sender.as_str(), device, txn_id).await?;
        let event_id = found.and_then(|id| OwnedEventId::try_from(id).ok());
        event_id.ok_or(error)
    }
}

/// A redaction that came as an ordinary event.
fn redaction_of(event: SendEvent) -> Result<Redact, SendError> {
    let content = fields(&event.content)?;
    let text = |field: &str| content.get(field).and_then(|value| value.as_str());
    let target = text("redacts").and_then(|id| OwnedEventId::try_from(id).ok());
    let target = target.ok_or_else(|| bad_content("`redacts` names no event"))?;
    Ok(Redact {
        target,
        reason: text("reason").map(str::to_owned),
        room: event.room,
        sender: event.sender,
        device: event.device,
        txn_id: event.txn_id,
        timestamp_ms: event.timestamp_ms,
        own_only: false,
    })
}
