//! Reads probe indexes: no table of rooms is read from end to end, however large others are.

use causeway_rooms::read::{EventFilter, HierarchyQuery, MembersQuery, RelationsQuery};
use causeway_store::timeline::Direction;
use serde_json::json;
use sqlx::PgPool;

use crate::house::{ALICE, BOB, House, Query, asker, user};

/// Tables that grow with what is said in rooms.
const LARGE: [&str; 7] = [
    "events",
    "state_changes",
    "state_lines",
    "relations",
    "redactions",
    "memberships",
    "current_state",
];

/// Repetitions of each read: after five, Postgres may choose a plan without looking at values.
const REPETITIONS: usize = 8;

/// Fills many further rooms with rows like those of the first one.
async fn crowd(pool: &PgPool) {
    for statement in [
        "INSERT INTO events SELECT e.room_nid + g * 10000000::bigint, e.event_nid + g * 10000000::bigint, e.anchor, e.anchor_offset,
             e.origin_ts, e.depth, e.line, e.step, e.current_line, e.current_step, e.key_nid, e.replaces, e.flags,
             e.event_id || g, e.type, e.sender, e.device_id, NULL, e.prev_nids, e.auth_nids, e.json
         FROM events e, generate_series(1, 100) g",
        "INSERT INTO state_changes SELECT room_nid + g * 10000000::bigint, event_nid + g * 10000000::bigint, line, step, key_nid
         FROM state_changes, generate_series(1, 100) g",
        "INSERT INTO state_lines SELECT room_nid + g * 10000000::bigint, line, parent_line, parent_step, height
         FROM state_lines, generate_series(1, 20000) g",
        "INSERT INTO relations SELECT room_nid + g * 10000000::bigint, child_nid + g * 10000000::bigint, anchor, anchor_offset,
             parent_id || g, rel_type, type, sender FROM relations, generate_series(1, 100) g",
        "INSERT INTO redactions SELECT room_nid + g * 10000000::bigint, target_id || g, redaction_nid + g * 10000000::bigint
         FROM redactions, generate_series(1, 20000) g",
        "INSERT INTO memberships SELECT room_nid + g * 10000000::bigint, user_id || g, membership, is_local, forgotten, was_joined,
             key_nid, event_nid + g * 10000000::bigint, sender, position, display_name, avatar_url
         FROM memberships, generate_series(1, 20000) g",
        "INSERT INTO current_state SELECT room_nid + g * 10000000::bigint, key_nid, event_nid + g * 10000000::bigint
         FROM current_state, generate_series(1, 20000) g",
        "ANALYZE",
    ] {
        sqlx::query(statement).execute(pool).await.unwrap();
    }
}

async fn whole_reads(pool: &PgPool) -> Vec<(String, i64)> {
    sqlx::query("SELECT pg_stat_force_next_flush()")
        .execute(pool)
        .await
        .unwrap();
    sqlx::query_as("SELECT relname::text, seq_scan FROM pg_stat_user_tables WHERE relname = ANY($1) ORDER BY 1")
        .bind(&LARGE[..])
        .fetch_all(pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn no_large_table_is_read_from_end_to_end() {
    let house = House::build_with(1).await;
    let room = house.room("shared", &[]).await;
    let mut last = house.say(&room, ALICE, "first").await;
    for n in 0..200 {
        let content = json!({"msgtype": "m.text", "body": n.to_string(),
                             "m.relates_to": {"rel_type": "m.thread", "event_id": last}});
        let sent = house.send(&room, ALICE, content).await;
        if n % 20 == 0 {
            house.member(&room, BOB, BOB, "join").await;
            house
                .set(
                    &room,
                    ALICE,
                    "m.room.topic",
                    "",
                    json!({"topic": n.to_string()}),
                )
                .await;
            house.member(&room, BOB, BOB, "leave").await;
            last = sent;
        }
    }
    house.redact(&room, ALICE, &last).await;
    let pool = house.store.pool();
    crowd(pool).await;
    let before = whole_reads(pool).await;
    for _ in 0..REPETITIONS {
        for who in [ALICE, BOB] {
            read_everything(&house, &room, &last, who).await;
        }
    }
    assert_eq!(whole_reads(pool).await, before);
}

async fn read_everything(
    house: &House,
    room: &ruma::OwnedRoomId,
    event: &ruma::OwnedEventId,
    who: &str,
) {
    let (reader, asker) = (&house.reader, asker(who));
    for direction in [Direction::Backward, Direction::Forward] {
        let filter = json!({"lazy_load_members": true, "related_by_senders": [ALICE]});
        let query = Query {
            direction,
            limit: 20,
            filter: Some(filter),
            ..Query::default()
        };
        house.page(room, who, query).await;
        reader
            .event_near(room, 1_700_000_100_000, direction, &asker)
            .await
            .unwrap();
    }
    let everything = EventFilter::default();
    reader.event(room, event, &asker).await.unwrap();
    reader
        .context(room, event, Some(10), &everything, &asker)
        .await
        .unwrap();
    reader.state(room, &asker).await.unwrap();
    reader
        .state_event(room, "m.room.topic", "", &asker)
        .await
        .unwrap();
    reader
        .members(room, MembersQuery::default(), &asker)
        .await
        .unwrap();
    reader
        .threads(room, true, None, Some(5), &asker)
        .await
        .unwrap();
    let relations = RelationsQuery {
        rel_type: None,
        event_type: None,
        direction: Direction::Backward,
        from: None,
        to: None,
        limit: Some(5),
        recurse: true,
    };
    reader
        .relations(room, event, relations, &asker)
        .await
        .unwrap();
    reader.summary(room, Some(&user(who))).await.unwrap();
    reader
        .hierarchy(room, HierarchyQuery::default(), &user(who))
        .await
        .unwrap();
}
