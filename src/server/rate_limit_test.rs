use std::time::Duration;

use super::{Action, Bucket, RateLimits, Subject};
use crate::config::{Limits, RateLimit};

fn limits(per_minute: u32, burst: u32) -> Limits {
    Limits::all(RateLimit { per_minute, burst })
}

#[test]
fn a_bucket_lets_its_burst_through_and_then_its_rate() {
    let bucket = Bucket::default();
    let rate = RateLimit {
        per_minute: 60,
        burst: 3,
    };
    let now = 5_000_000;
    for _ in 0..3 {
        assert_eq!(bucket.take(rate, now), Ok(()));
    }
    assert_eq!(bucket.take(rate, now), Err(Duration::from_secs(1)));
    assert_eq!(
        bucket.take(rate, now + 400_000),
        Err(Duration::from_millis(600))
    );
    assert_eq!(bucket.take(rate, now + 1_000_000), Ok(()));
    assert!(bucket.take(rate, now + 1_000_000).is_err());
    for _ in 0..3 {
        assert_eq!(bucket.take(rate, now + 60_000_000), Ok(()));
    }
    assert!(bucket.take(rate, now + 60_000_000).is_err());
}

#[test]
fn actions_and_subjects_have_their_own_buckets() {
    let limits = RateLimits::new(limits(1, 1));
    let one = Subject::address("192.0.2.1".parse().unwrap());
    let other = Subject::address("192.0.2.2".parse().unwrap());
    assert!(limits.take(Action::Login, one.clone(), 0).is_ok());
    assert!(limits.take(Action::Login, one.clone(), 0).is_err());
    assert!(limits.take(Action::Login, other, 0).is_ok());
    assert!(limits.take(Action::Register, one, 0).is_ok());
}

#[test]
fn limits_can_be_switched_off() {
    let limits = RateLimits::new(Limits {
        enabled: false,
        ..limits(1, 1)
    });
    for _ in 0..100 {
        let subject = Subject::address("192.0.2.1".parse().unwrap());
        assert!(limits.take(Action::Login, subject, 0).is_ok());
    }
}

#[test]
fn a_network_of_ipv6_is_one_subject() {
    let subject = |text: &str| Subject::address(text.parse().unwrap());
    assert_eq!(subject("2001:db8::1"), subject("2001:db8::ffff:1"));
    assert_ne!(subject("2001:db8::1"), subject("2001:db8:0:1::1"));
    assert_eq!(subject("::ffff:192.0.2.1"), subject("192.0.2.1"));
}
