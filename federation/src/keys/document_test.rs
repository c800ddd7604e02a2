use causeway_testkit::RemoteKey;
use ruma::server_name;
use serde_json::{Value, json};

use super::*;

const NOW_MS: u64 = 1_000_000_000;

fn read(document: Value) -> Result<Document, DocumentError> {
    let object = serde_json::from_value(document).unwrap();
    Document::read(object, Some(server_name!("a.b")), NOW_MS)
}

#[test]
fn keys_are_valid_for_a_week_at_most_and_old_ones_up_to_their_end() {
    let first = RemoteKey::new("a.b", "1");
    let second = first.successor("2", 500);
    let document = read(second.document(NOW_MS + 5)).unwrap();
    let told: Vec<_> = document
        .keys
        .iter()
        .map(|key| (&*key.key_id, key.valid_until_ms))
        .collect();
    assert_eq!(told, [("ed25519:2", NOW_MS + 5), ("ed25519:1", 500)]);
    let document = read(second.document(NOW_MS * 9)).unwrap();
    assert_eq!(document.keys[0].valid_until_ms, NOW_MS + MAX_LIFETIME_MS);
    // A key cannot go out of use in the future.
    let document = read(first.successor("3", NOW_MS * 9).document(NOW_MS)).unwrap();
    assert_eq!(document.keys[1].valid_until_ms, NOW_MS);
}

#[test]
fn documents_must_be_signed_with_themselves() {
    let key = RemoteKey::new("a.b", "1");
    let good = key.document(NOW_MS);
    assert!(read(good.clone()).is_ok());
    let other = RemoteKey::new("x.y", "1").document(NOW_MS);
    assert_eq!(read(other).unwrap_err(), DocumentError::OtherServer);
    let mut changed = good.clone();
    changed["valid_until_ts"] = json!(NOW_MS + 1);
    assert_eq!(read(changed).unwrap_err(), DocumentError::Unsigned);
    let mut unsigned = good.clone();
    unsigned["signatures"] = json!({});
    assert_eq!(read(unsigned).unwrap_err(), DocumentError::Unsigned);
    // A key that is out of use signs nothing any more.
    let mut object = good;
    let stranger = RemoteKey::new("a.b", "1");
    object["old_verify_keys"] = json!({});
    object.as_object_mut().unwrap().remove("signatures");
    assert_eq!(
        read(stranger.signed(object)).unwrap_err(),
        DocumentError::Unsigned
    );
}

#[test]
fn malformed_documents_say_what_is_wrong() {
    let key = RemoteKey::new("a.b", "1");
    let many: serde_json::Map<String, Value> = (0..33)
        .map(|n| (format!("ed25519:x{n}"), json!({"key": "", "expired_ts": 1})))
        .collect();
    for (field, value, expected) in [
        ("server_name", json!(5), DocumentError::Field("server_name")),
        (
            "valid_until_ts",
            json!("1"),
            DocumentError::Field("valid_until_ts"),
        ),
        (
            "valid_until_ts",
            json!(-1),
            DocumentError::Field("valid_until_ts"),
        ),
        (
            "verify_keys",
            json!([]),
            DocumentError::Field("verify_keys"),
        ),
        (
            "verify_keys",
            json!({"ed25519:1": {"key": "AA"}}),
            DocumentError::Field("verify_keys"),
        ),
        ("verify_keys", json!({}), DocumentError::Unsigned),
        (
            "old_verify_keys",
            Value::Object(many),
            DocumentError::TooMany,
        ),
        (
            "old_verify_keys",
            json!({"ed25519:0": {"key": "AA", "expired_ts": 1}}),
            DocumentError::Field("old_verify_keys"),
        ),
    ] {
        let mut document = key.document(NOW_MS);
        document[field] = value;
        document.as_object_mut().unwrap().remove("signatures");
        assert_eq!(read(key.signed(document)).unwrap_err(), expected, "{field}");
    }
}

#[test]
fn a_notary_must_have_signed_too() {
    let key = RemoteKey::new("a.b", "1");
    let notary = RemoteKey::new("n.o", "n");
    let name = server_name!("n.o");
    let public = |document: Value| read(document).unwrap().keys[0].public_key;
    let notary_key = {
        let object = serde_json::from_value(notary.document(NOW_MS)).unwrap();
        Document::read(object, Some(name), NOW_MS).unwrap().keys[0].public_key
    };
    let alone = read(key.document(NOW_MS)).unwrap();
    let none = alone.check_notary(name, |_| Some(notary_key));
    assert_eq!(none, Err(DocumentError::NoNotary));
    let vouched = read(notary.signed(key.document(NOW_MS))).unwrap();
    assert_eq!(vouched.check_notary(name, |_| Some(notary_key)), Ok(()));
    assert_eq!(
        vouched.check_notary(name, |_| None),
        Err(DocumentError::NoNotary)
    );
    let wrong = public(key.document(NOW_MS));
    assert_eq!(
        vouched.check_notary(name, |_| Some(wrong)),
        Err(DocumentError::NoNotary)
    );
}
