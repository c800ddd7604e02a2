//! What is wrong in wrong requests.

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use serde_json::{Map, Value, json};

/// Stands in a body for JSON that no [`Value`] can hold.
const RAW: &str = "@raw@";

/// Texts that have troubled servers: empty, blank, with NUL, longer than any id, near-ids, numbers
/// out of range, paths, characters that change direction, and such that look like nothing.
pub fn text(rng: &mut StdRng) -> String {
    let texts = [
        "",
        " ",
        "\0",
        "a\0b",
        "%",
        "%00",
        "..",
        "../../etc/passwd",
        "null",
        "-1",
        "0x10",
        "1e999",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "s1_2_3",
        "s-1",
        "t0",
        "@",
        "!",
        "$",
        "#",
        "@:",
        "#:",
        "!:",
        "mxc://",
        "@a:b:c",
        "@a:[::1]:99999",
        "@\u{0}:localhost",
        "#\u{202e}:localhost",
        "!x",
        "$x:y",
        "\u{feff}",
        "\u{202e}txet",
        "\u{10ffff}",
        "\u{fffe}",
        "e\u{301}\u{301}",
        "\u{1f468}\u{200d}\u{1f469}",
        "'; DROP TABLE users; --",
        "%_\\",
        "*",
        "?",
        "[",
        "(",
        "{}",
        "[]",
        "{",
        "\"",
        "\\",
        "\r\n",
        "a/b",
        "localhost:99999999",
        "http://[",
        "javascript:alert(1)",
        "İ",
        "ß",
        "ǅ",
        "\u{7f}",
        "\u{85}",
    ];
    match rng.random_range(0..12) {
        0 => "x".repeat(rng.random_range(200..3000)),
        1 => format!("@{}:localhost", "u".repeat(rng.random_range(200..400))),
        2 => "\u{1f600}".repeat(rng.random_range(60..300)),
        _ => texts.choose(rng).copied().unwrap_or_default().to_owned(),
    }
}

/// Values of every type, at and beyond the limits of each.
pub fn value(rng: &mut StdRng) -> Value {
    match rng.random_range(0..20) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(0),
        3 => json!(-1),
        4 => json!(i64::MAX),
        5 => json!(i64::MIN),
        6 => json!(u64::MAX),
        7 => json!(9_007_199_254_740_991_i64),
        8 => json!(1.5),
        9 => json!(1e300),
        10 => json!([]),
        11 => json!({}),
        12 => json!([[[]], {}, null, 1, "a"]),
        13 => (0..60).fold(json!(1), |inner, _| json!([inner])),
        14 => (0..60).fold(json!(1), |inner, _| json!({"a": inner})),
        15 => json!(vec![text(rng); 300]),
        16 => {
            let keys = (0..200).map(|n| (format!("{}{n}", text(rng)), json!(n)));
            Value::Object(keys.collect::<Map<_, _>>())
        }
        17 => json!(RAW),
        _ => Value::String(text(rng)),
    }
}

/// Changes one place of a body, or all of it.
pub fn body(body: &mut Value, rng: &mut StdRng) {
    match body {
        Value::Object(map) if !map.is_empty() && rng.random_bool(0.85) => {
            let names: Vec<String> = map.keys().cloned().collect();
            let name = names.choose(rng).cloned().unwrap_or_default();
            match rng.random_range(0..8) {
                0 => drop(map.remove(&name)),
                1 => drop(map.insert(text(rng), value(rng))),
                2 => {
                    let moved = map.remove(&name).unwrap_or_default();
                    map.insert(text(rng), moved);
                }
                3 | 4 => drop(map.insert(name, value(rng))),
                _ => self::body(map.entry(name).or_insert(Value::Null), rng),
            }
        }
        Value::Array(items) if !items.is_empty() && rng.random_bool(0.7) => {
            let place = rng.random_range(0..items.len());
            if rng.random_bool(0.2) {
                let again = items[place].clone();
                items.push(again);
            } else {
                self::body(&mut items[place], rng);
            }
        }
        other => *other = value(rng),
    }
}

/// The body as it goes over the wire: with raw pieces in their places, now and then cut.
pub fn bytes(body: &Value, rng: &mut StdRng) -> Vec<u8> {
    let deep = format!("{}{}", "[".repeat(3000), "]".repeat(3000));
    let raw = [
        "1e400",
        "-0",
        "-0.0",
        "99999999999999999999999999",
        "1E-400",
        "NaN",
        "Infinity",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\u0000\"",
        "{\"a\":1,\"a\":{}}",
        "'a'",
        "01",
        "[1,]",
        "\"\\ud83d\\ude00\"",
        "\"\t\"",
        deep.as_str(),
    ];
    let raw = raw.choose(rng).copied().unwrap_or("1");
    let mut bytes = body
        .to_string()
        .replace(&format!("\"{RAW}\""), raw)
        .into_bytes();
    match rng.random_range(0..40) {
        0 => bytes.truncate(bytes.len() / 2),
        1 => bytes.clear(),
        2 => bytes.extend_from_slice(b"\xff\xfe"),
        3 => bytes.insert(0, 0),
        4 => bytes.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
        _ => {}
    }
    bytes
}
