//! From rows to what a client is shown: who may see an event, and in which form.

use std::collections::HashMap;

use causeway_events::client::{ClientEvent, DELAYED_DEVICE, Format, Unsigned};
use causeway_events::redact::redact;
use causeway_events::visibility::{Sight, Visibility, may_see};
use causeway_events::{Membership, Pdu};
use causeway_store::log::Membership as Stored;
use causeway_store::timeline::{
    AggregatedEvent, AggregationQuery, Aggregations, TimelineRow, aggregations,
};
use causeway_store::{EventNid, RoomNid, RoomPlace, StateRef, StoreError};
use ruma::{OwnedEventId, OwnedUserId};
use serde::Deserialize;

use super::enter::Room;
use super::sight::{States, joined_after};
use super::{Asker, EventFilter, ReadError, Reader};

/// An event as a client is shown it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Its number.
    pub nid: EventNid,
    /// The event.
    pub pdu: Pdu,
    /// The state after it.
    pub state: StateRef,
    /// Its place in the room.
    pub place: Option<RoomPlace>,
    /// What the client is sent.
    pub json: String,
}

/// The rooms that events are shown of.
#[derive(Clone, Copy)]
pub(super) enum Entered<'a> {
    /// One, of which all events are.
    One(&'a Room),
    /// Several.
    Many(&'a HashMap<RoomNid, Room>),
}

impl<'a> Entered<'a> {
    fn find(self, room: RoomNid) -> Option<&'a Room> {
        match self {
            Self::One(one) => Some(one),
            Self::Many(rooms) => rooms.get(&room),
        }
    }
}

/// An event that the asker may see.
struct Seen<'a> {
    room: &'a Room,
    row: &'a TimelineRow,
    pdu: Pdu,
    membership: Membership,
}

impl Reader {
    /// The events among `rows` that the asker may see, with bundled aggregations. Two queries.
    pub(super) async fn show(
        &self,
        room: &Room,
        asker: &Asker,
        rows: &[TimelineRow],
        filter: &EventFilter,
    ) -> Result<Vec<Shown>, ReadError> {
        let rooms = Entered::One(room);
        self.show_across(rooms, asker, &room.ignored, rows, filter)
            .await
    }

    /// The same for events of several rooms, in the order of `rows`. Two queries.
    pub(super) async fn show_across(
        &self,
        rooms: Entered<'_>,
        asker: &Asker,
        ignored: &[String],
        rows: &[TimelineRow],
        filter: &EventFilter,
    ) -> Result<Vec<Shown>, ReadError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let seen = self.seen(rooms, asker, ignored, rows, filter).await?;
        let events = seen.iter().map(|seen| AggregatedEvent {
            room: seen.row.room,
            event_id: &seen.row.event_id,
            until: seen.room.end().map(|place| place.anchor),
        });
        let query = AggregationQuery {
            events: &events.collect::<Vec<_>>(),
            user: &asker.user,
            ignored,
        };
        let related = aggregations(&self.store, query).await?;
        let now_ms = self.clock.now_ms();
        seen.into_iter()
            .map(|seen| show_one(asker, seen, &related, now_ms))
            .collect()
    }

    async fn seen<'a>(
        &self,
        rooms: Entered<'a>,
        asker: &Asker,
        ignored: &[String],
        rows: &'a [TimelineRow],
        filter: &EventFilter,
    ) -> Result<Vec<Seen<'a>>, ReadError> {
        let before = rows.iter().map(|row| (row.room, row.state_before()));
        let states = States::load(self, asker, before).await?;
        let mut seen = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(room) = rooms.find(row.room) else {
                continue;
            };
            let pdu = row.pdu(room.version)?;
            let is_ignored = row.key.is_none() && ignored.contains(&row.sender);
            if is_ignored || !filter.passes(pdu.event_type(), pdu.sender(), has_url(&pdu)) {
                continue;
            }
            let before = states.at(row.room, row.state_before());
            let own = pdu.is_state("m.room.member", asker.user.as_str());
            let membership_after = if own { Membership::of(&pdu) } else { None };
            let visibility_after = pdu
                .is_state("m.room.history_visibility", "")
                .then(|| Visibility::of(Some(&pdu)));
            let sight = Sight {
                visibility: before.visibility,
                visibility_after,
                membership: before.membership,
                membership_after,
                joined_later: joined_after(room, row.place),
            };
            if !may_see(&sight) {
                continue;
            }
            let membership = membership_after.unwrap_or(before.membership);
            let is_forgotten = row.sender_erased
                && membership != Membership::Join
                && *row.sender != *asker.user.as_str();
            let pdu = if is_forgotten {
                redact(room.version, &pdu)
            } else {
                pdu
            };
            seen.push(Seen {
                room,
                row,
                pdu,
                membership,
            });
        }
        Ok(seen)
    }

    /// State events, in the form clients get them, without further queries.
    pub(super) fn show_state(
        &self,
        room: &Room,
        rows: &[TimelineRow],
    ) -> Result<Vec<String>, ReadError> {
        let now_ms = self.clock.now_ms();
        let mut shown = Vec::with_capacity(rows.len());
        for row in rows {
            let pdu = row.pdu(room.version)?;
            let redaction = redaction_json(room, row)?;
            let replaced = Replaced::of(room, row)?;
            let mut unsigned = Unsigned {
                now_ms: Some(now_ms),
                redacted_because: redaction.as_deref(),
                ..Unsigned::default()
            };
            replaced.fill(&mut unsigned);
            shown.push(ClientEvent::new(&pdu).to_json(Format::Full, &unsigned));
        }
        Ok(shown)
    }
}

