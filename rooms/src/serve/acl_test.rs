use ruma::server_name;

use super::{Acl, glob};

#[test]
fn stars_and_question_marks() {
    for (pattern, text, fits) in [
        ("*", "", true),
        ("*", "a.b", true),
        ("*.example.org", "x.example.org", true),
        ("*.example.org", "example.org", false),
        ("ex?mple.org", "example.org", true),
        ("ex?mple.org", "exmple.org", false),
        ("*a*b", "xaxbxb", true),
        ("*a*b", "xaxbxc", false),
        ("", "", true),
        ("", "a", false),
    ] {
        assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
    }
    let (stars, long) = ("*a".repeat(2_000), "a".repeat(1_999));
    assert!(!glob(&stars, &long));
}

#[test]
fn what_is_denied_is_denied_first() {
    let acl = |allow: &[&str], deny: &[&str], allow_ip_literals| Acl {
        allow: allow.iter().map(ToString::to_string).collect(),
        deny: deny.iter().map(ToString::to_string).collect(),
        allow_ip_literals,
    };
    let evil = acl(&["*"], &["*.evil.org"], false);
    assert!(evil.allows(server_name!("good.org:8448")));
    assert!(!evil.allows(server_name!("a.evil.org:8448")));
    assert!(!evil.allows(server_name!("A.EVIL.org")));
    assert!(!evil.allows(server_name!("1.2.3.4")));
    assert!(!evil.allows(server_name!("[::1]:8448")));
    assert!(acl(&["*"], &[], true).allows(server_name!("1.2.3.4")));
    assert!(!acl(&[], &[], true).allows(server_name!("good.org")));
}
