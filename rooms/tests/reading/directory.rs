use causeway_rooms::read::{HierarchyQuery, PublicRoomsQuery, ReadError};
use causeway_store::rooms::set_published;
use ruma::OwnedRoomId;
use serde_json::{Value, json};

use crate::house::{ALICE, BOB, House, user};

async fn named(house: &House, name: &str, more: &[(&str, &str, Value)]) -> OwnedRoomId {
    let mut state = vec![("m.room.name", "", json!({"name": name}))];
    state.extend(more.iter().cloned());
    house.room("shared", &state).await
}

fn child(order: Option<&str>, suggested: bool) -> Value {
    match order {
        Some(order) => json!({"via": ["test"], "order": order, "suggested": suggested}),
        None => json!({"via": ["test"], "suggested": suggested}),
    }
}

async fn names(house: &House, space: &OwnedRoomId, query: HierarchyQuery<'_>) -> Vec<String> {
    let found = house
        .reader
        .hierarchy(space, query, &user(BOB))
        .await
        .unwrap();
    found
        .rooms
        .into_iter()
        .filter_map(|room| room.body.name)
        .collect()
}

/// A space with children that are open, hidden, restricted, nested and gone; and the hidden one.
async fn many_children(house: &House) -> (OwnedRoomId, OwnedRoomId) {
    let is_space = ("m.room.create", "", json!({"type": "m.space"}));
    let private = ("m.room.join_rules", "", json!({"join_rule": "invite"}));
    let leaf = named(house, "leaf", &[]).await;
    let hidden = named(house, "hidden", std::slice::from_ref(&private)).await;
    let club = named(house, "club", &[private]).await;
    house.member(&club, ALICE, BOB, "invite").await;
    house.member(&club, BOB, BOB, "join").await;
    let allow = json!({"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": club}]});
    let restricted = named(house, "restricted", &[("m.room.join_rules", "", allow)]).await;
    let inner = named(house, "inner", std::slice::from_ref(&is_space)).await;
    house
        .set(
            &inner,
            ALICE,
            "m.space.child",
            leaf.as_str(),
            child(None, true),
        )
        .await;
    let top = named(house, "top", &[is_space]).await;
    for (room, content) in [
        (&restricted, child(None, false)),
        (&hidden, child(Some("a"), true)),
        (&inner, child(Some("b"), true)),
        // A loop, and a child that was taken out.
        (&top, child(Some("c"), true)),
        (&club, json!({})),
    ] {
        house
            .set(&top, ALICE, "m.space.child", room.as_str(), content)
            .await;
    }
    (top, hidden)
}

#[tokio::test]
async fn a_space_is_walked_depth_first_past_what_is_hidden() {
    let house = House::build().await;
    let (top, hidden) = many_children(&house).await;
    let all = HierarchyQuery::default();
    assert_eq!(
        names(&house, &top, all).await,
        ["top", "inner", "leaf", "restricted"]
    );
    let suggested = HierarchyQuery {
        suggested_only: true,
        ..all
    };
    assert_eq!(
        names(&house, &top, suggested).await,
        ["top", "inner", "leaf"]
    );
    let shallow = HierarchyQuery {
        max_depth: Some(1),
        ..all
    };
    assert_eq!(
        names(&house, &top, shallow).await,
        ["top", "inner", "restricted"]
    );
    let page = HierarchyQuery {
        limit: Some(3),
        ..all
    };
    let first = house
        .reader
        .hierarchy(&top, page, &user(BOB))
        .await
        .unwrap();
    assert_eq!(first.rooms.len(), 3);
    assert_eq!(first.rooms[0].children_state.len(), 4);
    let next = first.next_batch.unwrap();
    let rest = HierarchyQuery {
        from: Some(&next),
        ..all
    };
    assert_eq!(names(&house, &top, rest).await, ["restricted"]);
    let changed = HierarchyQuery {
        suggested_only: true,
        ..rest
    };
    let changed = house.reader.hierarchy(&top, changed, &user(BOB)).await;
    assert!(matches!(changed, Err(ReadError::ChangedParameters)));
    let refused = house.reader.hierarchy(&hidden, all, &user(BOB)).await;
    assert!(matches!(refused, Err(ReadError::Forbidden)));
}

