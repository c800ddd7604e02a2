use ruma::server_name;

use super::Acl;

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
