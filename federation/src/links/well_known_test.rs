use super::*;

fn of(cache_control: &str) -> u64 {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, cache_control.parse().unwrap());
    lifetime_ms(&headers)
}

#[test]
fn documents_are_kept_as_long_as_they_say_within_limits() {
    assert_eq!(lifetime_ms(&HeaderMap::new()), 24 * 3_600_000);
    assert_eq!(of("public, max-age=3600"), 3_600_000);
    assert_eq!(of("Max-Age=\"7200\""), 7_200_000);
    assert_eq!(of("max-age=1"), 300_000);
    assert_eq!(of("no-store"), 300_000);
    assert_eq!(of("max-age=99999999999999999"), 48 * 3_600_000);
    assert_eq!(of("max-age=soon"), 24 * 3_600_000);
}
