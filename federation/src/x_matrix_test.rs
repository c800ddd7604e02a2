use causeway_events::signed::{base64_bytes, verifies};
use ruma::server_name;

use super::*;

fn parsed(header: &str) -> XMatrix {
    XMatrix::parse(header).unwrap_or_else(|| panic!("{header}"))
}

#[test]
fn headers_are_read_in_all_their_forms() {
    let plain = parsed(r#"X-Matrix origin="a.b",destination="c.d:1",key="ed25519:k",sig="S+/g""#);
    assert_eq!(plain.origin, "a.b");
    assert_eq!(plain.destination.as_deref(), Some(server_name!("c.d:1")));
    assert_eq!((&*plain.key_id, &*plain.signature), ("ed25519:k", "S+/g"));
    for other in [
        r#"x-matrix  origin=a.b , destination=c.d:1,	key=ed25519:k,sig=S+/g"#,
        r#"X-Matrix sig="S+/g",KEY="ed25519:k",Origin="a.b",more="x,\"y",destination="c.d:1""#,
        r#"X-Matrix origin="a\.b",destination="c.d:\1",key="ed25519:k",sig="S+/g""#,
    ] {
        assert_eq!(parsed(other), plain, "{other}");
    }
    let old = parsed(r#"X-Matrix origin=a.b,key="ed25519:k",sig="S+/g""#);
    assert_eq!(old.destination, None);
}

#[test]
fn malformed_headers_are_none() {
    let long = format!(
        r#"X-Matrix origin="a.b",key="k",sig="{}""#,
        "x".repeat(3_000)
    );
    for header in [
        "",
        "X-Matrix",
        "X-Matrix ",
        "Bearer abc",
        r#"X-Matrix origin="a.b",key="k""#,
        r#"X-Matrix origin="a.b",key="k",sig="#,
        r#"X-Matrix origin="a.b",key="k",sig="open"#,
        r#"X-Matrix origin="a.b",key="k",sig="s" "t""#,
        r#"X-Matrix origin="a.b",origin="c.d",key="k",sig="s""#,
        r#"X-Matrix origin="not a name",key="k",sig="s""#,
        r#"X-Matrix origin="a.b",destination="",key="k",sig="s""#,
        "X-Mätrix origin=a.b,key=k,sig=s",
        &long,
    ] {
        assert_eq!(XMatrix::parse(header), None, "{header}");
    }
}

#[test]
fn what_is_signed_is_what_is_checked() {
    let key = ServerKey::generate(server_name!("a.b").to_owned(), "k").unwrap();
    let to = server_name!("c.d");
    let body = canonical(r#"{"b": [1, 2], "a": "é"}"#).unwrap();
    let header = XMatrix::sign(&key, to, "PUT", "/x?y=%20", Some(&body));
    let claim = parsed(&header);
    let signature = base64_bytes(&claim.signature).unwrap();
    let holds = |method: &str, uri: &str, body: Option<&str>| {
        let text = claim.signed_text(method, uri, body);
        verifies(&key.public_key(), &signature, text.as_bytes())
    };
    assert!(holds("PUT", "/x?y=%20", Some(&body)));
    assert!(!holds("POST", "/x?y=%20", Some(&body)));
    assert!(!holds("PUT", "/x?y= ", Some(&body)));
    assert!(!holds("PUT", "/x?y=%20", Some("{}")));
    assert!(!holds("PUT", "/x?y=%20", None));
    let text = claim.signed_text("PUT", "/x?y=%20", Some(&body));
    assert_eq!(
        text,
        r#"{"content":{"a":"é","b":[1,2]},"destination":"c.d","method":"PUT","origin":"a.b","uri":"/x?y=%20"}"#
    );
    assert_eq!(
        canonical(&text).unwrap(),
        text,
        "the text is canonical JSON"
    );
}