fn has_url(pdu: &Pdu) -> bool {
    #[derive(Deserialize)]
    struct Content {
        url: serde_json::Value,
    }
    pdu.content_as::<Content>()
        .is_ok_and(|content| content.url.is_string())
}

fn show_one(
    asker: &Asker,
    seen: Seen<'_>,
    related: &HashMap<String, Aggregations>,
    now_ms: u64,
) -> Result<Shown, ReadError> {
    let (room, row) = (seen.room, seen.row);
    let is_own = row.sender == asker.user.as_str();
    let transaction_id = row
        .sent_by
        .as_ref()
        .filter(|(device, _)| is_own && asker.device.as_ref().is_some_and(|own| own == device))
        .map(|(_, transaction)| transaction.as_str());
    let delay_id = row
        .sent_by
        .as_ref()
        .filter(|(device, _)| is_own && device == DELAYED_DEVICE)
        .map(|(_, transaction)| transaction.as_str());
    let relations = related
        .get(&row.event_id)
        .map(|related| related.to_json(now_ms))
        .transpose()?;
    let redaction = redaction_json(room, row)?;
    let replaced = Replaced::of(room, row)?;
    let mut unsigned = Unsigned {
        now_ms: Some(now_ms),
        transaction_id,
        delay_id,
        redacted_because: redaction.as_deref(),
        membership: Some(seen.membership.as_str()),
        relations: relations.as_deref(),
        ..Unsigned::default()
    };
    replaced.fill(&mut unsigned);
    let json = ClientEvent::new(&seen.pdu).to_json(Format::Full, &unsigned);
    Ok(Shown {
        nid: row.nid,
        state: row.state,
        place: row.place,
        json,
        pdu: seen.pdu,
    })
}

/// The redaction that blanked an event, as clients see it.
fn redaction_json(room: &Room, row: &TimelineRow) -> Result<Option<String>, StoreError> {
    let Some((id, json)) = &row.redaction else {
        return Ok(None);
    };
    let pdu = stored(room, id, json)?;
    Ok(Some(
        ClientEvent::new(&pdu).to_json(Format::Full, &Unsigned::default()),
    ))
}

/// The state event that another one took the place of.
struct Replaced(Option<(OwnedEventId, OwnedUserId, String)>);

impl Replaced {
    fn of(room: &Room, row: &TimelineRow) -> Result<Self, StoreError> {
        let Some((id, json)) = &row.replaced else {
            return Ok(Self(None));
        };
        let pdu = stored(room, id, json)?;
        Ok(Self(Some((
            pdu.owned_event_id().clone(),
            pdu.sender().to_owned(),
            pdu.content_json().to_owned(),
        ))))
    }

    fn fill<'a>(&'a self, unsigned: &mut Unsigned<'a>) {
        if let Some((id, sender, content)) = &self.0 {
            unsigned.replaces_state = Some(id);
            unsigned.prev_sender = Some(sender);
            unsigned.prev_content = Some(content);
        }
    }
}

fn stored(room: &Room, id: &str, json: &str) -> Result<Pdu, StoreError> {
    let corrupt = || StoreError::Corrupt {
        table: "events",
        id: id.to_owned(),
    };
    let event_id = OwnedEventId::try_from(id).map_err(|_| corrupt())?;
    Pdu::from_stored(room.version, event_id, json.to_owned()).map_err(|_| corrupt())
}

/// The memberships of the specification's words, as the tables number them.
pub(super) const ALL_MEMBERSHIPS: [Stored; 5] = [
    Stored::Invite,
    Stored::Join,
    Stored::Knock,
    Stored::Leave,
    Stored::Ban,
];
