//! Reading: the first `/sync` of somebody in many rooms, and all of a long history page by page.
//!
//!     CAUSEWAY_TEST_DATABASE_URL=... cargo bench --bench reading [-- ROOMS MEMBERS MESSAGES]
//!
//! The peer is Postgres alone, which gives the same JSON over one connection in the same run: all
//! members of the rooms in one statement, or the messages of a page in one statement for each page.

mod load;
#[path = "load/rooms.rs"]
mod rooms;

use std::time::{Duration, Instant};

use anyhow::Context;
use causeway_store::rooms::find_room;
use causeway_testkit::{ServerOptions, TestServer};
use load::{Connection, ms, quantiles, resident_bytes};
use rooms::LocalRooms;
use ruma::{OwnedRoomId, UserId};
use serde_json::Value;
use sqlx::PgPool;

/// Messages in each of the many rooms.
const RECENT: usize = 12;
/// How often a first sync is repeated.
const REPEATS: usize = 9;
/// Events on a page.
const PAGE: i64 = 100;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let rooms = numbers.next().unwrap_or(300);
    let members = numbers.next().unwrap_or(300);
    let messages = numbers.next().unwrap_or(100_000);
    let mut server = TestServer::start_with(ServerOptions::default()).await;
    let alice = server.user("alice").await;
    let token = alice.access_token().to_owned();
    let pool = PgPool::connect(&server.database().url()).await?;
    server.stop().await;
    let history = prepare(&server, alice.id(), [rooms, members, messages]).await?;
    sqlx::query("VACUUM ANALYZE").execute(&pool).await?;
    server.restart().await;
    caught_up(&server, &pool).await?;
    let resident = resident_bytes(server.process_id().unwrap_or_default())?;
    println!("memory of the server before: {} MiB", resident >> 20);
    for (name, filter) in [
        ("all members", "{}"),
        (
            "lazy loading",
            r#"{"room":{"state":{"lazy_load_members":true}}}"#,
        ),
    ] {
        first_sync(&server, &token, name, filter).await?;
    }
    let (bytes, took) = members_alone(&pool, alice.id()).await?;
    println!(
        "Postgres alone, all members: {}, {} KiB",
        ms(took),
        bytes >> 10
    );
    let resident = resident_bytes(server.process_id().unwrap_or_default())?;
    println!("memory of the server after: {} MiB", resident >> 20);
    pages(&server, &token, &history).await?;
    pages_alone(&pool, &history).await
}

/// Makes the rooms, and one with a long history, which it gives.
async fn prepare(
    server: &TestServer,
    alice: &str,
    [rooms, members, messages]: [usize; 3],
) -> anyhow::Result<(OwnedRoomId, i64)> {
    let start = Instant::now();
    let alice = UserId::parse(alice)?;
    let local = LocalRooms::open(&server.database().url(), alice.server_name()).await?;
    for _ in 0..rooms {
        let room = local.create(&alice).await?;
        local.join(&room, 1..members).await?;
        local.say(&room, &local.user(1), RECENT).await?;
    }
    let history = local.create(&alice).await?;
    local.say(&history, &alice, messages).await?;
    let row = find_room(&local.store, &history)
        .await?
        .context("the room")?;
    println!(
        "{rooms} rooms of {members}, {messages} messages: made in {:.0} s",
        start.elapsed().as_secs_f64()
    );
    Ok((history, row.room.0))
}

