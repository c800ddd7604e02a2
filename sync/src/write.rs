//! Writing an answer, once, into the bytes that are sent (client-server, `GET /sync`).

use std::collections::BTreeMap;
use std::io::Write;

use causeway_events::canonical::{write_int, write_string};
use causeway_events::client::write_stripped;
use causeway_store::push::{RoomCounts, ThreadCount};
use causeway_store::users::one_time_keys::KeyCounts;
use ruma::OwnedUserId;
use serde_json::value::RawValue;

use crate::answer::{Answer, JoinedRoom, ShownReceipt, StrippedRoom, Summary};
use crate::engine::StateAt;
use crate::event::{Reader, Shown};
use crate::fields;
use crate::filter::Filter;
use crate::hub::Unread;

/// What the request says about the form of the answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub reader: Reader<'a>,
    pub filter: &'a Filter,
    pub state_at: StateAt,
    pub keys: &'a KeyCounts,
}

/// Bytes that an answer without rooms takes, about.
const SMALL_ANSWER: usize = 256;

/// Bytes that an event takes, about.
const EVENT_ESTIMATE: usize = 640;

/// Writes a list between brackets.
fn list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        each(out, item);
    }
    out.push(b']');
}

/// Begins the next field of an object that `start` is the opening of.
fn field(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    write_string(out, name);
    out.push(b':');
}

fn text(out: &mut Vec<u8>, value: &dyn std::fmt::Display) {
    out.push(b'"');
    // Writing to a vector does not fail; tokens have nothing to escape.
    let _ = write!(out, "{value}");
    out.push(b'"');
}

/// The whole body.
pub(crate) fn write(answer: &Answer, view: &View<'_>) -> Vec<u8> {
    let rooms = answer.joined.iter().chain(&answer.left);
    let events: usize = rooms
        .map(|room| room.timeline.len() + room.state.len())
        .sum();
    let mut out = Vec::with_capacity(SMALL_ANSWER + events * EVENT_ESTIMATE);
    out.push(b'{');
    field(&mut out, "next_batch");
    text(&mut out, &answer.next);
    if !answer.account_data.is_empty() {
        field(&mut out, "account_data");
        typed_events(&mut out, &answer.account_data);
    }
    if !answer.to_device.is_empty() {
        field(&mut out, "to_device");
        out.extend_from_slice(b"{\"events\":");
        list(&mut out, &answer.to_device, |out, message| {
            out.extend_from_slice(message.as_bytes());
        });
        out.push(b'}');
    }
    if !answer.presence.is_empty() {
        field(&mut out, "presence");
        out.extend_from_slice(b"{\"events\":");
        list(&mut out, &answer.presence, |out, presence| {
            presence.write(view.reader.now_ms, out);
        });
        out.push(b'}');
    }
    if !answer.devices_changed.is_empty() || !answer.devices_left.is_empty() {
        field(&mut out, "device_lists");
        out.extend_from_slice(b"{\"changed\":");
        list(&mut out, &answer.devices_changed, |out, user| {
            write_string(out, user.as_str())
        });
        out.extend_from_slice(b",\"left\":");
        list(&mut out, &answer.devices_left, |out, user| {
            write_string(out, user.as_str())
        });
        out.push(b'}');
    }
    write_key_counts(&mut out, view.keys);
    write_rooms(&mut out, answer, view);
    out.push(b'}');
    out
}

/// The algorithm of which clients want to hear even when nothing is left.
const USUAL_ALGORITHM: &str = "signed_curve25519";

fn write_key_counts(out: &mut Vec<u8>, keys: &KeyCounts) {
    field(out, "device_one_time_keys_count");
    out.push(b'{');
    if !keys.one_time.contains_key(USUAL_ALGORITHM) {
        field(out, USUAL_ALGORITHM);
        out.push(b'0');
    }
    for (algorithm, left) in &keys.one_time {
        field(out, algorithm);
        write_int(out, *left);
    }
    out.push(b'}');
    field(out, "device_unused_fallback_key_types");
    list(out, &keys.unused_fallback, |out, algorithm| {
        write_string(out, algorithm);
    });
}

