//! Requests of an operation: right ones, and ones with a fault or two.

use causeway_testkit::path;
use causeway_testkit::spec::Operation;
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::world::Known;
use super::{shapes, spoil};

/// A request as it is sent.
pub struct Request {
    pub method: Method,
    /// Path and query, encoded.
    pub target: String,
    pub content_type: Option<&'static str>,
    pub body: Option<Vec<u8>>,
    pub authorization: Option<String>,
}

/// A request in its parts, which can be spoilt one by one.
struct Parts {
    method: Method,
    segments: Vec<String>,
    /// Which of the segments are parameters.
    parameters: Vec<usize>,
    query: Vec<(String, String)>,
    body: Option<Value>,
}

/// Makes a request with as many `faults`; none makes it right as far as the schemas tell.
pub fn make(
    operation: &Operation,
    known: &Known,
    token: &str,
    faults: u32,
    rng: &mut StdRng,
) -> Request {
    let mut parts = right(operation, known, rng);
    let mut authorization = Some(format!("Bearer {token}"));
    let mut content_type = Some("application/json");
    for _ in 0..faults {
        match rng.random_range(0..20) {
            0 => {
                let methods = [
                    "GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE",
                ];
                let method = methods.choose(rng).copied().unwrap_or("GET");
                parts.method = method.parse().expect("a method");
            }
            1 => authorization = None,
            2 => {
                authorization = Some(
                    [
                        "Bearer",
                        "Bearer ",
                        "Basic YTpi",
                        "Bearer x",
                        "X-Matrix a=b",
                    ]
                    .choose(rng)
                    .copied()
                    .unwrap_or_default()
                    .to_owned(),
                )
            }
            3 => {
                content_type = [
                    None,
                    Some("text/plain"),
                    Some("application/json; charset=utf-16"),
                    Some("/;="),
                ]
                .choose(rng)
                .copied()
                .flatten()
            }
            4..=7 => spoil_path(&mut parts, rng),
            8..=11 => spoil_query(&mut parts, operation, rng),
            _ => match &mut parts.body {
                Some(body) => spoil::body(body, rng),
                None => spoil_query(&mut parts, operation, rng),
            },
        }
    }
    assemble(parts, content_type, authorization, faults, rng)
}

fn right(operation: &Operation, known: &Known, rng: &mut StdRng) -> Parts {
    let mut segments = Vec::new();
    let mut parameters = Vec::new();
    for (place, segment) in operation.template().split('/').skip(1).enumerate() {
        let name = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
        match name {
            Some(name) => {
                parameters.push(place);
                segments.push(known.text(name, rng));
            }
            None => segments.push(segment.to_owned()),
        }
    }
    let mut query = Vec::new();
    for parameter in operation.parameters().filter(|p| p["in"] == "query") {
        let name = parameter["name"].as_str().unwrap_or_default();
        if parameter["required"] == true || rng.random_bool(0.4) {
            let made = match name {
                // Waiting is no fault: what is asked for is short.
                "timeout" | "timeout_ms" => json!(rng.random_range(0..50)),
                _ => shapes::value(&parameter["schema"], name, known, rng),
            };
            for item in made.as_array().unwrap_or(&vec![made.clone()]) {
                let text = item
                    .as_str()
                    .map_or_else(|| item.to_string(), str::to_owned);
                query.push((name.to_owned(), text));
            }
        }
    }
    let body = operation.body_schema();
    Parts {
        method: operation.method().parse().expect("a method"),
        segments,
        parameters,
        query,
        body: body.map(|schema| shapes::value(schema, "", known, rng)),
    }
}

fn spoil_path(parts: &mut Parts, rng: &mut StdRng) {
    match parts.parameters.choose(rng) {
        Some(place) => parts.segments[*place] = spoil::text(rng),
        None if rng.random_bool(0.3) => parts.segments.push(spoil::text(rng)),
        None => parts.query.push((spoil::text(rng), spoil::text(rng))),
    }
}

fn spoil_query(parts: &mut Parts, operation: &Operation, rng: &mut StdRng) {
    let names: Vec<&str> = operation
        .parameters()
        .filter(|p| p["in"] == "query")
        .filter_map(|p| p["name"].as_str())
        .collect();
    let name = match names.choose(rng) {
        Some(name) if rng.random_bool(0.8) => (*name).to_owned(),
        _ => {
            let others = [
                "limit",
                "user_id",
                "access_token",
                "org.matrix.msc4140.delay",
                "ts",
                "from",
                "x",
            ];
            others.choose(rng).copied().unwrap_or_default().to_owned()
        }
    };
    if rng.random_bool(0.2) {
        parts.query.retain(|(given, _)| *given != name);
        return;
    }
    let text = if rng.random_bool(0.4) {
        spoil::value(rng).to_string()
    } else {
        spoil::text(rng)
    };
    // A long wait is right to be granted, and would only make this test slow.
    let waits = name.starts_with("timeout") && text.parse::<u64>().is_ok_and(|ms| ms > 50);
    let text = if waits { "-5".to_owned() } else { text };
    if rng.random_bool(0.7) {
        parts.query.retain(|(given, _)| *given != name);
    }
    parts.query.push((name, text.chars().take(3000).collect()));
}

fn assemble(
    parts: Parts,
    content_type: Option<&'static str>,
    authorization: Option<String>,
    faults: u32,
    rng: &mut StdRng,
) -> Request {
    let segments: Vec<&str> = parts.segments.iter().map(String::as_str).collect();
    let mut target = path("", &segments);
    for (place, (name, text)) in parts.query.iter().enumerate() {
        target.push(if place == 0 { '?' } else { '&' });
        target.push_str(&path("", &[name])[1..]);
        target.push('=');
        target.push_str(&path("", &[text])[1..]);
    }
    if faults > 0 && rng.random_bool(0.03) {
        target.push_str("%ff%zz");
    }
    let body = parts.body.map(|body| match faults {
        0 => body.to_string().into_bytes(),
        _ => spoil::bytes(&body, rng),
    });
    Request {
        method: parts.method,
        target,
        content_type: content_type.filter(|_| body.is_some()),
        body,
        authorization,
    }
}
