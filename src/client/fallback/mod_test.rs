use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

#[test]
fn the_policy_lets_run_what_the_page_runs() {
    let hash = STANDARD.encode(Sha256::digest(super::TELL));
    assert_eq!(super::TELL_POLICY, format!("script-src 'sha256-{hash}'"));
}
