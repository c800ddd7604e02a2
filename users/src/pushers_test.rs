use super::gateway_of;

#[test]
fn only_gateways_are_taken() {
    for (good, host) in [
        (
            "https://push.example.org/_matrix/push/v1/notify",
            "push.example.org",
        ),
        (
            "https://push.example.org:8443/_matrix/push/v1/notify?a=b",
            "push.example.org:8443",
        ),
    ] {
        assert_eq!(gateway_of(good, false), Some(host));
    }
    let plain = "http://localhost:4567/_matrix/push/v1/notify";
    assert_eq!(gateway_of(plain, true), Some("localhost:4567"));
    for bad in [
        "",
        "push.example.org",
        plain,
        "http://push.example.org/_matrix/push/v1/notify",
        "https://push.example.org/",
        "https:///_matrix/push/v1/notify",
        "https://push.example.org/_matrix/push/v1/notify/../x",
        "https://somebody:secret@push.example.org/_matrix/push/v1/notify",
    ] {
        assert_eq!(gateway_of(bad, false), None, "{bad}");
    }
}
