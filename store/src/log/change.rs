//! What the log can be asked to write.

use std::sync::Arc;

use causeway_events::Pdu;
use ruma::{OwnedDeviceId, OwnedEventId, OwnedRoomId, OwnedUserId};

use super::key_change::{KeyChange, Which};
use crate::ids::{EventNid, KeyNid, Position, RoomNid, RoomPlace, StateRef};

/// One durable change. It is written whole or not at all.
#[derive(Debug)]
pub enum Change {
    /// Events of one room, with the head that follows from them.
    Room(Box<RoomBatch>),
    /// Receipts of one user.
    Receipts(Vec<Receipt>),
    /// An entry of a user's account data, global or of a room.
    AccountData(AccountData),
    /// Messages to devices of this server. It is a conflict if the transaction was written before.
    ToDevice(ToDeviceBatch),
    /// A user's devices changed in a way that is written elsewhere.
    DeviceList(OwnedUserId),
    /// Devices are deleted, with their sessions, pushers, keys and messages: whoever waits on their
    /// behalf must be let go.
    DevicesGone {
        /// Whose.
        user: OwnedUserId,
        /// Which.
        which: Which,
    },
    /// Keys of devices or users changed.
    Keys(KeyChange),
    /// Devices have other one-time or fallback keys left; those are written elsewhere.
    OneTimeKeys(Vec<(OwnedUserId, OwnedDeviceId)>),
    /// A field of a user's profile.
    Profile(ProfileField),
    /// A user follows a thread, or no more.
    ThreadSubscription(ThreadSubscription),
}

impl Change {
    /// How many log entries the change makes.
    pub fn entries(&self) -> usize {
        match self {
            Self::Room(batch) => batch.events.len(),
            Self::Receipts(receipts) => receipts.len(),
            Self::ToDevice(batch) => batch.messages.len() + batch.outgoing.len(),
            Self::Keys(change) => change.entries(),
            Self::OneTimeKeys(devices) => devices.len(),
            Self::DevicesGone { .. } => 2,
            Self::AccountData(_)
            | Self::DeviceList(_)
            | Self::Profile(_)
            | Self::ThreadSubscription(_) => 1,
        }
    }
}

/// Events of one room and all that they change, to be written if the room's head still has the
/// version they were built on.
#[derive(Debug)]
pub struct RoomBatch {
    /// The room.
    pub room: RoomNid,
    /// Set when the room is new to this database.
    pub creation: Option<NewRoom>,
    /// The version of the head that the events were built on.
    pub expected_version: i64,
    /// The head after them; `head.version` is greater than `expected_version`.
    pub head: HeadRow,
    /// In the order of the log.
    pub events: Vec<Arc<EventRecord>>,
    /// New lines of states.
    pub lines: Vec<NewLine>,
    /// New steps on lines.
    pub steps: Vec<StateStep>,
    /// What changes in the current state, members apart.
    pub current: Vec<CurrentEntry>,
    /// Events that are blanked by redactions in this batch.
    pub redacted: Vec<RedactedEvent>,
    /// Events that an event of the batch follows on and that are not here: `(which, whose)`.
    pub missing: Vec<(OwnedEventId, EventNid)>,
}

impl EventRecord {
    /// Whether readers of the log are told of the event.
    pub fn is_news(&self) -> bool {
        self.flags & HIDDEN == 0 && self.place.is_none()
    }
}

/// A row of `rooms`.
#[derive(Debug, Clone)]
pub struct NewRoom {
    /// The room's id.
    pub room_id: OwnedRoomId,
    /// The room version.
    pub version: String,
    /// Milliseconds since 1970.
    pub created_at_ms: u64,
}

/// A row of `room_heads`: what the next write must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadRow {
    /// Compared and set by each write.
    pub version: i64,
    /// Of the deepest extremity.
    pub depth: i64,
    /// Forward extremities.
    pub extremities: Vec<EventNid>,
    /// The current state.
    pub state: StateRef,
    /// The number the next line of states will have.
    pub next_line: i32,
    /// Members who have joined.
    pub joined_members: i32,
    /// Members who are invited.
    pub invited_members: i32,
}

/// The event was refused by its auth events or the state before it.
pub const REJECTED: i16 = 1;
/// The event was refused by the current state only.
pub const SOFT_FAILED: i16 = 2;
/// The state before the event is not whole yet.
pub const PARTIAL_STATE: i16 = 4;
/// The event has been redacted; its JSON is the redacted form.
pub const REDACTED: i16 = 8;

/// The event is here to authorise others, or to tell of a membership in a room that is not here: it
/// has no state, and nothing can follow on it.
pub const OUTLIER: i16 = 16;

