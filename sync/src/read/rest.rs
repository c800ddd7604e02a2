//! Everything but events: receipts, account data, messages, devices, rooms seen from outside.

use std::collections::HashMap;
use std::sync::Arc;

use causeway_store::sync as queries;
use causeway_store::{Position, RoomNid};
use serde_json::value::RawValue;

use super::plan::{Kind, RoomPlan};
use super::{Reading, ShownRooms, devices};
use crate::answer::{Answer, StrippedRoom};
use crate::delta::limited;
use crate::engine::SyncError;
use crate::event::{RoomEvent, read as read_event};
use crate::limits::MAX_TO_DEVICE;

/// State that people outside are told (client-server, Stripped state).
const STRIPPED_TYPES: [&str; 7] = [
    "m.room.create",
    "m.room.name",
    "m.room.avatar",
    "m.room.topic",
    "m.room.join_rules",
    "m.room.canonical_alias",
    "m.room.encryption",
];

/// Receipts and typing.
pub(super) async fn read_rooms(
    reading: &mut Reading<'_>,
    shown: &mut ShownRooms,
) -> Result<(), SyncError> {
    let filter = &*reading.request.filter;
    let joined = || {
        let rooms = reading
            .rooms
            .iter()
            .filter(|plan| plan.kind == Kind::Joined);
        rooms.filter(|plan| filter.ephemeral.rooms.allows(&plan.row.room_id))
    };
    if filter.ephemeral.rules.allow("m.typing", None) {
        for plan in joined() {
            let news = reading
                .ephemeral
                .rooms
                .iter()
                .find(|news| news.room == plan.row.room);
            if let (Some(news), Some(room)) = (news, shown.get_mut(&plan.row.room)) {
                room.typing.clone_from(&news.typing);
            }
        }
    }
    if !filter.ephemeral.rules.allow("m.receipt", None) {
        return Ok(());
    }
    let since = reading.since();
    let wanted: Vec<(RoomNid, Position)> = joined()
        .map(|plan| {
            let after = if plan.is_new { 0 } else { since };
            (plan.row.room, Position(after))
        })
        .collect();
    let reader = reading.request.user_id.as_str();
    for row in queries::receipts(&mut reading.snapshot, &wanted, reader).await? {
        if let Some(room) = shown.get_mut(&row.room) {
            room.receipts.push(row.into());
        }
    }
    Ok(())
}

/// Account data, messages to the device, presence, device lists.
pub(super) async fn read_own(
    reading: &mut Reading<'_>,
    answer: &mut Answer,
    shown: &mut ShownRooms,
) -> Result<(), SyncError> {
    read_account_data(reading, answer, shown).await?;
    read_to_device(reading, answer).await?;
    let filter = &*reading.request.filter;
    let ignored = reading.ephemeral.ignored.clone();
    answer.presence = limited(
        std::mem::take(&mut reading.ephemeral.presence)
            .into_iter()
            .filter(|shown| filter.presence.allow("m.presence", Some(&shown.user)))
            .filter(|shown| !ignored.contains(&shown.user)),
        filter.presence.limit,
    );
    if reading.since.is_some() {
        let lists = devices::read(reading).await?;
        (answer.devices_changed, answer.devices_left) = (lists.changed, lists.left);
    }
    Ok(())
}

async fn read_account_data(
    reading: &mut Reading<'_>,
    answer: &mut Answer,
    shown: &mut ShownRooms,
) -> Result<(), SyncError> {
    let filter = &*reading.request.filter;
    let new: Vec<RoomNid> = reading
        .rooms
        .iter()
        .filter(|plan| plan.is_new)
        .map(|plan| plan.row.room)
        .collect();
    let user = reading.request.user_id.as_str();
    let since = Position(reading.since());
    for row in queries::account_data(&mut reading.snapshot, user, since, &new).await? {
        // Whoever never had an entry need not hear that it was deleted.
        let is_deleted = row.content == "{}" && reading.since.is_none();
        let entry: (Arc<str>, Arc<str>) = (row.event_type.into(), row.content.into());
        if row.room == RoomNid(0) {
            if !is_deleted && filter.account_data.allow(&entry.0, None) {
                answer.account_data.push(entry);
            }
        } else if let Some(room) = shown.get_mut(&row.room)
            && !is_deleted
            && filter.room_account_data.rooms.allows(&room.room_id)
            && filter.room_account_data.rules.allow(&entry.0, None)
        {
            room.account_data.push(entry);
        }
    }
    if let Some(limit) = filter.account_data.limit {
        answer.account_data.truncate(limit);
    }
    Ok(())
}

