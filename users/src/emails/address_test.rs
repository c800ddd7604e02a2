use super::*;

#[test]
fn addresses_are_read_in_small_letters() {
    for (text, address) in [
        ("Alice@Example.ORG", "alice@example.org"),
        (" a.b+c@example.org ", "a.b+c@example.org"),
        ("x@localhost", "x@localhost"),
        ("käthe@example.org", "käthe@example.org"),
    ] {
        let read = EmailAddress::parse(text).map(|address| address.to_string());
        assert_eq!(read.as_deref(), Some(address));
    }
}

#[test]
fn what_could_be_read_otherwise_is_no_address() {
    let long = format!("{}@example.org", "a".repeat(65));
    let longer = format!("a@{}", "a.".repeat(150));
    for text in [
        "",
        "alice",
        "@example.org",
        "alice@",
        "a@b@example.org",
        "\"a b\"@example.org",
        "a b@example.org",
        "a\r\nBcc: b@example.org",
        "<a@example.org>",
        "a,b@example.org",
        "a;b@example.org",
        "a(b)@example.org",
        ".a@example.org",
        "a..b@example.org",
        "a@-example.org",
        "a@exam ple.org",
        "a@example..org",
        "a@[127.0.0.1]",
        long.as_str(),
        longer.as_str(),
    ] {
        assert!(EmailAddress::parse(text).is_none(), "{text:?}");
    }
}
