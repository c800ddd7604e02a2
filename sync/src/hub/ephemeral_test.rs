//! Who types and who is there, as the hub tells it.

use causeway_store::RoomNid;
use ruma::owned_user_id;

use super::Look;
use super::hub_test::{answer, bob, hub, look, token};
use crate::filter::Filter;
use crate::presence::State;

#[test]
fn who_was_not_in_memory_hears_that_nobody_types_any_more() {
    let room = RoomNid(1);
    let mut hub = hub(&[room]);
    let alice = owned_user_id!("@alice:example.org");
    hub.set_typing(room, &alice, Some(1_000), 0);
    let told = hub.ephemeral;
    hub.set_typing(room, &alice, None, 0);
    // What Bob was told is forgotten.
    let user = hub.users.get_mut(&bob()).unwrap();
    user.news.clear();
    user.news_floor = hub.ephemeral;
    let typing = |since: u64| {
        let news = hub.ephemeral_since(&bob(), since).rooms;
        news.into_iter().map(|room| room.typing).collect::<Vec<_>>()
    };
    assert_eq!(typing(told), [Some(Vec::new())]);
    assert!(typing(0).is_empty());
    assert!(typing(hub.ephemeral).is_empty());
}

#[test]
fn typing_and_presence_are_told_once_and_end() {
    let room = RoomNid(1);
    let mut hub = hub(&[room]);
    let start = token(&hub);
    let alice = owned_user_id!("@alice:example.org");
    hub.set_typing(room, &alice, Some(1_000), 0);
    let told = answer(&hub, start, &Filter::default());
    assert_eq!(told.joined[0].typing, Some(vec![alice.clone()]));
    // Saying it again is no news.
    hub.set_typing(room, &alice, Some(2_000), 0);
    assert!(matches!(look(&hub, told.next), Look::Nothing));
    hub.expire_typing(2_000);
    let ended = answer(&hub, told.next, &Filter::default());
    assert_eq!(ended.joined[0].typing, Some(Vec::new()));
    hub.set_presence(&bob(), State::Online, None, 5);
    hub.spread_presence();
    let there = answer(&hub, ended.next, &Filter::default());
    assert_eq!(there.presence.len(), 1);
    assert!(matches!(look(&hub, there.next), Look::Nothing));
}