/// Waits until the readers of the log have seen all of it.
async fn caught_up(server: &TestServer, pool: &PgPool) -> anyhow::Result<()> {
    let end: i64 = sqlx::query_scalar("SELECT position FROM log_head")
        .fetch_one(pool)
        .await?;
    let late = Instant::now() + Duration::from_secs(300);
    loop {
        let behind: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM log_readers WHERE name = 'push' AND position < $1",
        )
        .bind(end)
        .fetch_one(pool)
        .await?;
        if behind == 0 {
            return Ok(());
        }
        anyhow::ensure!(
            Instant::now() < late,
            "the readers are behind: {}",
            server.log()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn first_sync(
    server: &TestServer,
    token: &str,
    name: &str,
    filter: &str,
) -> anyhow::Result<()> {
    let mut connection = Connection::open(&server.url()).await?;
    let path = format!(
        "/_matrix/client/v3/sync?timeout=0&filter={}",
        encoded(filter)
    );
    let (mut times, mut bytes) = (Vec::new(), 0);
    for _ in 0..REPEATS {
        let start = Instant::now();
        let (status, answer) = connection.call("GET", &path, token, "").await?;
        anyhow::ensure!(
            status == 200,
            "{status} {}",
            String::from_utf8_lossy(answer)
        );
        bytes = answer.len();
        times.push(start.elapsed());
    }
    let cold = times[0];
    let (median, _) = quantiles(&mut times);
    let queries = server.requests().last().context("a request")?.queries();
    println!(
        "first sync, {name}: {} at first, then {} (median of {REPEATS}), {queries} queries, {} KiB",
        ms(cold),
        ms(median),
        bytes >> 10
    );
    Ok(())
}

async fn members_alone(pool: &PgPool, alice: &str) -> anyhow::Result<(usize, Duration)> {
    let (mut times, mut bytes) = (Vec::new(), 0);
    for _ in 0..REPEATS {
        let start = Instant::now();
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT e.json FROM memberships own
             JOIN memberships m ON m.room_nid = own.room_nid
             JOIN events e ON e.room_nid = m.room_nid AND e.event_nid = m.event_nid
             WHERE own.user_id = $1",
        )
        .bind(alice)
        .fetch_all(pool)
        .await?;
        bytes = rows.iter().map(String::len).sum();
        times.push(start.elapsed());
    }
    Ok((bytes, quantiles(&mut times).0))
}

/// Reads a room's history from its end to its beginning.
async fn pages(
    server: &TestServer,
    token: &str,
    (room, _): &(OwnedRoomId, i64),
) -> anyhow::Result<()> {
    let mut connection = Connection::open(&server.url()).await?;
    let (mut from, mut times, mut events, mut bytes) = (String::new(), Vec::new(), 0, 0);
    loop {
        let path = format!("/_matrix/client/v3/rooms/{room}/messages?dir=b&limit={PAGE}{from}");
        let start = Instant::now();
        let (status, answer) = connection.call("GET", &path, token, "").await?;
        times.push(start.elapsed());
        anyhow::ensure!(
            status == 200,
            "{status} {}",
            String::from_utf8_lossy(answer)
        );
        bytes += answer.len();
        let answer: Value = serde_json::from_slice(answer)?;
        events += answer["chunk"].as_array().map_or(0, Vec::len);
        match answer["end"].as_str() {
            Some(end) => from = format!("&from={end}"),
            None => break,
        }
    }
    let queries: Vec<u64> = server
        .requests()
        .iter()
        .filter(|line| line.mentions("messages"))
        .map(causeway_testkit::RequestLine::queries)
        .collect();
    let all: Duration = times.iter().sum();
    let (pages, first, last) = (times.len(), times[1], times[times.len() - 2]);
    let (median, p99) = quantiles(&mut times);
    println!(
        "/messages: {events} events in {pages} pages, {:.1} s, {} KiB; a page: median {}, 99 % {}, the second {}, the last but one {}; {} to {} queries",
        all.as_secs_f64(),
        bytes >> 10,
        ms(median),
        ms(p99),
        ms(first),
        ms(last),
        queries.iter().min().context("pages")?,
        queries.iter().max().context("pages")?,
    );
    Ok(())
}

async fn pages_alone(pool: &PgPool, (_, room): &(OwnedRoomId, i64)) -> anyhow::Result<()> {
    let (mut before, mut times) = (i64::MAX, Vec::new());
    loop {
        let start = Instant::now();
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "SELECT anchor, json FROM events WHERE room_nid = $1 AND anchor < $2 ORDER BY anchor DESC LIMIT $3",
        )
        .bind(room)
        .bind(before)
        .bind(PAGE)
        .fetch_all(pool)
        .await?;
        times.push(start.elapsed());
        match rows.last() {
            Some((anchor, _)) => before = *anchor,
            None => break,
        }
    }
    let (median, p99) = quantiles(&mut times);
    println!(
        "Postgres alone, a page: median {}, 99 % {}",
        ms(median),
        ms(p99)
    );
    Ok(())
}

/// As it stands in a query.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
