//! Power levels on the way from one room to another.

use causeway_events::RoomVersion;
use ruma::UserId;
use serde_json::{Value, json};

use super::Upgrade;
use crate::Head;
use crate::actions::draft::Content;
use crate::actions::initial::default_power_levels;

/// What ending a room takes at least in versions whose creators stand above all levels.
const TOMBSTONE_LEVEL: i64 = 150;

/// What creators had before they stood above all levels.
const CREATOR_LEVEL: i64 = 100;

/// The power levels of the new room: those of the old one, as the new version writes them.
pub(super) fn carried(old: &Head, upgrade: &Upgrade, version: RoomVersion) -> Content {
    let rules = &version.rules().authorization;
    let mut levels: Content = old
        .content("m.room.power_levels")
        .unwrap_or_else(|| default_power_levels(version, &upgrade.user));
    if rules.integer_power_levels {
        make_integers(&mut levels);
    }
    let old_rules = &old.version().rules().authorization;
    if rules.explicitly_privilege_room_creators {
        let additional = upgrade.additional_creators.iter();
        let creators: Vec<&str> = additional
            .map(|user| user.as_str())
            .chain([upgrade.user.as_str()])
            .collect();
        if let Some(Value::Object(users)) = levels.get_mut("users") {
            users.retain(|user, _| !creators.contains(&user.as_str()));
        }
        raise_tombstone(&mut levels);
    } else if old_rules.explicitly_privilege_room_creators {
        let users = object(&mut levels, "users");
        for creator in old.power().creators() {
            users.insert(creator.clone(), json!(CREATOR_LEVEL));
        }
    }
    levels
}

/// The power levels that the new room has while it is filled: nobody has more than whoever
/// fills it.
pub(super) fn first(version: RoomVersion, user: &UserId, levels: &Content) -> Content {
    let mut first = default_power_levels(version, user);
    let highest = levels.values().filter_map(highest_level).max();
    if let Some(Value::Object(users)) = first.get_mut("users")
        && let Some(own) = users.get_mut(user.as_str())
    {
        *own = json!(highest.unwrap_or(CREATOR_LEVEL).max(CREATOR_LEVEL));
    }
    first
}

fn highest_level(value: &Value) -> Option<i64> {
    match value {
        Value::Object(fields) => fields.values().filter_map(highest_level).max(),
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_i64(),
    }
}

/// The old room's power levels with ordinary events and invites closed to ordinary members;
/// `None` if they are closed already, or the room has none.
pub(super) fn closed(old: &Head) -> Option<Content> {
    let mut levels: Content = old.content("m.room.power_levels")?;
    let level = |levels: &Content, field: &str| levels.get(field).and_then(highest_level);
    let needed = 50.max(level(&levels, "users_default").unwrap_or(0) + 1);
    let mut changed = false;
    for (field, default) in [("events_default", 0), ("invite", 0)] {
        if level(&levels, field).unwrap_or(default) < needed {
            levels.insert(field.to_owned(), json!(needed));
            changed = true;
        }
    }
    changed.then_some(levels)
}

/// Old versions took levels as strings; the new one takes integers only.
fn make_integers(fields: &mut Content) {
    for value in fields.values_mut() {
        match value {
            Value::Object(inner) => make_integers(inner),
            Value::Number(number) if number.as_i64().is_none() => {
                let whole = number.as_f64().map(|number| format!("{number:.0}"));
                *value = json!(
                    whole
                        .and_then(|whole| whole.parse::<i64>().ok())
                        .unwrap_or(0)
                );
            }
            Value::String(text) => *value = json!(text.trim().parse::<i64>().unwrap_or(0)),
            _ => {}
        }
    }
}

fn raise_tombstone(levels: &mut Content) {
    let state_default = levels.get("state_default").and_then(Value::as_i64);
    let state_default = state_default.unwrap_or(50);
    let events = object(levels, "events");
    let tombstone = events.get("m.room.tombstone").and_then(Value::as_i64);
    if tombstone.is_none_or(|tombstone| tombstone <= state_default) {
        let level = TOMBSTONE_LEVEL.max(state_default + 1);
        events.insert("m.room.tombstone".to_owned(), json!(level));
    }
}

/// A field that is an object; whatever else stood there goes.
fn object<'a>(levels: &'a mut Content, field: &str) -> &'a mut Content {
    let value = levels.entry(field).or_insert(Value::Null);
    if !value.is_object() {
        *value = Value::Object(Content::new());
    }
    match value {
        Value::Object(fields) => fields,
        _ => unreachable!("it was made an object"),
    }
}
