//! What an answer is made of, before it is written.

use std::sync::Arc;

use causeway_store::log::Receipt;
use causeway_store::sync::ReceiptRow;
use causeway_store::{RoomNid, RoomPlace};
use ruma::{OwnedRoomId, OwnedUserId};
use serde_json::value::RawValue;

use crate::event::{RoomEvent, Shown};
use crate::hub::Unread;
use crate::presence::Shown as ShownPresence;
use crate::token::Token;

/// An answer to `/sync`.
#[derive(Debug)]
pub(crate) struct Answer {
    pub next: Token,
    pub joined: Vec<JoinedRoom>,
    pub left: Vec<JoinedRoom>,
    pub invited: Vec<StrippedRoom>,
    pub knocked: Vec<StrippedRoom>,
    /// Type and content.
    pub account_data: Vec<(Arc<str>, Arc<str>)>,
    pub to_device: Vec<Arc<str>>,
    pub presence: Vec<ShownPresence>,
    pub devices_changed: Vec<OwnedUserId>,
    pub devices_left: Vec<OwnedUserId>,
    /// The device has to hear how many keys it has left.
    pub keys_run_out: bool,
}

/// A room that the reader is in, or was in.
#[derive(Debug)]
pub(crate) struct JoinedRoom {
    pub nid: RoomNid,
    pub room_id: OwnedRoomId,
    pub timeline: Vec<Shown>,
    pub limited: bool,
    /// The place just after what is before the timeline.
    pub prev_batch: RoomPlace,
    pub state: Vec<Shown>,
    pub account_data: Vec<(Arc<str>, Arc<str>)>,
    pub receipts: Vec<ShownReceipt>,
    pub typing: Option<Vec<OwnedUserId>>,
    pub summary: Option<Summary>,
    pub unread: Unread,
    /// Whether it is shown although nothing is in it.
    pub is_new: bool,
}

/// A room that the reader sees from outside.
#[derive(Debug)]
pub(crate) struct StrippedRoom {
    pub room_id: OwnedRoomId,
    pub state: Vec<Arc<RoomEvent>>,
    /// Stripped events as another server told them, as JSON.
    pub told: Vec<Box<RawValue>>,
}

/// A receipt, whatever it was read from.
#[derive(Debug, Clone)]
pub(crate) struct ShownReceipt {
    pub event_id: Arc<str>,
    pub receipt_type: Arc<str>,
    pub user: Arc<str>,
    pub thread_id: Arc<str>,
    pub ts_ms: i64,
}

/// How many are in a room, and whom it is called by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Summary {
    pub joined: i32,
    pub invited: i32,
    pub heroes: Vec<OwnedUserId>,
}

impl Answer {
    /// An answer without content.
    pub(crate) fn empty(next: Token) -> Self {
        Self {
            next,
            joined: Vec::new(),
            left: Vec::new(),
            invited: Vec::new(),
            knocked: Vec::new(),
            account_data: Vec::new(),
            to_device: Vec::new(),
            presence: Vec::new(),
            devices_changed: Vec::new(),
            devices_left: Vec::new(),
            keys_run_out: false,
        }
    }

    /// Whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.joined.is_empty()
            && self.left.is_empty()
            && self.invited.is_empty()
            && self.knocked.is_empty()
            && self.account_data.is_empty()
            && self.to_device.is_empty()
            && self.presence.is_empty()
            && self.devices_changed.is_empty()
            && self.devices_left.is_empty()
            && !self.keys_run_out
    }
}

impl JoinedRoom {
    /// A room of which nothing is told yet; `prev_batch` is its end.
    pub(crate) fn new(nid: RoomNid, room_id: OwnedRoomId, prev_batch: RoomPlace) -> Self {
        Self {
            nid,
            room_id,
            timeline: Vec::new(),
            limited: false,
            prev_batch,
            state: Vec::new(),
            account_data: Vec::new(),
            receipts: Vec::new(),
            typing: None,
            summary: None,
            unread: Unread::Same,
            is_new: false,
        }
    }

    /// Whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        !self.is_new
            && self.timeline.is_empty()
            && self.state.is_empty()
            && self.account_data.is_empty()
            && self.receipts.is_empty()
            && self.typing.is_none()
            && self.summary.is_none()
            && !matches!(self.unread, Unread::New(_) | Unread::Ask)
            && !self.limited
    }
}

impl From<&Receipt> for ShownReceipt {
    fn from(receipt: &Receipt) -> Self {
        Self {
            event_id: receipt.event_id.as_str().into(),
            receipt_type: receipt.receipt_type.as_str().into(),
            user: receipt.user.as_str().into(),
            thread_id: receipt.thread_id.as_str().into(),
            ts_ms: i64::try_from(receipt.ts_ms).unwrap_or(i64::MAX),
        }
    }
}

impl From<ReceiptRow> for ShownReceipt {
    fn from(row: ReceiptRow) -> Self {
        Self {
            event_id: row.event_id.into(),
            receipt_type: row.receipt_type.into(),
            user: row.user.into(),
            thread_id: row.thread_id.into(),
            ts_ms: row.ts_ms,
        }
    }
}