/// The membership of another server's user that came in through this server, which tells the other
/// servers of the room.
pub const RELAYED: i16 = 32;

/// An event that readers are not told of: rejected, or refused by the current state.
pub const HIDDEN: i16 = REJECTED | SOFT_FAILED;

/// An event with what this server knows about it: the form it has in the log.
#[derive(Debug, Clone)]
pub struct EventRecord {
    /// The room.
    pub room: RoomNid,
    /// The event's number.
    pub nid: EventNid,
    /// The event.
    pub pdu: Pdu,
    /// [`REJECTED`] and so on.
    pub flags: i16,
    /// The state after the event.
    pub state: StateRef,
    /// The room's state after the event was taken in, where that is another one.
    pub current: Option<StateRef>,
    /// What changed in the room's state besides what the event itself says, because forks were
    /// resolved.
    pub resolved: Vec<Resolved>,
    /// Of state events.
    pub key: Option<KeyNid>,
    /// The state event that it took the place of.
    pub replaces: Option<Replaced>,
    /// Of state events: their place in the index of auth chains.
    pub chain: Option<ChainPlace>,
    /// The transaction in which a client of this server sent it.
    pub sent_by: Option<SentBy>,
    /// Numbers of the previous events.
    pub prev: Vec<EventNid>,
    /// Numbers of the auth events.
    pub auth: Vec<EventNid>,
    /// What it relates to.
    pub relation: Option<Relation>,
    /// What it does to a membership.
    pub member: Option<MemberChange>,
    /// What it redacts, where it may: if that is not in the room yet, it will come blank.
    pub redacts: Option<OwnedEventId>,
    /// Whether the event was here without a place ([`OUTLIER`]) until now.
    pub was_outlier: bool,
    /// The place of an old event in the room's order. It has none in the log: it is no news.
    pub place: Option<RoomPlace>,
    /// Whether events of the room that came earlier follow on it.
    pub was_wanted: bool,
}

/// An entry of the current state that changed because forks were resolved.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// What changed.
    pub key: KeyNid,
    /// The event that stands there now, if any.
    pub event: Option<(EventNid, Pdu)>,
    /// If that is a membership, what became of it.
    pub member: Option<MemberChange>,
}

/// The state event that another one took the place of, as clients see it in `unsigned`.
#[derive(Debug, Clone)]
pub struct Replaced {
    /// Its number.
    pub nid: EventNid,
    /// The event itself.
    pub pdu: Pdu,
}

/// The client's transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentBy {
    /// The sender's device.
    pub device: OwnedDeviceId,
    /// The client's transaction id.
    pub txn_id: Arc<str>,
}

/// `m.relates_to` of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The event related to; it may not be here.
    pub parent: OwnedEventId,
    /// Such as `m.annotation`.
    pub rel_type: String,
}

/// A membership, by its number in `memberships`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum Membership {
    /// Invited.
    Invite = 1,
    /// Joined.
    Join = 2,
    /// Has asked to be let in.
    Knock = 3,
    /// Has left, was kicked, or declined.
    Leave = 4,
    /// Banned.
    Ban = 5,
}

impl Membership {
    /// From the number in the table.
    pub fn from_number(number: i16) -> Option<Self> {
        Some(match number {
            1 => Self::Invite,
            2 => Self::Join,
            3 => Self::Knock,
            4 => Self::Leave,
            5 => Self::Ban,
            _ => return None,
        })
    }

    /// From the word in `m.room.member`.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "invite" => Self::Invite,
            "join" => Self::Join,
            "knock" => Self::Knock,
            "leave" => Self::Leave,
            "ban" => Self::Ban,
            _ => return None,
        })
    }

    /// The word in `m.room.member`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Join => "join",
            Self::Knock => "knock",
            Self::Leave => "leave",
            Self::Ban => "ban",
        }
    }
}

/// What a member event in force does.
#[derive(Debug, Clone)]
pub struct MemberChange {
    /// Whose membership.
    pub user: OwnedUserId,
    /// Before; `None` if the user had none.
    pub before: Option<Membership>,
    /// After.
    pub after: Membership,
    /// Whether the user is of this server.
    pub is_local: bool,
    /// `displayname` of the event.
    pub display_name: Option<String>,
    /// `avatar_url` of the event.
    pub avatar_url: Option<String>,
}

/// A row of `state_lines`.
#[derive(Debug, Clone, Copy)]
pub struct NewLine {
    /// Its number within the room.
    pub line: i32,
    /// The state it starts from.
    pub parent: Option<StateRef>,
    /// Lines below it.
    pub height: i32,
}