fn write_rooms(out: &mut Vec<u8>, answer: &Answer, view: &View<'_>) {
    let is_empty = answer.joined.is_empty()
        && answer.left.is_empty()
        && answer.invited.is_empty()
        && answer.knocked.is_empty();
    if is_empty {
        return;
    }
    field(out, "rooms");
    out.push(b'{');
    for (name, rooms) in [("join", &answer.joined), ("leave", &answer.left)] {
        if rooms.is_empty() {
            continue;
        }
        field(out, name);
        out.push(b'{');
        for room in rooms {
            field(out, room.room_id.as_str());
            write_room(out, room, view, name == "join");
        }
        out.push(b'}');
    }
    for (name, inner, rooms) in [
        ("invite", "invite_state", &answer.invited),
        ("knock", "knock_state", &answer.knocked),
    ] {
        if rooms.is_empty() {
            continue;
        }
        field(out, name);
        out.push(b'{');
        for room in rooms {
            field(out, room.room_id.as_str());
            write_stripped_room(out, inner, room);
        }
        out.push(b'}');
    }
    out.push(b'}');
}

fn write_room(out: &mut Vec<u8>, room: &JoinedRoom, view: &View<'_>, is_joined: bool) {
    out.push(b'{');
    field(out, "timeline");
    out.push(b'{');
    field(out, "events");
    events(out, &room.timeline, view);
    field(out, "limited");
    out.extend_from_slice(if room.limited { b"true" } else { b"false" });
    field(out, "prev_batch");
    let token = format_args!("t{}_{}", room.prev_batch.anchor, room.prev_batch.offset);
    text(out, &token);
    out.push(b'}');
    field(out, view.state_at.field());
    out.extend_from_slice(b"{\"events\":");
    events(out, &room.state, view);
    out.push(b'}');
    field(out, "account_data");
    typed_events(out, &room.account_data);
    if is_joined {
        field(out, "ephemeral");
        write_ephemeral(out, room);
        if let Some(summary) = &room.summary {
            field(out, "summary");
            write_summary(out, summary);
        }
        if let Unread::Known(counts) | Unread::New(counts) = &room.unread {
            write_unread(out, counts, view.filter.unread_by_thread);
        }
    }
    out.push(b'}');
}

fn events(out: &mut Vec<u8>, shown: &[Shown], view: &View<'_>) {
    list(out, shown, |out, event| write_event(out, event, view));
}

fn write_event(out: &mut Vec<u8>, shown: &Shown, view: &View<'_>) {
    if view.filter.federation_format {
        fields::write_federation(out, shown);
        return;
    }
    let start = out.len();
    shown.write(&view.reader, out);
    if let Some(wanted) = &view.filter.event_fields {
        fields::keep_only(out, start, wanted);
    }
}

fn typed_events(out: &mut Vec<u8>, entries: &[(std::sync::Arc<str>, std::sync::Arc<str>)]) {
    out.extend_from_slice(b"{\"events\":");
    list(out, entries, |out, (event_type, content)| {
        write_typed(out, event_type, content.as_bytes());
    });
    out.push(b'}');
}

/// An event that has a type and a content only.
fn write_typed(out: &mut Vec<u8>, event_type: &str, content: &[u8]) {
    out.extend_from_slice(b"{\"content\":");
    out.extend_from_slice(content);
    out.extend_from_slice(b",\"type\":");
    write_string(out, event_type);
    out.push(b'}');
}

/// An event that has a type and a content only.
pub(crate) fn typed_event(event_type: &str, content: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write_typed(&mut out, event_type, content.as_bytes());
    out
}

/// `m.receipt`
pub(crate) fn receipt_event(receipts: &[ShownReceipt]) -> Vec<u8> {
    let (mut content, mut out) = (Vec::new(), Vec::new());
    write_receipts(&mut content, receipts);
    write_typed(&mut out, "m.receipt", &content);
    out
}

/// `m.typing`
pub(crate) fn typing_event(users: &[OwnedUserId]) -> Vec<u8> {
    let (mut content, mut out) = (Vec::new(), Vec::new());
    content.extend_from_slice(b"{\"user_ids\":");
    list(&mut content, users, |out, user| {
        write_string(out, user.as_str());
    });
    content.push(b'}');
    write_typed(&mut out, "m.typing", &content);
    out
}

