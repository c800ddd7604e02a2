//! Searching 1,000,000 messages in 300 rooms: how long it takes, for words as rare and as frequent
//! as people say them.
//!
//!     CAUSEWAY_TEST_DATABASE_URL=... cargo bench --bench search [-- MESSAGES]

mod load;

use std::time::{Duration, Instant};

use anyhow::Context;
use causeway_testkit::{ServerOptions, TestClient, TestServer};
use load::{Connection, ms, quantiles};
use serde_json::{Value, json};
use sqlx::PgPool;

const ROOMS: usize = 300;
const FEW_ROOMS: usize = 3;
/// Words of the language: the n-th is said as often as the first, divided by n.
const WORDS: f64 = 50_000.0;
const WORDS_PER_MESSAGE: i32 = 10;
const SEARCHES: usize = 300;
const LIMIT: Duration = Duration::from_millis(200);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let messages: i64 = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .next()
        .unwrap_or(1_000_000);
    let options = ServerOptions::default().text("log.filter", "warn");
    let mut server = TestServer::start_with(options).await;
    let pool = PgPool::connect(&server.database().url()).await?;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    for n in 0..ROOMS {
        let room = alice.create_room(json!({"preset": "public_chat"})).await;
        alice.say(&room, "TEMPLATE").await;
        if n % (ROOMS / FEW_ROOMS) == 0 {
            bob.join(&room).await;
        }
    }
    server.stop().await;
    fill(&pool, messages).await?;
    let start = Instant::now();
    server.restart().await;
    indexed(&pool).await?;
    let took = start.elapsed();
    println!(
        "{messages} messages gone through in {:.0} s: {:.0} /s",
        took.as_secs_f64(),
        messages as f64 / took.as_secs_f64()
    );
    sqlx::query("VACUUM ANALYZE search_words")
        .execute(&pool)
        .await?;
    sqlx::query("VACUUM ANALYZE events").execute(&pool).await?;
    let (table, indexes): (i64, i64) =
        sqlx::query_as("SELECT pg_table_size('search_words'), pg_indexes_size('search_words')")
            .fetch_one(&pool)
            .await?;
    println!(
        "bytes per message: table {}, indexes {}",
        table / messages,
        indexes / messages
    );
    let mut worst = Duration::ZERO;
    for (name, client) in [("300 rooms", &alice), ("3 rooms", &bob)] {
        for order in ["recent", "rank"] {
            let p95 = searches(&server, client, name, order).await?;
            worst = worst.max(p95);
        }
    }
    anyhow::ensure!(worst < LIMIT, "95 % is {}, over its limit", ms(worst));
    Ok(())
}

/// Messages like the one of each room, with words of their own, in the order of the log.
async fn fill(pool: &PgPool, messages: i64) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut tx = pool.begin().await?;
    sqlx::query("SET LOCAL synchronous_commit = off")
        .execute(&mut *tx)
        .await?;
    sqlx::query("SELECT setval('nids', nextval('nids') + $1 + 1024)")
        .bind(messages)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "WITH template AS (
             SELECT *, row_number() OVER (ORDER BY event_nid) - 1 AS nth, count(*) OVER () AS all_rooms
             FROM events WHERE type = 'm.room.message'),
         start AS (SELECT (SELECT max(event_nid) FROM events) + 1024 AS nid, position FROM log_head)
         INSERT INTO events (room_nid, event_nid, anchor, origin_ts, depth, line, step, event_id, type, sender,
                             prev_nids, auth_nids, json)
         SELECT t.room_nid, s.nid + g, s.position + g, t.origin_ts + g, t.depth, t.line, t.step,
                '$' || md5(g::text) || md5((-g)::text), t.type, t.sender, t.prev_nids, t.auth_nids,
                replace(t.json, 'TEMPLATE', (
                    SELECT string_agg('w' || floor(exp(random() * ln($2::float8)))::bigint, ' ')
                    FROM generate_series(1, $3 + 0 * g::int)))
         FROM generate_series(1, $1) g CROSS JOIN start s
         JOIN template t ON t.nth = (hashint8(g)::bigint + 2147483648) % t.all_rooms",
    )
    .bind(messages)
    .bind(WORDS)
    .bind(WORDS_PER_MESSAGE)
    .execute(&mut *tx)
    .await?;
    for statement in [
        "UPDATE log_head SET position = position + $1",
        // The new positions have no entries: no reader may wait for them.
        "UPDATE log_readers SET position = (SELECT position FROM log_head) + 0 * $1",
        "UPDATE search_filling SET room_nid = 0, event_nid = 0, done = $1 < 0",
    ] {
        sqlx::query(statement)
            .bind(messages)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    sqlx::query("VACUUM ANALYZE events").execute(pool).await?;
    println!("filled in {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

async fn indexed(pool: &PgPool) -> anyhow::Result<()> {
    loop {
        let done: bool = sqlx::query_scalar("SELECT done FROM search_filling")
            .fetch_one(pool)
            .await?;
        if done {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Searches for one to three words, as rare as they are said. Gives the 95th percentile.
async fn searches(
    server: &TestServer,
    client: &TestClient,
    name: &str,
    order: &str,
) -> anyhow::Result<Duration> {
    let mut connection = Connection::open(&server.url()).await?;
    let mut chance = Chance(7);
    let mut times = Vec::with_capacity(SEARCHES);
    let (mut found, mut slowest) = (0, (Duration::ZERO, String::new()));
    for n in 0..SEARCHES {
        let words: Vec<String> = (0..=n % 3)
            .map(|_| format!("w{}", (chance.next() * WORDS.ln()).exp().floor()))
            .collect();
        let term = words.join(" ");
        let criteria = json!({
            "search_term": term, "order_by": order, "filter": {"limit": 20},
            "event_context": {"before_limit": 1, "after_limit": 1, "include_profile": true},
        });
        let body = json!({"search_categories": {"room_events": criteria}}).to_string();
        let start = Instant::now();
        let path = "/_matrix/client/v3/search";
        let (status, answer) = connection
            .call("POST", path, client.access_token(), &body)
            .await?;
        let took = start.elapsed();
        anyhow::ensure!(
            status == 200,
            "{status} {}",
            String::from_utf8_lossy(answer)
        );
        let answer: Value = serde_json::from_slice(answer)?;
        let events = answer["search_categories"]["room_events"]["results"]
            .as_array()
            .context("results")?;
        found += usize::from(!events.is_empty());
        if took > slowest.0 {
            slowest = (took, term);
        }
        times.push(took);
    }
    let (median, p99) = quantiles(&mut times);
    let p95 = times[times.len() * 95 / 100];
    println!(
        "{name}, {order}: median {}, 95 % {}, 99 % {}, slowest {} ({}), {found} of {SEARCHES} found something",
        ms(median),
        ms(p95),
        ms(p99),
        ms(slowest.0),
        slowest.1,
    );
    Ok(p95)
}

/// Numbers from 0 to 1, the same in each run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}
