use super::*;

#[test]
fn whole_ids_of_this_server_are_names_too() {
    assert_eq!(local_name("alice", "a.example"), "alice");
    assert_eq!(local_name("@alice:a.example", "a.example"), "alice");
    assert_eq!(
        local_name("@alice:b.example", "a.example"),
        "@alice:b.example"
    );
}

#[test]
fn without_a_server_nobody_is_there_to_ask() {
    let dir = std::env::temp_dir().join(format!("causeway-no-server-{}", std::process::id()));
    let asked = || call(&dir, &Request::List { after: None });
    assert!(matches!(asked(), Err(CallError::NoServer)));
    std::fs::create_dir(&dir).unwrap();
    let listener = std::os::unix::net::UnixListener::bind(dir.join(SOCKET)).unwrap();
    drop(listener);
    let after_a_crash = asked();
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(matches!(after_a_crash, Err(CallError::NoServer)));
}
