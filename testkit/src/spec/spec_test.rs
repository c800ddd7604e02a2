use reqwest::Method;
use serde_json::json;

use super::Specification;

const SYNC: &str = "/_matrix/client/v3/sync";
const CREATE: &str = "/_matrix/client/v3/createRoom";
const JSON: &str = "application/json";

#[test]
fn a_literal_path_wins_over_a_parameter() {
    let spec = Specification::load();
    let found = spec.find(&Method::GET, "/_matrix/client/v3/pushrules/global/");
    assert_eq!(found.len(), 1);
    assert!(
        found[0].name().contains("pushrules/global/ "),
        "{}",
        found[0].name()
    );
}

#[test]
fn legacy_paths_and_empty_state_keys_are_found() {
    let spec = Specification::load();
    for path in [
        "/_matrix/client/r0/sync",
        "/_matrix/client/v3/rooms/!a:b/state/m.room.name",
        "/_matrix/client/v3/rooms/!a:b/state/m.room.name/",
    ] {
        assert_eq!(spec.find(&Method::GET, path).len(), 1, "{path}");
    }
    assert!(
        spec.find(&Method::GET, "/_matrix/client/v3/nothing")
            .is_empty()
    );
    assert!(spec.find(&Method::DELETE, SYNC).is_empty());
}

#[test]
fn requests_are_judged() {
    let spec = Specification::load();
    let sync = spec.find(&Method::GET, SYNC);
    let query = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    };
    assert_eq!(
        spec.check_request(&sync, &query(&[("timeout", "10")]), None),
        Ok(())
    );
    assert!(
        spec.check_request(&sync, &query(&[("timeout", "soon")]), None)
            .is_err()
    );
    assert!(
        spec.check_request(&sync, &query(&[("nonsense", "1")]), None)
            .is_err()
    );
    let create = spec.find(&Method::POST, CREATE);
    assert_eq!(
        spec.check_request(&create, &[], Some(&json!({"name": "x"}))),
        Ok(())
    );
    assert!(
        spec.check_request(&create, &[], Some(&json!({"name": 1})))
            .is_err()
    );
    assert!(
        spec.check_request(&create, &[], Some(&json!({"invite": ["bob"]})))
            .is_err()
    );
    assert!(spec.check_request(&create, &[], None).is_err());
}

#[test]
fn answers_are_judged() {
    let spec = Specification::load();
    let create = spec.find(&Method::POST, CREATE);
    let check = |status, body: serde_json::Value| {
        spec.check_answer(&create, status, JSON, body.to_string().as_bytes())
    };
    assert_eq!(check(200, json!({"room_id": "!a"})), Ok(()));
    assert!(check(200, json!({"room_id": "a"})).is_err());
    assert!(check(200, json!({})).is_err());
    assert_eq!(
        check(403, json!({"errcode": "M_FORBIDDEN", "error": "no"})),
        Ok(())
    );
    assert!(check(403, json!({"errcode": "M_FORBIDDEN"})).is_err());
    assert!(check(404, json!({})).is_err());
    assert!(check(500, json!({"errcode": "M_UNKNOWN", "error": "oh"})).is_err());
    assert!(
        spec.check_answer(&create, 200, "text/plain", b"{\"room_id\":\"!a\"}")
            .is_err()
    );
}

#[test]
fn every_schema_compiles() {
    let spec = Specification::load();
    for operation in &spec.operations {
        for status in [200, 400, 401, 403, 404] {
            let Some(answer) = operation.answer(status) else {
                continue;
            };
            if let Some(schema) = answer.pointer("/content/application~1json/schema") {
                super::compile(&operation.name(), schema);
            }
        }
        if let Some(schema) = operation.body_schema() {
            super::compile(&operation.name(), schema);
        }
    }
}
