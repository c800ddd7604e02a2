use serde_json::json;

use crate::house::{ALICE, BOB, House, Query, bodies, ids, parsed};

#[tokio::test]
async fn a_page_holds_what_the_filter_passes() {
    let house = House::build().await;
    let room = house.room("shared", &[]).await;
    house.member(&room, BOB, BOB, "join").await;
    let picture = json!({"msgtype": "m.image", "body": "picture", "url": "mxc://test/a"});
    let picture = house.send(&room, ALICE, picture).await;
    let nested = json!({"msgtype": "m.text", "body": "nested", "info": {"url": "x"}});
    house.send(&room, ALICE, nested).await;
    let words = house.say(&room, BOB, "words").await;
    let reaction =
        json!({"body": "reaction", "m.relates_to": {"rel_type": "m.thread", "event_id": picture}});
    house.send(&room, BOB, reaction).await;
    for (filter, expected) in [
        (
            json!({"types": ["m.room.mess*"], "senders": [BOB]}),
            vec!["reaction", "words"],
        ),
        (
            json!({"not_senders": [ALICE], "not_types": ["m.room.member"]}),
            vec!["reaction", "words"],
        ),
        (json!({"contains_url": true}), vec!["picture"]),
        (
            json!({"contains_url": false, "types": ["m.room.message"]}),
            vec!["reaction", "words", "nested"],
        ),
        (
            json!({"related_by_rel_types": ["m.thread"]}),
            vec!["picture"],
        ),
        (json!({"related_by_senders": [ALICE]}), vec![]),
        (
            json!({"related_by_senders": [BOB], "related_by_rel_types": ["m.thread"]}),
            vec!["picture"],
        ),
        (json!({"types": []}), vec![]),
        (json!({"not_rooms": [room]}), vec![]),
        (json!({"limit": 1}), vec!["reaction"]),
        (json!({"types": ["m_room_message"]}), vec![]),
    ] {
        let query = Query {
            filter: Some(filter.clone()),
            ..Query::default()
        };
        let chunk = house.page(&room, ALICE, query).await;
        assert_eq!(bodies(&chunk.events), expected, "{filter}");
    }
    let lazy = Query {
        filter: Some(json!({"lazy_load_members": true, "types": ["m.room.message"]})),
        limit: 2,
        ..Query::default()
    };
    let chunk = house.page(&room, ALICE, lazy).await;
    assert_eq!(ids(&chunk.events)[1], words.as_str());
    let state = parsed(&chunk.state);
    assert_eq!(state.len(), 1);
    assert_eq!(state[0]["state_key"], BOB);
}
