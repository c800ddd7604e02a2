use super::*;

fn policy(allowed: &[&str], denied: &[&str]) -> AddressPolicy {
    let ranges = |texts: &[&str]| texts.iter().map(|it| IpRange::parse(it).unwrap()).collect();
    AddressPolicy {
        allowed: ranges(allowed),
        denied: ranges(denied),
    }
}

#[test]
fn what_is_special_must_be_allowed() {
    let allows = |policy: &AddressPolicy, text: &str| policy.allows(text.parse().unwrap());
    let strict = policy(&[], &[]);
    assert!(allows(&strict, "1.1.1.1"));
    assert!(!allows(&strict, "10.1.2.3"));
    let open = policy(&["10.1.0.0/16", "::1"], &["10.1.9.0/24", "1.1.1.1"]);
    assert!(allows(&open, "10.1.2.3"));
    assert!(allows(&open, "::ffff:10.1.2.3"));
    assert!(allows(&open, "64:ff9b::10.1.2.3"));
    assert!(allows(&open, "::1"));
    assert!(!allows(&open, "10.2.0.1"));
    assert!(!allows(&open, "10.1.9.1"), "denied wins");
    assert!(!allows(&open, "1.1.1.1"));
    assert!(!allows(&open, "64:ff9b::1.1.1.1"), "in any wrapping");
    assert!(allows(&open, "1.1.1.2"));
}
