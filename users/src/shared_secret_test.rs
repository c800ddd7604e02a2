use super::*;

fn request(mac: &str, admin: bool) -> SharedSecretRequest {
    SharedSecretRequest {
        nonce: "n".to_owned(),
        username: "alice".to_owned(),
        password: Secret::new("pw"),
        admin,
        user_type: None,
        mac: mac.to_owned(),
    }
}

#[test]
fn the_mac_covers_nonce_name_password_and_role() {
    // printf 'n\0alice\0pw\0notadmin' | openssl sha1 -hmac reg_secret
    let right = "c7cd62499c358d094b2fd896bd721b07eb37662e";
    let secret = Secret::new("reg_secret");
    assert!(mac_is_right(&secret, &request(right, false)));
    assert!(!mac_is_right(&secret, &request(right, true)));
    assert!(!mac_is_right(&Secret::new("other"), &request(right, false)));
}

#[test]
fn a_mac_that_is_not_forty_digits_is_wrong() {
    let secret = Secret::new("reg_secret");
    for mac in ["", "zz", "é", &"+1".repeat(20), &"0".repeat(42)] {
        assert!(!mac_is_right(&secret, &request(mac, false)), "{mac}");
    }
}