/// A row of `state_changes`.
#[derive(Debug, Clone, Copy)]
pub struct StateStep {
    /// The state after the change.
    pub at: StateRef,
    /// What changed.
    pub key: KeyNid,
    /// The event that stands there now; number 0 if none does.
    pub event: EventNid,
}

/// A row of `current_state`.
#[derive(Debug, Clone, Copy)]
pub struct CurrentEntry {
    /// What changed.
    pub key: KeyNid,
    /// The event that stands there now, if any.
    pub event: Option<EventNid>,
}

/// An event's place in the index of auth chains, with what it reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainPlace {
    /// The chain it stands on, called by its first event.
    pub chain: EventNid,
    /// Its place on the chain, from 1.
    pub seq: i32,
    /// What it reaches on other chains, packed by `causeway_events`.
    pub reach: Vec<u8>,
}

impl ChainPlace {
    /// From the columns `chain`, `chain_seq` and `reach` of `event`; `None` where the event is not
    /// in the index.
    pub(crate) fn stored(
        event: i64,
        chain: Option<i64>,
        seq: Option<i32>,
        reach: Option<Vec<u8>>,
    ) -> Option<Self> {
        Some(Self {
            chain: EventNid(chain.unwrap_or(event)),
            seq: seq.unwrap_or(1),
            reach: reach?,
        })
    }

    /// Chain and place as they are stored: nothing for the first event of a chain.
    pub(crate) fn written(&self, event: EventNid) -> Option<(i64, i32)> {
        (self.chain != event).then_some((self.chain.0, self.seq))
    }
}

/// An event that a redaction blanks.
#[derive(Debug, Clone)]
pub struct RedactedEvent {
    /// The blanked event.
    pub target: EventNid,
    /// Its id.
    pub target_id: OwnedEventId,
    /// What is left of it.
    pub json: String,
    /// The redaction.
    pub redaction: EventNid,
}

/// A row of `receipts`.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The room.
    pub room: RoomNid,
    /// The room's id, for readers.
    pub room_id: OwnedRoomId,
    /// Who read.
    pub user: OwnedUserId,
    /// `m.read` or `m.read.private`.
    pub receipt_type: String,
    /// Empty for receipts without a thread.
    pub thread_id: String,
    /// Up to which event.
    pub event_id: OwnedEventId,
    /// The event's place in the room, where it is known.
    pub event_anchor: Option<i64>,
    /// Milliseconds since 1970.
    pub ts_ms: u64,
}

/// A row of `account_data`.
#[derive(Debug, Clone)]
pub struct AccountData {
    /// Whose.
    pub user: OwnedUserId,
    /// The room it belongs to, or `None` if it is global.
    pub room: Option<(RoomNid, OwnedRoomId)>,
    /// The type.
    pub event_type: String,
    /// The content, as JSON.
    pub content: String,
}

/// Messages that a device sent in one transaction.
#[derive(Debug, Clone, Default)]
pub struct ToDeviceBatch {
    /// The transaction, where a device of this server sent them.
    pub transaction: Option<ToDeviceTransaction>,
    /// At most one for each device. Those to devices that are gone are dropped.
    pub messages: Vec<ToDevice>,
    /// Those to devices of other servers.
    pub outgoing: Vec<ToDevice>,
}

/// A row of `to_device_txns`.
#[derive(Debug, Clone)]
pub struct ToDeviceTransaction {
    /// Who sent.
    pub user: OwnedUserId,
    /// With which device.
    pub device: OwnedDeviceId,
    /// The client's transaction id.
    pub txn_id: String,
    /// Milliseconds since 1970.
    pub sent_at_ms: u64,
}

/// A row of `to_device`.
#[derive(Debug, Clone)]
pub struct ToDevice {
    /// To whom.
    pub user: OwnedUserId,
    /// To which device.
    pub device: OwnedDeviceId,
    /// `{"type", "sender", "content"}` as JSON.
    pub message: String,
}

/// A row of `profiles`.
#[derive(Debug, Clone)]
pub struct ProfileField {
    /// Whose.
    pub user: OwnedUserId,
    /// Such as `displayname`.
    pub field: String,
    /// `None` removes the field.
    pub value: Option<serde_json::Value>,
}

/// A row of `thread_subscriptions`.
#[derive(Debug, Clone)]
pub struct ThreadSubscription {
    /// Whose.
    pub user: OwnedUserId,
    /// The room.
    pub room: RoomNid,
    /// The event that the thread began with.
    pub root: OwnedEventId,
    /// Whether the user follows it.
    pub subscribed: bool,
    /// Where the event stands in the room's order that made a client follow it by itself. It then
    /// changes nothing if the user follows the thread already, or left it after that.
    pub cause: Option<Position>,
}