#[tokio::test]
async fn a_summary_is_for_those_who_may_know_of_the_room() {
    let house = House::build().await;
    let encryption = (
        "m.room.encryption",
        "",
        json!({"algorithm": "m.megolm.v1.aes-sha2"}),
    );
    let public = named(&house, "public", &[encryption]).await;
    let body = house.reader.summary(&public, None).await.unwrap();
    assert_eq!(
        body.body.encryption.as_deref(),
        Some("m.megolm.v1.aes-sha2")
    );
    assert_eq!(body.body.room_version.as_deref(), Some("12"));
    assert_eq!(body.membership, None);
    let known = house
        .reader
        .summary(&public, Some(&user(ALICE)))
        .await
        .unwrap();
    assert_eq!(known.membership, Some("join"));
    let private = ("m.room.join_rules", "", json!({"join_rule": "invite"}));
    let secret = named(&house, "secret", &[private]).await;
    let refused = house.reader.summary(&secret, Some(&user(BOB))).await;
    assert!(matches!(refused, Err(ReadError::RoomNotFound)));
    house.member(&secret, ALICE, BOB, "invite").await;
    let invited = house
        .reader
        .summary(&secret, Some(&user(BOB)))
        .await
        .unwrap();
    assert_eq!(invited.membership, Some("invite"));
}

/// Three rooms and a space in the directory, and a room that is not in it.
async fn published(house: &House) {
    let mut rooms = Vec::new();
    for (name, topic) in [
        ("Tea", "drinks"),
        ("Coffee \"house\"", "drinks"),
        ("50%_off", "sale"),
    ] {
        let room = named(
            house,
            name,
            &[("m.room.topic", "", json!({"topic": topic}))],
        )
        .await;
        rooms.push(room);
    }
    let is_space = ("m.room.create", "", json!({"type": "m.space"}));
    rooms.push(named(house, "Space", &[is_space]).await);
    house.member(&rooms[1], BOB, BOB, "join").await;
    named(house, "not listed", &[]).await;
    for room in &rooms {
        let nid = house.rooms.head(room).await.unwrap().room();
        set_published(&house.store, nid, true).await.unwrap();
    }
}

async fn listed(house: &House, query: PublicRoomsQuery<'_>) -> (Vec<String>, Option<String>, u64) {
    let found = house.reader.public_rooms(query).await.unwrap();
    let names = found.chunk.into_iter().filter_map(|room| room.name);
    (
        names.collect(),
        found.next_batch,
        found.total_room_count_estimate,
    )
}

#[tokio::test]
async fn the_directory_is_searched_and_paged() {
    let house = House::build().await;
    published(&house).await;
    let all = PublicRoomsQuery::default();
    let (found, next, total) = listed(
        &house,
        PublicRoomsQuery {
            limit: Some(3),
            ..all
        },
    )
    .await;
    assert_eq!(found, ["Coffee \"house\"", "Tea", "50%_off"]);
    assert_eq!(total, 4);
    let (found, next, _) = listed(
        &house,
        PublicRoomsQuery {
            since: next.as_deref(),
            ..all
        },
    )
    .await;
    assert_eq!(found, ["Space"]);
    assert_eq!(next, None);
    for (search, expected) in [
        ("DRINKS", 2),
        ("\"house", 1),
        ("%", 1),
        ("_off", 1),
        ("join_rule", 0),
        ("@alice", 0),
    ] {
        let (found, ..) = listed(
            &house,
            PublicRoomsQuery {
                search: Some(search),
                ..all
            },
        )
        .await;
        assert_eq!(found.len(), expected, "{search}");
    }
    let spaces = [Some("m.space".to_owned())];
    let (found, ..) = listed(
        &house,
        PublicRoomsQuery {
            room_types: Some(&spaces),
            ..all
        },
    )
    .await;
    assert_eq!(found, ["Space"]);
    let (found, ..) = listed(
        &house,
        PublicRoomsQuery {
            room_types: Some(&[None]),
            ..all
        },
    )
    .await;
    assert_eq!(found.len(), 3);
}
