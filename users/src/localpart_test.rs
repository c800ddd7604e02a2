use ruma::server_name;

use super::*;

#[test]
fn capitals_become_small() {
    let id = new_user_id("User-UPPER", server_name!("example.org")).unwrap();
    assert_eq!(id, "@user-upper:example.org");
}

#[test]
fn every_allowed_character_is_taken() {
    let id = new_user_id("q3._=-/+", server_name!("example.org")).unwrap();
    assert_eq!(id, "@q3._=-/+:example.org");
}

#[test]
fn other_characters_are_refused() {
    for c in "!\":?\\@[]{|}£é\n' ,".chars() {
        let name = format!("user-{c}");
        let refused = new_user_id(&name, server_name!("example.org"));
        assert_eq!(refused, Err(LocalpartError::Characters), "{c:?}");
    }
}

#[test]
fn empty_reserved_and_long_names_are_refused() {
    let server = server_name!("example.org");
    assert_eq!(new_user_id("", server), Err(LocalpartError::Empty));
    assert_eq!(
        new_user_id("_bridge", server),
        Err(LocalpartError::Reserved)
    );
    assert!(new_user_id(&"a".repeat(242), server).is_ok());
    assert_eq!(
        new_user_id(&"a".repeat(243), server),
        Err(LocalpartError::TooLong)
    );
}
