use super::is_gateway;

#[test]
fn only_gateways_are_taken() {
    for good in [
        "https://push.example.org/_matrix/push/v1/notify",
        "https://push.example.org:8443/_matrix/push/v1/notify?a=b",
        "http://localhost:4567/_matrix/push/v1/notify",
    ] {
        assert!(is_gateway(good), "{good}");
    }
    for bad in [
        "",
        "push.example.org",
        "http://push.example.org/_matrix/push/v1/notify",
        "http://localhost.example.org/_matrix/push/v1/notify",
        "https://push.example.org/",
        "https:///_matrix/push/v1/notify",
        "https://push.example.org/_matrix/push/v1/notify/../x",
    ] {
        assert!(!is_gateway(bad), "{bad}");
    }
}
