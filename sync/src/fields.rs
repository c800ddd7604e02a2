//! The rarer forms of events: only some fields, or as servers exchange them.

use serde_json::{Map, Value};

use crate::event::Shown;

/// Cuts the event that begins at `start` down to the wanted fields. An event keeps its id and its
/// type, without which clients cannot tell what it is.
pub(crate) fn keep_only(out: &mut Vec<u8>, start: usize, wanted: &[Vec<String>]) {
    let Ok(Value::Object(event)) = serde_json::from_slice::<Value>(&out[start..]) else {
        return;
    };
    let mut kept = Map::new();
    for name in ["event_id", "type"] {
        if let Some(value) = event.get(name) {
            kept.insert(name.to_owned(), value.clone());
        }
    }
    for path in wanted {
        copy(&event, &mut kept, path);
    }
    out.truncate(start);
    // Writing to a vector does not fail.
    let _ = serde_json::to_writer(out, &kept);
}

fn copy(from: &Map<String, Value>, to: &mut Map<String, Value>, path: &[String]) {
    let Some((step, rest)) = path.split_first() else {
        return;
    };
    let Some(value) = from.get(step) else {
        return;
    };
    if rest.is_empty() {
        to.insert(step.clone(), value.clone());
        return;
    }
    let Value::Object(inner) = value else {
        return;
    };
    let below = to
        .entry(step.clone())
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(below) = below {
        copy(inner, below, rest);
    }
}

/// The event as servers exchange it, with its id, which newer room versions leave out.
pub(crate) fn write_federation(out: &mut Vec<u8>, shown: &Shown) {
    let pdu = &shown.event.pdu;
    let json = pdu.json();
    let named = pdu.version().event_id_is_field();
    if named || json.len() < 2 {
        out.extend_from_slice(json.as_bytes());
        return;
    }
    out.extend_from_slice(b"{\"event_id\":");
    causeway_events::canonical::write_string(out, pdu.event_id().as_str());
    out.push(b',');
    out.extend_from_slice(&json.as_bytes()[1..]);
}