async fn read_to_device(reading: &mut Reading<'_>, answer: &mut Answer) -> Result<(), SyncError> {
    let Some(device) = &reading.request.device_id else {
        return Ok(());
    };
    let after = reading
        .since
        .map_or(Position(0), |since| since.to_device_position());
    let limit = i64::try_from(MAX_TO_DEVICE + 1).unwrap_or(i64::MAX);
    let user = reading.request.user_id.as_str();
    let mut messages =
        queries::to_device(&mut reading.snapshot, user, device.as_str(), after, limit).await?;
    if messages.len() > MAX_TO_DEVICE {
        messages.truncate(MAX_TO_DEVICE);
        answer.next.to_device = messages.last().map(|message| message.position);
    }
    answer.to_device = messages
        .into_iter()
        .map(|message| message.message.into())
        .collect();
    Ok(())
}

/// Rooms that the reader is invited to, or has knocked on.
pub(super) async fn read_stripped(
    reading: &mut Reading<'_>,
) -> Result<(Vec<StrippedRoom>, Vec<StrippedRoom>), SyncError> {
    let outside = |plan: &&RoomPlan| matches!(plan.kind, Kind::Invited | Kind::Knocked);
    let rooms: Vec<RoomNid> = reading
        .rooms
        .iter()
        .filter(outside)
        .map(|plan| plan.row.room)
        .collect();
    let mut states: HashMap<RoomNid, Vec<_>> = HashMap::new();
    for row in queries::stripped_state(&mut reading.snapshot, &rooms, &STRIPPED_TYPES).await? {
        states.entry(row.room).or_default().push(row);
    }
    let user = reading.request.user_id.as_str();
    let told = queries::outside_states(&mut reading.snapshot, user, &rooms).await?;
    let mut told: HashMap<RoomNid, String> = told.into_iter().collect();
    let (mut invited, mut knocked) = (Vec::new(), Vec::new());
    for plan in reading.rooms.iter().filter(outside) {
        let rows = states.remove(&plan.row.room).unwrap_or_default();
        // What this server sees itself is newer than what it was once told.
        let told = told.remove(&plan.row.room).filter(|_| rows.is_empty());
        let state = rows
            .into_iter()
            .filter_map(|row| RoomEvent::from_row(plan.version, row));
        let mut state: Vec<Arc<RoomEvent>> = state.map(Arc::new).collect();
        let own = read_event(plan.version, &plan.row.event_id, plan.row.json.clone());
        state.extend(own.map(|pdu| Arc::new(RoomEvent::bare(pdu))));
        let room = StrippedRoom {
            room_id: plan.row.room_id.clone(),
            state,
            told: told
                .map(|json| told_events(&json, user))
                .unwrap_or_default(),
        };
        match plan.kind {
            Kind::Invited => invited.push(room),
            _ => knocked.push(room),
        }
    }
    Ok((invited, knocked))
}

/// The stripped events of a JSON array that clients can make something of. The user's own
/// membership is shown as it is here; that of whoever invites says what they are called.
fn told_events(json: &str, user: &str) -> Vec<Box<RawValue>> {
    #[derive(serde::Deserialize, serde::Serialize)]
    struct Stripped<'a> {
        #[serde(rename = "type", borrow)]
        kind: std::borrow::Cow<'a, str>,
        #[serde(borrow)]
        state_key: std::borrow::Cow<'a, str>,
        #[serde(borrow)]
        sender: &'a RawValue,
        #[serde(borrow)]
        content: &'a RawValue,
    }
    let events: Vec<Stripped<'_>> = serde_json::from_str(json).unwrap_or_default();
    let events = events
        .into_iter()
        .filter(|event| event.kind != "m.room.member" || event.state_key != user);
    let stripped = events.filter_map(|event| serde_json::value::to_raw_value(&event).ok());
    stripped.collect()
}