/// What was written, as JSON; `None` would be a mistake of this crate.
pub(crate) fn raw(event: Vec<u8>) -> Option<Box<RawValue>> {
    let text = String::from_utf8(event).ok()?;
    RawValue::from_string(text).ok()
}

fn write_ephemeral(out: &mut Vec<u8>, room: &JoinedRoom) {
    let receipts = (!room.receipts.is_empty()).then(|| receipt_event(&room.receipts));
    let typing = room.typing.as_deref().map(typing_event);
    let events: Vec<Vec<u8>> = receipts.into_iter().chain(typing).collect();
    out.extend_from_slice(b"{\"events\":");
    list(out, &events, |out, event| out.extend_from_slice(event));
    out.push(b'}');
}

/// `{event: {type: {user: {ts, thread_id}}}}`. A user who has several receipts of a type on one
/// event is shown with the one that is not in a thread, or else the last.
fn write_receipts(out: &mut Vec<u8>, receipts: &[ShownReceipt]) {
    type Users<'a> = BTreeMap<&'a str, &'a ShownReceipt>;
    let mut tree: BTreeMap<&str, BTreeMap<&str, Users<'_>>> = BTreeMap::new();
    for receipt in receipts {
        let users = tree
            .entry(&receipt.event_id)
            .or_default()
            .entry(&receipt.receipt_type)
            .or_default();
        match users.get(&*receipt.user) {
            Some(kept) if kept.thread_id.is_empty() && !receipt.thread_id.is_empty() => {}
            _ => {
                users.insert(&receipt.user, receipt);
            }
        }
    }
    out.push(b'{');
    for (event, types) in tree {
        field(out, event);
        out.push(b'{');
        for (receipt_type, users) in types {
            field(out, receipt_type);
            out.push(b'{');
            for (user, receipt) in users {
                field(out, user);
                out.extend_from_slice(b"{\"ts\":");
                write_int(out, receipt.ts_ms);
                if !receipt.thread_id.is_empty() {
                    field(out, "thread_id");
                    write_string(out, &receipt.thread_id);
                }
                out.push(b'}');
            }
            out.push(b'}');
        }
        out.push(b'}');
    }
    out.push(b'}');
}

fn write_summary(out: &mut Vec<u8>, summary: &Summary) {
    out.push(b'{');
    if !summary.heroes.is_empty() {
        field(out, "m.heroes");
        list(out, &summary.heroes, |out, user| {
            write_string(out, user.as_str())
        });
    }
    field(out, "m.invited_member_count");
    write_int(out, summary.invited.into());
    field(out, "m.joined_member_count");
    write_int(out, summary.joined.into());
    out.push(b'}');
}

/// What is unread: of the whole room, or thread by thread.
fn write_unread(out: &mut Vec<u8>, counts: &RoomCounts, by_thread: bool) {
    let count = |out: &mut Vec<u8>, count: ThreadCount| {
        out.extend_from_slice(b"{\"highlight_count\":");
        write_int(out, count.highlighted.into());
        out.extend_from_slice(b",\"notification_count\":");
        write_int(out, count.notified.into());
        out.push(b'}');
    };
    field(out, "unread_notifications");
    if !by_thread {
        count(out, counts.total());
        return;
    }
    count(out, counts.main);
    field(out, "unread_thread_notifications");
    out.push(b'{');
    for (root, unread) in &counts.threads {
        field(out, root);
        count(out, *unread);
    }
    out.push(b'}');
}

fn write_stripped_room(out: &mut Vec<u8>, name: &str, room: &StrippedRoom) {
    out.push(b'{');
    field(out, name);
    out.extend_from_slice(b"{\"events\":");
    let own = room.state.iter().map(|event| {
        let mut json = Vec::with_capacity(EVENT_ESTIMATE);
        write_stripped(&event.pdu, &mut json);
        json
    });
    let told = room
        .told
        .iter()
        .map(|event| event.get().as_bytes().to_vec());
    let events: Vec<Vec<u8>> = told.chain(own).collect();
    list(out, &events, |out, event: &Vec<u8>| {
        out.extend_from_slice(event);
    });
    out.extend_from_slice(b"}}");
}
