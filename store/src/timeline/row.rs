//! An event with what a client is told about it, as one row.

use causeway_events::{Pdu, RoomVersion};
use ruma::OwnedEventId;

use crate::StoreError;
use crate::ids::{EventNid, KeyNid, RoomNid, RoomPlace, StateRef};
use crate::log::REDACTED;

/// An event of a room, with what surrounds it.
#[derive(Debug, Clone)]
pub struct TimelineRow {
    /// Its room.
    pub room: RoomNid,
    /// Its number.
    pub nid: EventNid,
    /// Its id.
    pub event_id: String,
    /// Its JSON.
    pub json: String,
    /// See `causeway_store::log::REJECTED` and its neighbours.
    pub flags: i16,
    /// The state after it.
    pub state: StateRef,
    /// Of state events.
    pub key: Option<KeyNid>,
    /// Its place in the room's order; outliers have none.
    pub place: Option<RoomPlace>,
    /// When its server says it was sent.
    pub origin_ts_ms: u64,
    /// Who sent it.
    pub sender: String,
    /// The device of this server that sent it, and its transaction.
    pub sent_by: Option<(String, String)>,
    /// Id and JSON of the state event that it took the place of.
    pub replaced: Option<(String, String)>,
    /// Id and JSON of the redaction that blanked it.
    pub redaction: Option<(String, String)>,
    /// Whether the sender's account was closed with the wish to be forgotten.
    pub sender_erased: bool,
}

impl TimelineRow {
    /// The event.
    ///
    /// # Errors
    /// If the row is corrupt.
    pub fn pdu(&self, version: RoomVersion) -> Result<Pdu, StoreError> {
        stored(version, &self.event_id, &self.json)
    }

    /// The state before the event.
    pub fn state_before(&self) -> StateRef {
        match self.key {
            Some(_) if self.flags & 3 == 0 && self.state.step > 0 => StateRef {
                line: self.state.line,
                step: self.state.step - 1,
            },
            _ => self.state,
        }
    }

    /// Whether the event has been redacted.
    pub fn is_redacted(&self) -> bool {
        self.flags & REDACTED != 0
    }
}

/// Reads an event of the table.
pub(super) fn stored(version: RoomVersion, event_id: &str, json: &str) -> Result<Pdu, StoreError> {
    let corrupt = || StoreError::Corrupt {
        table: "events",
        id: event_id.to_owned(),
    };
    let id = OwnedEventId::try_from(event_id).map_err(|_| corrupt())?;
    Pdu::from_stored(version, id, json.to_owned()).map_err(|_| corrupt())
}

/// The columns of [`rows`].
pub(crate) struct Raw {
    pub room_nid: i64,
    pub event_nid: i64,
    pub event_id: String,
    pub json: String,
    pub flags: i16,
    pub line: i32,
    pub step: i32,
    pub key_nid: Option<i32>,
    pub anchor: Option<i64>,
    pub anchor_offset: i32,
    pub origin_ts: i64,
    pub sender: String,
    pub device_id: Option<String>,
    pub txn_id: Option<String>,
    pub replaced_id: Option<String>,
    pub replaced_json: Option<String>,
    pub redaction_id: Option<String>,
    pub redaction_json: Option<String>,
    pub erased: bool,
}

impl From<Raw> for TimelineRow {
    fn from(raw: Raw) -> Self {
        Self {
            room: RoomNid(raw.room_nid),
            nid: EventNid(raw.event_nid),
            event_id: raw.event_id,
            json: raw.json,
            flags: raw.flags,
            state: StateRef {
                line: raw.line,
                step: raw.step,
            },
            key: raw.key_nid.map(KeyNid),
            place: raw.anchor.map(|anchor| RoomPlace {
                anchor,
                offset: raw.anchor_offset,
            }),
            origin_ts_ms: u64::try_from(raw.origin_ts).unwrap_or(0),
            sender: raw.sender,
            sent_by: raw.device_id.zip(raw.txn_id),
            replaced: raw.replaced_id.zip(raw.replaced_json),
            redaction: raw.redaction_id.zip(raw.redaction_json),
            sender_erased: raw.erased,
        }
    }
}

/// Runs the query whose `w(room_nid, event_nid, ord)` is given as SQL, and gives
/// [`TimelineRow`]s in the order of `ord`. `$replaced` says, as SQL, whether the state event that
/// an event replaced is wanted.
macro_rules! rows {
    ($store:expr, replaced: $replaced:literal, $wish:literal, $($argument:expr),* $(,)?) => {
        $crate::meter::timed(
            sqlx::query_as!(
                $crate::timeline::row::Raw,
                r#"
SELECT e.room_nid, e.event_nid, e.event_id, e.json, e.flags, e.line, e.step, e.key_nid, e.anchor, e.anchor_offset,
       e.origin_ts, e.sender, e.device_id, e.txn_id,
       p.event_id AS "replaced_id?", p.json AS "replaced_json?",
       x.event_id AS "redaction_id?", x.json AS "redaction_json?",
       (SELECT a.erased FROM accounts a WHERE a.user_id = e.sender) IS TRUE AS "erased!"
FROM ("# + $wish + r#") AS w
JOIN events e ON e.room_nid = w.room_nid AND e.event_nid = w.event_nid
LEFT JOIN events p ON p.room_nid = e.room_nid AND p.event_nid = e.replaces AND "# + $replaced + r#"
LEFT JOIN LATERAL (
    SELECT b.event_id, b.json FROM redactions r
    JOIN events b ON b.room_nid = r.room_nid AND b.event_nid = r.redaction_nid
    WHERE e.flags & 8 <> 0 AND r.room_nid = e.room_nid AND r.target_id = e.event_id AND b.flags & 3 = 0
    ORDER BY r.redaction_nid LIMIT 1
) x ON true
ORDER BY w.ord
                "#,
                $($argument),*
            )
            .fetch_all($store.pool()),
        )
        .await
        .map(|rows| rows.into_iter().map($crate::timeline::TimelineRow::from).collect::<Vec<_>>())
        .map_err($crate::StoreError::from)
    };
}
pub(crate) use rows;
