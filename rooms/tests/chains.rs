//! The index of auth chains as it is stored with the events.

mod kitchen;

use causeway_events::auth_index::Reach;
use causeway_rooms::Append;
use causeway_testkit::TestDatabase;
use kitchen::Kitchen;
use ruma::{OwnedEventId, RoomVersionId, UserId, user_id};
use serde_json::json;
use sqlx::migrate::Migrator;
use sqlx::{PgPool, Row};

/// The migration that moved the index.
const MOVED: i64 = 5;

/// `(event_nid, chain, chain_seq, reach)` of an event.
type Stored = (i64, Option<i64>, Option<i32>, Option<Vec<u8>>);

async fn stored(pool: &PgPool, id: &OwnedEventId) -> Stored {
    let row =
        sqlx::query_as("SELECT event_nid, chain, chain_seq, reach FROM events WHERE event_id = $1");
    row.bind(id.as_str()).fetch_one(pool).await.expect("a row")
}

/// The first event of a type that a user sent.
async fn first_of(pool: &PgPool, sender: &UserId, event_type: &str) -> Stored {
    let row = sqlx::query_as(
        "SELECT event_nid, chain, chain_seq, reach FROM events WHERE sender = $1 AND type = $2
         ORDER BY anchor LIMIT 1",
    );
    let row = row.bind(sender.as_str()).bind(event_type);
    row.fetch_one(pool).await.expect("an event")
}

fn reach(stored: &Stored) -> Vec<(u64, u32)> {
    let packed = stored.3.as_deref().expect("in the index");
    Reach::unpack(packed).expect("packed").iter().collect()
}

fn number(stored: &Stored) -> u64 {
    stored.0.unsigned_abs()
}

#[tokio::test]
async fn an_event_that_begins_a_chain_stores_no_place() {
    let kitchen = Kitchen::open().await;
    let (alice, bob) = (user_id!("@alice:hs.test"), user_id!("@bob:hs.test"));
    let room = kitchen.room(RoomVersionId::V11, alice).await;
    kitchen.join(&room, bob).await;
    let renamed = |name: &str| {
        let content = json!({"membership": "join", "displayname": name});
        Append::one(kitchen.state(bob, "m.room.member", bob.as_str(), content))
    };
    let second = kitchen.rooms.append(&room, renamed("Bob")).await;
    // A node that has just started goes on where the other one stopped.
    let (_, _, cold, _) = kitchen::node(&kitchen.database).await;
    let third = cold.append(&room, renamed("Robert")).await;
    let message = kitchen.rooms.append(&room, kitchen.message(bob, "hello"));
    let message = message.await.expect("sent").event_ids.remove(0);

    let pool = kitchen.store.pool();
    let create = first_of(pool, alice, "m.room.create").await;
    let rules = first_of(pool, alice, "m.room.join_rules").await;
    let first = first_of(pool, bob, "m.room.member").await;
    let second = stored(pool, &second.expect("renamed").event_ids[0]).await;
    let third = stored(pool, &third.expect("renamed").event_ids[0]).await;

    assert_eq!((create.1, create.2), (None, None));
    assert!(reach(&create).is_empty());
    assert_eq!((first.1, first.2), (None, None));
    assert!(reach(&first).contains(&(number(&create), 1)));
    assert!(reach(&first).contains(&(number(&rules), 1)));
    assert_eq!((second.1, second.2), (Some(first.0), Some(2)));
    assert_eq!((third.1, third.2), (Some(first.0), Some(3)));
    assert_eq!(reach(&third), reach(&first), "nothing new is reached");
    assert_eq!(stored(pool, &message).await.3, None);
}

