//! Values that fit a schema, as far as the specification's schemas say what fits, with what the
//! server really has wherever a field's name tells what it is about.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, RngExt as _};
use serde_json::{Map, Value, json};

use super::world::Known;

/// How deep a value is made: the specification's schemas are not recursive, but wide.
const DEPTH: u32 = 8;

/// Makes a value of a schema.
pub fn value(schema: &Value, name: &str, known: &Known, rng: &mut StdRng) -> Value {
    shaped(schema, name, known, rng, DEPTH)
}

fn shaped(schema: &Value, name: &str, known: &Known, rng: &mut StdRng, depth: u32) -> Value {
    if depth == 0 {
        return json!({});
    }
    let plain = !["array", "object"]
        .iter()
        .any(|kind| schema["type"] == *kind);
    if (plain || ["auth", "identifier"].contains(&name))
        && rng.random_bool(0.8)
        && let Some(value) = known.value(name, rng)
    {
        return value;
    }
    if let Some(allowed) = schema["enum"].as_array() {
        return allowed.choose(rng).cloned().unwrap_or_default();
    }
    if let Some(forms) = schema["anyOf"].as_array()
        && let Some(form) = forms.choose(rng)
    {
        return shaped(form, name, known, rng, depth);
    }
    match kind_of(schema, rng) {
        "object" => Value::Object(object(schema, known, rng, depth)),
        "array" => {
            let items = rng.random_range(0..3);
            let made = (0..items).map(|_| shaped(&schema["items"], name, known, rng, depth - 1));
            Value::Array(made.collect())
        }
        "integer" | "number" => json!(rng.random_range(0..30)),
        "boolean" => json!(rng.random_bool(0.5)),
        "null" => Value::Null,
        _ => Value::String(text(schema, known, rng)),
    }
}

fn kind_of<'a>(schema: &'a Value, rng: &mut StdRng) -> &'a str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => kinds.choose(rng).and_then(Value::as_str).unwrap_or("null"),
        _ if schema["properties"].is_object() || schema["allOf"].is_array() => "object",
        _ => ["string", "integer", "boolean", "object"]
            .choose(rng)
            .copied()
            .unwrap_or("string"),
    }
}

fn object(schema: &Value, known: &Known, rng: &mut StdRng, depth: u32) -> Map<String, Value> {
    let mut map = Map::new();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        map.extend(object(part, known, rng, depth));
    }
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        if required.contains(&name.as_str()) || rng.random_bool(0.5) {
            map.insert(name.clone(), shaped(inner, name, known, rng, depth - 1));
        }
    }
    let free = &schema["additionalProperties"];
    if free.is_object() {
        map.insert(known.key(rng), shaped(free, "", known, rng, depth - 1));
    }
    for (pattern, inner) in schema["patternProperties"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let key = match pattern.as_str() {
            "^@" => known.text("userId", rng),
            "^!" => known.text("roomId", rng),
            _ => known.key(rng),
        };
        map.insert(key, shaped(inner, "", known, rng, depth - 1));
    }
    map
}

fn text(schema: &Value, known: &Known, rng: &mut StdRng) -> String {
    let kind = schema["format"]
        .as_str()
        .or(schema["x-pattern-format"].as_str());
    match kind.unwrap_or_default() {
        "mx-user-id" => known.text("userId", rng),
        "mx-room-id" => known.text("roomId", rng),
        "mx-event-id" => known.text("eventId", rng),
        "mx-room-alias" => known.text("roomAlias", rng),
        "mx-mxc-uri" => format!("mxc://{}/{}", known.server(), known.text("mediaId", rng)),
        "mx-server-name" => known.server().to_owned(),
        "uri" => "http://localhost/".to_owned(),
        _ => word(rng),
    }
}

/// A short word.
pub fn word(rng: &mut StdRng) -> String {
    let words = [
        "a",
        "word",
        "m.room.message",
        "Bob",
        "0",
        "x.y",
        "grüße",
        "b",
    ];
    let word = words.choose(rng).copied().unwrap_or_default();
    format!("{word}{}", rng.next_u32() % 10)
}
