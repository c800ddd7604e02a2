//! One room, 1,000 members who all wait in `/sync`, 10 messages per second: does everybody get
//! everything once and in order, how soon, and for how much CPU.
//!
//!     CAUSEWAY_TEST_DATABASE_URL=... cargo bench --bench fan_out [-- SECONDS]

mod load;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use causeway_testkit::{ServerOptions, TestServer};
use load::{Connection, PATIENCE, cpu_of, cpu_of_tree, ms, postmaster, quantiles, resident_bytes};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::task::JoinSet;

const MEMBERS: usize = 1000;
const PER_SECOND: u64 = 10;
/// Longer than any pause between two messages.
const TIMEOUT_MS: u64 = 30_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let seconds: u64 = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .next()
        .unwrap_or(10);
    let messages = usize::try_from(seconds * PER_SECOND)?;
    let server = TestServer::start_with(ServerOptions::default().text("log.filter", "warn")).await;
    let pool = PgPool::connect(&server.database().url()).await?;
    let sender = server.user("sender").await;
    let room = sender.create_room(json!({"preset": "public_chat"})).await;
    let mut tokens = Vec::new();
    for n in 0..MEMBERS {
        let member = server.user(&format!("member{n}")).await;
        member.join(&room).await;
        tokens.push(member.access_token().to_owned());
    }
    let zero = Instant::now();
    let ready = Arc::new(tokio::sync::Barrier::new(MEMBERS + 1));
    let mut members = JoinSet::new();
    for token in tokens {
        let (url, room, ready) = (server.url(), room.clone(), ready.clone());
        members.spawn(async move { receive(&url, &token, &room, messages, zero, &ready).await });
    }
    tokio::select! {
        waited = tokio::time::timeout(PATIENCE, ready.wait()) => {
            waited.context("not all members have got their first answer")?;
        }
        // Nobody ends before the first message, unless something is wrong.
        Some(ended) = members.join_next() => {
            ended?.context("a member's first answer")?;
            anyhow::bail!("a member did not wait for messages");
        }
    }
    // The last ones park.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (process, postgres) = (
        server.process_id().unwrap_or_default(),
        postmaster(&pool).await?,
    );
    let before = (cpu_of(process)?, cpu_of_tree(postgres)?);
    let mut tick = tokio::time::interval(Duration::from_millis(1000 / PER_SECOND));
    for n in 0..messages {
        tick.tick().await;
        sender
            .say(&room, &format!("{n} {}", zero.elapsed().as_micros()))
            .await;
    }
    let mut latencies = Vec::new();
    while let Some(member) = tokio::time::timeout(PATIENCE, members.join_next())
        .await
        .with_context(|| format!("{} members still wait for messages", members.len()))?
    {
        latencies.extend(member??);
    }
    let after = (cpu_of(process)?, cpu_of_tree(postgres)?);
    println!("{MEMBERS} members, {messages} messages");
    report(latencies, after.0 - before.0, after.1 - before.1);
    println!(
        "memory of the server: {} MiB",
        resident_bytes(process)? >> 20
    );
    Ok(())
}

fn report(mut latencies: Vec<Duration>, server: Duration, postgres: Duration) {
    let deliveries = latencies.len();
    let per = |spent: Duration| spent.as_secs_f64() * 1000.0 / deliveries as f64;
    let (median, p99) = quantiles(&mut latencies);
    println!("{deliveries} deliveries, each once and in order");
    println!("delivery: median {}, 99 % {}", ms(median), ms(p99));
    println!(
        "CPU per delivery: server {:.4} ms, Postgres {:.4} ms",
        per(server),
        per(postgres)
    );
}

/// Waits for all messages; fails if one is missing, comes twice, or out of order.
async fn receive(
    url: &str,
    token: &str,
    room: &str,
    messages: usize,
    zero: Instant,
    ready: &tokio::sync::Barrier,
) -> anyhow::Result<Vec<Duration>> {
    let mut connection = Connection::open(url).await?;
    let mut since = String::new();
    let mut latencies = Vec::with_capacity(messages);
    while latencies.len() < messages {
        let path = if since.is_empty() {
            "/_matrix/client/v3/sync?timeout=0".to_owned()
        } else {
            format!("/_matrix/client/v3/sync?timeout={TIMEOUT_MS}&since={since}")
        };
        let (status, body) = connection.call("GET", &path, token, "").await?;
        anyhow::ensure!(status == 200, "{status} {}", String::from_utf8_lossy(body));
        let now = zero.elapsed();
        let answer: Value = serde_json::from_slice(body)?;
        let first = since.is_empty();
        since = answer["next_batch"].as_str().context("a token")?.to_owned();
        if first {
            ready.wait().await;
            continue;
        }
        let timeline = &answer["rooms"]["join"][room]["timeline"]["events"];
        for event in timeline.as_array().into_iter().flatten() {
            let Some((n, sent)) = event["content"]["body"]
                .as_str()
                .and_then(|body| body.split_once(' '))
            else {
                continue;
            };
            anyhow::ensure!(
                n.parse::<usize>()? == latencies.len(),
                "message {n} instead of {}",
                latencies.len()
            );
            latencies.push(now.saturating_sub(Duration::from_micros(sent.parse()?)));
        }
    }
    Ok(latencies)
}