#[tokio::test]
async fn a_piece_of_a_chain_is_found_by_index() {
    let kitchen = Kitchen::open().await;
    let alice = user_id!("@alice:hs.test");
    let room = kitchen.room(RoomVersionId::V11, alice).await;
    let pool = kitchen.store.pool();
    let mut levels = Vec::new();
    for n in 1..5 {
        let content = json!({"users": {alice.as_str(): 100}, "events_default": n});
        let wish = kitchen.state(alice, "m.room.power_levels", "", content);
        let done = kitchen.rooms.append(&room, Append::one(wish)).await;
        levels.push(stored(pool, &done.expect("set").event_ids[0]).await.0);
    }
    // Of the piece with after < seq <= up_to: the chain's first event has the chain's number, the
    // others are a range of one index.
    let room = kitchen.rooms.head(&room).await.expect("a head").room().0;
    let query = "SELECT event_nid FROM events WHERE room_nid = $1 AND chain = $2
                 AND chain_seq > $3 AND chain_seq <= $4 ORDER BY chain_seq";
    let found = sqlx::query_scalar::<_, i64>(query)
        .bind(room)
        .bind(levels[0]);
    let found = found.bind(1).bind(3).fetch_all(pool).await;
    assert_eq!(found.expect("rows"), levels[1..3]);
    let mut connection = pool.acquire().await.expect("a connection");
    for statement in [
        "SET enable_seqscan = off",
        "SET plan_cache_mode = force_generic_plan",
    ] {
        sqlx::query(statement)
            .execute(&mut *connection)
            .await
            .expect("a setting");
    }
    let plan = sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(format!("EXPLAIN {query}")));
    let plan = plan.bind(room).bind(levels[0]).bind(1).bind(3);
    let plan = plan
        .fetch_all(&mut *connection)
        .await
        .expect("a plan")
        .join("\n");
    assert!(plan.contains("events_chain"), "{plan}");
    assert!(!plan.contains("Filter"), "{plan}");
}

/// What the table of before said, in its own packing: differences of chains, and places.
const OLD_INDEX: &str = "
    INSERT INTO auth_index (room_nid, event_nid, chain, seq, reach) VALUES
        (1, 1000, 1, 1, ''), (1, 2000, 3, 1, '\\x0101'), (1, 1500, 2, 1, '\\x01010201'),
        (1, 3000, 2, 2, '\\x01010202'), (1, 4000, 300, 1, '\\x01010102'), (2, 5000, 1, 1, '')";

#[tokio::test]
async fn the_table_of_before_is_taken_over() {
    let database = TestDatabase::create_empty().await;
    let pool = PgPool::connect(&database.url()).await.expect("a database");
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
    let migrator = Migrator::new(std::path::Path::new(directory)).await;
    let migrator = migrator.expect("migrations");
    migrator
        .run_to(MOVED - 1, &pool)
        .await
        .expect("the tables of before");
    for statement in [
        "INSERT INTO events (room_nid, event_nid, origin_ts, depth, line, step, event_id, type, sender,
                             prev_nids, auth_nids, json)
         SELECT CASE WHEN n = 5000 THEN 2 ELSE 1 END, n, 0, 0, 0, 0, '$' || n, 't', 's', '{}', '{}', '{}'
         FROM UNNEST('{1000,1500,2000,3000,4000,4500,5000}'::bigint[]) AS n",
        OLD_INDEX,
    ] {
        sqlx::query(statement).execute(&pool).await.expect("rows of before");
    }
    migrator.run(&pool).await.expect("the migration");
    let rows =
        sqlx::query("SELECT event_nid, chain, chain_seq, reach FROM events ORDER BY event_nid");
    let rows = rows.fetch_all(&pool).await.expect("rows");
    let rows: Vec<Stored> = rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect();
    let places: Vec<_> = rows.iter().map(|row| (row.0, row.1, row.2)).collect();
    let first = |nid| (nid, None, None);
    assert_eq!(
        places,
        [
            first(1000),
            first(1500),
            first(2000),
            (3000, Some(1500), Some(2)),
            first(4000),
            first(4500),
            first(5000),
        ]
    );
    // Chain 1 began with 1000, chain 2 with 1500, chain 3 with 2000.
    assert_eq!(reach(&rows[1]), [(1000, 1), (2000, 1)]);
    assert_eq!(reach(&rows[2]), [(1000, 1)]);
    assert_eq!(reach(&rows[3]), [(1000, 1), (2000, 2)]);
    assert_eq!(reach(&rows[4]), [(1000, 1), (1500, 2)]);
    assert_eq!(
        rows[5].3, None,
        "what was not in the index is not in it now"
    );
}
