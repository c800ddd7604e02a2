use serde_json::json;
use serde_json::value::to_raw_value;

use super::signed::{fingerprint, object, signatures_of, signed_part, verifies};

/// The example of the appendices, "Signing JSON": an empty object, signed.
#[test]
fn the_example_of_the_specification_verifies() {
    let key = "XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJNI";
    let signature =
        "K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ";
    let empty = object(&to_raw_value(&json!({})).unwrap()).unwrap();
    assert!(verifies(&empty, key, signature));
    assert!(!verifies(&empty, key, &signature.replace('K', "L")));
    assert!(!verifies(&empty, "not base64!", signature));
    assert!(!verifies(&empty, "c2hvcnQ", signature));
    let other = object(&to_raw_value(&json!({"one": 1})).unwrap()).unwrap();
    assert!(!verifies(&other, key, signature));
}

#[test]
fn signatures_and_what_the_server_adds_are_not_signed() {
    let raw = json!({"b": 1, "a": 2, "signatures": {"@a:b": {"ed25519:X": "sig"}}, "unsigned": {}});
    let object = object(&to_raw_value(&raw).unwrap()).unwrap();
    assert_eq!(signed_part(&object).unwrap(), r#"{"a":2,"b":1}"#);
    let signatures: Vec<_> = signatures_of(&object, "@a:b").collect();
    assert_eq!(signatures, [("ed25519:X", "sig")]);
    assert_eq!(signatures_of(&object, "@c:d").count(), 0);
}

#[test]
fn a_fingerprint_passes_over_signatures_only() {
    let print =
        |key: serde_json::Value| fingerprint(&serde_json::from_value(key).unwrap()).unwrap();
    let key =
        |key: &str, signature: &str| json!({"key": key, "signatures": {"a": {"b": signature}}});
    assert_eq!(print(key("k", "s")), print(key("k", "t")));
    assert_ne!(print(key("k", "s")), print(key("l", "s")));
    assert_ne!(print(json!("k")), print(json!("l")));
}

#[test]
fn what_cannot_be_signed_is_refused() {
    for wrong in [json!([1]), json!("text"), json!({"float": 1.5})] {
        assert!(object(&to_raw_value(&wrong).unwrap()).is_err(), "{wrong}");
    }
}
