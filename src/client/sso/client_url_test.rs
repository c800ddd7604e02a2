use super::ClientUrl;

fn client(text: &str) -> ClientUrl {
    ClientUrl::parse(text).unwrap()
}

#[test]
fn nobody_is_led_to_what_a_browser_would_run() {
    for text in [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " \tjavascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "blob:https://app.example.org/1",
        "file:///etc/passwd",
        "https://app.example.org@evil.example/",
        "//evil.example/",
        "/relative",
        "",
        "not an address",
    ] {
        assert!(ClientUrl::parse(text).is_err(), "{text}");
    }
    assert!(ClientUrl::parse(&format!("https://a.example/{}", "x".repeat(2_048))).is_err());
    for text in [
        "https://app.example.org/",
        "http://localhost:1234/",
        "element://connect",
        "org.example.app:/login",
    ] {
        assert!(ClientUrl::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn a_token_is_added_to_what_was_there() {
    let with = |text: &str| client(text).with_token("cwl_1");
    assert_eq!(
        with("https://a.example"),
        "https://a.example/?loginToken=cwl_1"
    );
    assert_eq!(
        with("https://a.example/x?a=b&c=%20d#/welcome"),
        "https://a.example/x?a=b&c=%20d&loginToken=cwl_1#/welcome"
    );
    assert_eq!(
        with("https://a.example/?loginToken=theirs&a=b"),
        "https://a.example/?a=b&loginToken=cwl_1"
    );
    assert_eq!(
        with("element://connect"),
        "element://connect?loginToken=cwl_1"
    );
}

#[test]
fn only_what_lies_below_a_trusted_address_is_trusted() {
    let trusted = [
        "https://app.example.org/web".to_owned(),
        "element://connect".to_owned(),
    ];
    for text in [
        "https://app.example.org/web",
        "https://app.example.org/web/",
        "https://app.example.org/web/a?b#c",
        "https://app.example.org:443/web",
        "element://connect",
    ] {
        assert!(client(text).is_trusted(&trusted), "{text}");
    }
    for text in [
        "http://app.example.org/web",
        "https://app.example.org/",
        "https://app.example.org/website",
        "https://app.example.org/web/../other",
        "https://app.example.org:444/web",
        "https://app.example.org.evil.example/web",
        "https://evil.example/https://app.example.org/web",
        "element://other",
    ] {
        assert!(!client(text).is_trusted(&trusted), "{text}");
    }
    // A host alone does not stand for those that begin like it.
    let host = ["https://app.example.org".to_owned()];
    assert!(client("https://app.example.org/any").is_trusted(&host));
    assert!(!client("https://app.example.org.evil.example/").is_trusted(&host));
    assert!(!client("https://app.example.organic/").is_trusted(&host));
}

#[test]
fn people_see_whose_it_is() {
    assert_eq!(
        client("https://app.example.org/x").site(),
        "app.example.org"
    );
    assert_eq!(client("http://127.0.0.1:80/x").site(), "http://127.0.0.1");
    assert_eq!(client("https://a.example:8/x").site(), "a.example:8");
    assert_eq!(client("element://connect").site(), "element:");
}
