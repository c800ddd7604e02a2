use causeway_users::reports::ReportError;
use ruma::{room_id, user_id};

use crate::office;

#[tokio::test]
async fn accounts_are_listed_in_pages() {
    let office = office().await;
    for name in ["carol", "alice", "bob"] {
        office.register(name).await;
    }
    let first = office.users.list(None, 2).await.unwrap();
    let names: Vec<&str> = first
        .iter()
        .map(|account| account.user_id.as_str())
        .collect();
    assert_eq!(names, ["@alice:example.org", "@bob:example.org"]);
    let rest = office.users.list(Some(names[1]), 2).await.unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].user_id, "@carol:example.org");
}

#[tokio::test]
async fn an_openid_token_names_its_user_for_an_hour() {
    let office = office().await;
    let alice = office.register("alice").await.user_id;
    let token = office.users.create_openid_token(&alice).await.unwrap();
    let find = || office.users.find_openid_user(token.expose());
    assert_eq!(find().await.unwrap().as_deref(), Some(&*alice));
    assert_eq!(office.users.find_openid_user("other").await.unwrap(), None);
    office.clock.advance_ms(3_600_000);
    assert_eq!(find().await.unwrap(), None);
}

#[tokio::test]
async fn only_what_exists_can_be_reported() {
    let office = office().await;
    let alice = office.register("alice").await.user_id;
    let bob = office.register("bob").await.user_id;
    office
        .users
        .report_user(&alice, &bob, Some("rude"))
        .await
        .unwrap();
    office
        .users
        .report_user(&alice, user_id!("@x:other.org"), None)
        .await
        .unwrap();
    let nobody = user_id!("@nobody:example.org");
    let refused = office.users.report_user(&alice, nobody, None).await;
    assert!(matches!(refused, Err(ReportError::NotFound)));
    let room = room_id!("!nowhere:example.org");
    let refused = office.users.report_room(&alice, room, None).await;
    assert!(matches!(refused, Err(ReportError::NotFound)));
}

#[tokio::test]
async fn strangers_are_not_found_in_the_directory() {
    let office = office().await;
    let alice = office.register("alice").await.user_id;
    office.register("bob").await;
    let found = office
        .users
        .search_directory(&alice, "bob", 10)
        .await
        .unwrap();
    assert!(found.people.is_empty());
    assert!(!found.limited);
    for term in ["", "  ", "%", "\0", "_\\"] {
        let found = office
            .users
            .search_directory(&alice, term, 10)
            .await
            .unwrap();
        assert!(found.people.is_empty(), "{term:?}");
    }
}
