use causeway_rooms::read::{RelatedChunk, RelationsQuery};
use causeway_store::timeline::Direction;
use ruma::{OwnedEventId, OwnedRoomId};
use serde_json::{Value, json};

use crate::house::{ALICE, BOB, House, asker, bodies, ids};

fn related(kind: &str, parent: &OwnedEventId, body: &str) -> Value {
    json!({"msgtype": "m.text", "body": body,
           "m.relates_to": {"rel_type": kind, "event_id": parent}})
}

fn edit(parent: &OwnedEventId, body: &str) -> Value {
    let mut content = related("m.replace", parent, &format!("* {body}"));
    content["m.new_content"] = json!({"msgtype": "m.text", "body": body});
    content
}

async fn event(house: &House, room: &OwnedRoomId, id: &OwnedEventId, who: &str) -> Value {
    let event = house.reader.event(room, id, &asker(who)).await.unwrap();
    serde_json::from_str(&event).unwrap()
}

async fn duet(house: &House) -> OwnedRoomId {
    let room = house.room("shared", &[]).await;
    house.member(&room, BOB, BOB, "join").await;
    room
}

#[tokio::test]
async fn the_latest_valid_edit_is_bundled() {
    let house = House::build().await;
    let room = duet(&house).await;
    let original = house.say(&room, ALICE, "one").await;
    house.send(&room, ALICE, edit(&original, "two")).await;
    let last = house.send(&room, ALICE, edit(&original, "three")).await;
    // Neither somebody else's edit nor one without new content counts.
    house.send(&room, BOB, edit(&original, "four")).await;
    house
        .send(&room, ALICE, related("m.replace", &original, "five"))
        .await;
    let seen = event(&house, &room, &original, BOB).await;
    let replaced = &seen["unsigned"]["m.relations"]["m.replace"];
    assert_eq!(replaced["event_id"], last.as_str());
    assert_eq!(replaced["content"]["m.new_content"]["body"], "three");
    assert_eq!(seen["content"]["body"], "one");
    // An edit that is redacted gives way to the one before.
    house.redact(&room, ALICE, &last).await;
    let seen = event(&house, &room, &original, BOB).await;
    let replaced = &seen["unsigned"]["m.relations"]["m.replace"];
    assert_eq!(replaced["content"]["m.new_content"]["body"], "two");
    let gone = event(&house, &room, &last, BOB).await;
    assert_eq!(gone["content"], json!({}));
    let because = &gone["unsigned"]["redacted_because"];
    assert_eq!(because["type"], "m.room.redaction");
    assert_eq!(because["content"]["reason"], "no");
}

#[tokio::test]
async fn threads_and_references_are_summarised() {
    let house = House::build().await;
    let room = duet(&house).await;
    let root = house.say(&room, ALICE, "root").await;
    house
        .send(&room, ALICE, related("m.thread", &root, "1"))
        .await;
    let latest = house
        .send(&room, ALICE, related("m.thread", &root, "2"))
        .await;
    house.send(&room, ALICE, edit(&latest, "2b")).await;
    let reference = house
        .send(&room, BOB, related("m.reference", &root, "see"))
        .await;
    let seen = event(&house, &room, &root, BOB).await;
    let relations = &seen["unsigned"]["m.relations"];
    let thread = &relations["m.thread"];
    assert_eq!(thread["count"], 2);
    assert_eq!(thread["current_user_participated"], false);
    assert_eq!(thread["latest_event"]["event_id"], latest.as_str());
    let edited = &thread["latest_event"]["unsigned"]["m.relations"]["m.replace"];
    assert_eq!(edited["content"]["m.new_content"]["body"], "2b");
    assert_eq!(
        relations["m.reference"]["chunk"],
        json!([{"event_id": reference}])
    );
    let seen = event(&house, &room, &root, ALICE).await;
    let thread = &seen["unsigned"]["m.relations"]["m.thread"];
    assert_eq!(thread["current_user_participated"], true);
}

fn query(kind: Option<&str>, limit: u64) -> RelationsQuery<'_> {
    RelationsQuery {
        rel_type: kind,
        event_type: None,
        direction: Direction::Backward,
        from: None,
        to: None,
        limit: Some(limit),
        recurse: false,
    }
}

async fn list(
    house: &House,
    room: &OwnedRoomId,
    parent: &OwnedEventId,
    query: RelationsQuery<'_>,
) -> RelatedChunk {
    let bob = asker(BOB);
    let found = house.reader.relations(room, parent, query, &bob);
    found.await.unwrap()
}

#[tokio::test]
async fn related_events_are_paged_and_filtered() {
    let house = House::build().await;
    let room = duet(&house).await;
    let parent = house.say(&room, ALICE, "parent").await;
    let mut sent = Vec::new();
    for n in 0..5 {
        let content = related("m.thread", &parent, &n.to_string());
        sent.push(house.send(&room, ALICE, content).await.to_string());
    }
    let child: OwnedEventId = sent[0].as_str().try_into().unwrap();
    let edited = house.send(&room, ALICE, edit(&child, "0b")).await;
    sent.reverse();
    let first = list(&house, &room, &parent, query(Some("m.thread"), 3)).await;
    assert_eq!(ids(&first.events), sent[..3]);
    let next = first.next.unwrap().to_string();
    let rest = RelationsQuery {
        from: Some(&next),
        ..query(Some("m.thread"), 3)
    };
    let rest = list(&house, &room, &parent, rest).await;
    assert_eq!(ids(&rest.events), sent[3..]);
    assert!(rest.next.is_none());
    let none = list(&house, &room, &parent, query(Some("m.replace"), 3)).await;
    assert!(none.events.is_empty());
    let deep = RelationsQuery {
        recurse: true,
        direction: Direction::Forward,
        ..query(None, 50)
    };
    let deep = list(&house, &room, &parent, deep).await;
    assert_eq!(deep.events.len(), 6);
    assert_eq!(ids(&deep.events).last().unwrap(), edited.as_str());
    assert_eq!(deep.recursion_depth, Some(3));
    let other_type = RelationsQuery {
        event_type: Some("m.sticker"),
        ..query(None, 5)
    };
    assert!(
        list(&house, &room, &parent, other_type)
            .await
            .events
            .is_empty()
    );
}

#[tokio::test]
async fn threads_are_listed_by_their_newest_event() {
    let house = House::build().await;
    let room = duet(&house).await;
    let a = house.say(&room, ALICE, "a").await;
    let b = house.say(&room, ALICE, "b").await;
    let c = house.say(&room, BOB, "c").await;
    for (root, who) in [(&a, ALICE), (&b, ALICE), (&c, ALICE), (&a, BOB)] {
        house.send(&room, who, related("m.thread", root, "x")).await;
    }
    let threads = |participated, from: Option<String>, limit| {
        let (reader, room) = (house.reader.clone(), room.clone());
        async move {
            let bob = asker(BOB);
            let found = reader.threads(&room, participated, from.as_deref(), limit, &bob);
            found.await.unwrap()
        }
    };
    let first = threads(false, None, Some(2)).await;
    assert_eq!(bodies(&first.events), ["a", "c"]);
    let next = first.next.map(|next| next.to_string());
    let rest = threads(false, next, Some(2)).await;
    assert_eq!(bodies(&rest.events), ["b"]);
    assert!(rest.next.is_none());
    let own = threads(true, None, None).await;
    assert_eq!(bodies(&own.events), ["a", "c"]);
}
