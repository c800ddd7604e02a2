//! The write path: `PUT /send` with 64 senders in 100 rooms, against the same Postgres taking
//! the same rows in batches with no server in between, in the same run.
//!
//!     CAUSEWAY_TEST_DATABASE_URL=... cargo bench --bench write_path [-- SECONDS]
//!
//! The peers, and which rows each of them writes, are in `peer.rs`. Server and peers take turns, so
//! that what else the machine does falls on all.

#[path = "../load/mod.rs"]
mod load;
mod peer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use causeway_testkit::{Metrics, ServerOptions, TestClient, TestServer};
use load::{Connection, cpu_of, cpu_of_tree, ms, postmaster, quantiles, resident_bytes};
use peer::PEERS;
use serde_json::json;
use sqlx::PgPool;
use tokio::time::MissedTickBehavior;

const SENDERS: usize = 64;
const ROOMS: usize = 100;
/// Rooms that each sender writes to.
const ROOMS_PER_SENDER: usize = 10;
/// Sends per second in the measurement of latency.
const CALM_RATE: u64 = 200;
/// How often server and peers take turns.
const ROUNDS: u32 = 5;
// One thread: it has the least to do, and what it does not use is the server's.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let seconds: u64 = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .next()
        .unwrap_or(20);
    let time = Duration::from_secs(seconds);
    let server = TestServer::start_with(ServerOptions::default().text("log.filter", "warn")).await;
    let pool = PgPool::connect(&server.database().url()).await?;
    let senders = Arc::new(people(&server).await);
    let postgres = postmaster(&pool).await?;

    let _warm = saturate(&server, &senders, Duration::from_secs(2)).await?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(Round::run(&server, &senders, &pool, postgres, time / ROUNDS).await?);
    }
    report(&mut rounds);
    let resident = resident_bytes(server.process_id().unwrap_or_default())?;
    println!("memory of the server: {} MiB", resident >> 20);

    let commit = commit_time(&pool).await?;
    let (mut calm, _) = calm(&server, &senders, time / 2).await?;
    let again = commit_time(&pool).await?;
    let (median, p99) = quantiles(&mut calm);
    let commit = (commit + again) / 2;
    println!(
        "{CALM_RATE} sends/s: median {}, 99 % {}; one commit {}, ratio {:.2}",
        ms(median),
        ms(p99),
        ms(commit),
        median.as_secs_f64() / commit.as_secs_f64()
    );
    Ok(())
}

/// One turn of the server, and one of each peer.
struct Round {
    /// Events per second.
    rate: f64,
    /// Events per second of [`PEERS`].
    peers: [f64; PEERS.len()],
    latencies: Vec<Duration>,
    /// CPU per event in milliseconds: server, Postgres, this client.
    cpu: [f64; 3],
    /// Events in one transaction.
    batch: f64,
}

impl Round {
    async fn run(
        server: &TestServer,
        senders: &Arc<Vec<Sender>>,
        pool: &PgPool,
        postgres: u32,
        time: Duration,
    ) -> anyhow::Result<Self> {
        let process = server.process_id().unwrap_or_default();
        let spent = || {
            let own = cpu_of(std::process::id())?;
            anyhow::Ok([cpu_of(process)?, cpu_of_tree(postgres)?, own])
        };
        let batches = batches(&server.metrics().await);
        let (before, start) = (spent()?, Instant::now());
        let (sent, latencies) = saturate(server, senders, time).await?;
        let (after, taken) = (spent()?, start.elapsed());
        let more = batches_between(batches, self::batches(&server.metrics().await));
        let mut peers = [0.0; PEERS.len()];
        for (rate, peer) in peers.iter_mut().zip(PEERS) {
            *rate = peer.rate(pool, time / 2).await?;
        }
        let per_event = |n: usize| (after[n] - before[n]).as_secs_f64() * 1000.0 / sent as f64;
        Ok(Self {
            rate: sent as f64 / taken.as_secs_f64(),
            peers,
            latencies,
            cpu: [per_event(0), per_event(1), per_event(2)],
            batch: more,
        })
    }
}

/// Entries and batches that the log has written.
fn batches(metrics: &Metrics) -> (f64, f64) {
    (
        metrics.sum("causeway_log_batch_entries_sum"),
        metrics.sum("causeway_log_batch_entries_count"),
    )
}

fn batches_between(before: (f64, f64), after: (f64, f64)) -> f64 {
    (after.0 - before.0) / (after.1 - before.1)
}

/// The middle one.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints the medians of the rounds.
fn report(rounds: &mut [Round]) {
    let of = |value: &dyn Fn(&Round) -> f64| median(rounds.iter().map(value));
    let [own, database, client] = [0, 1, 2].map(|n| of(&|round: &Round| round.cpu[n]));
    println!(
        "{SENDERS} senders, {ROOMS} rooms: {:.0} events/s, {:.0} in one transaction",
        of(&|round| round.rate),
        of(&|round| round.batch)
    );
    println!(
        "CPU per event: server {own:.3} ms + Postgres {database:.3} ms = {:.3} ms; the load client {client:.3} ms",
        own + database
    );
    for (n, peer) in PEERS.iter().enumerate() {
        let mut ratios: Vec<f64> = rounds.iter().map(|r| r.rate / r.peers[n]).collect();
        ratios.sort_by(f64::total_cmp);
        println!(
            "Postgres alone, {}, batches of {}: {:.0} events/s; ratio {:.2} ({:.2} to {:.2})",
            peer.name(),
            peer.batch,
            of(&|round| round.peers[n]),
            ratios[ratios.len() / 2],
            ratios[0],
            ratios[ratios.len() - 1]
        );
    }
    let mut latencies: Vec<Duration> = rounds
        .iter_mut()
        .flat_map(|round| std::mem::take(&mut round.latencies))
        .collect();
    let (median, p99) = quantiles(&mut latencies);
    println!("a send: median {}, 99 % {}", ms(median), ms(p99));
}

struct Sender {
    client: TestClient,
    rooms: Vec<String>,
}

/// Senders, each a member of some of the rooms.
async fn people(server: &TestServer) -> Vec<Sender> {
    let mut clients = Vec::new();
    for n in 0..SENDERS {
        clients.push(server.user(&format!("sender{n}")).await);
    }
    let mut senders: Vec<Sender> = clients
        .into_iter()
        .map(|client| Sender {
            client,
            rooms: Vec::new(),
        })
        .collect();
    for n in 0..ROOMS {
        let room = senders[n % SENDERS]
            .client
            .create_room(json!({"preset": "public_chat"}))
            .await;
        let members = (0..SENDERS * ROOMS_PER_SENDER / ROOMS + 1).map(|k| (n + k * 7) % SENDERS);
        for member in members {
            let sender = &mut senders[member];
            if member != n % SENDERS {
                sender.client.join(&room).await;
            }
            sender.rooms.push(room.clone());
        }
    }
    senders
}

/// Everybody sends as fast as answers come.
async fn saturate(
    server: &TestServer,
    senders: &Arc<Vec<Sender>>,
    time: Duration,
) -> anyhow::Result<(u64, Vec<Duration>)> {
    let end = Instant::now() + time;
    let mut tasks = Vec::new();
    for at in 0..senders.len() {
        let (senders, url) = (senders.clone(), server.url());
        tasks.push(tokio::spawn(async move {
            let sender = &senders[at];
            let mut connection = Connection::open(&url).await?;
            let mut latencies = Vec::new();
            while Instant::now() < end {
                latencies.push(send(&mut connection, sender, latencies.len()).await?);
            }
            anyhow::Ok(latencies)
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await??);
    }
    Ok((all.len() as u64, all))
}

/// `CALM_RATE` sends per second, whether or not answers come in time.
async fn calm(
    server: &TestServer,
    senders: &Arc<Vec<Sender>>,
    time: Duration,
) -> anyhow::Result<(Vec<Duration>, u64)> {
    let mut connections = Vec::new();
    for _ in 0..senders.len() {
        connections.push(Arc::new(tokio::sync::Mutex::new(
            Connection::open(&server.url()).await?,
        )));
    }
    let mut tick = tokio::time::interval(Duration::from_micros(1_000_000 / CALM_RATE));
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut tasks = Vec::new();
    for n in 0..time.as_secs() * CALM_RATE {
        tick.tick().await;
        let at = usize::try_from(n)? % senders.len();
        let (senders, connection) = (senders.clone(), connections[at].clone());
        tasks.push(tokio::spawn(async move {
            let start = Instant::now();
            send(
                &mut *connection.lock().await,
                &senders[at],
                usize::try_from(n)?,
            )
            .await?;
            anyhow::Ok(start.elapsed())
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.push(task.await??);
    }
    Ok((all, CALM_RATE))
}

async fn send(connection: &mut Connection, sender: &Sender, n: usize) -> anyhow::Result<Duration> {
    static TRANSACTION: AtomicU64 = AtomicU64::new(0);
    let transaction = TRANSACTION.fetch_add(1, Ordering::Relaxed);
    let room = &sender.rooms[n % sender.rooms.len()];
    let path = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/t{transaction}");
    let body = format!(
        "{{\"msgtype\":\"m.text\",\"body\":\"message {transaction} of an ordinary length, as people write them\"}}"
    );
    let start = Instant::now();
    let (status, answer) = connection
        .call("PUT", &path, sender.client.access_token(), &body)
        .await?;
    anyhow::ensure!(
        status == 200,
        "{status} {}",
        String::from_utf8_lossy(answer)
    );
    Ok(start.elapsed())
}

/// The median time of one small commit.
async fn commit_time(pool: &PgPool) -> anyhow::Result<Duration> {
    sqlx::query("CREATE TABLE IF NOT EXISTS plain_commit (n bigint)")
        .execute(pool)
        .await?;
    let mut connection = pool.acquire().await?;
    let mut times = Vec::new();
    for n in 0..200i64 {
        let start = Instant::now();
        sqlx::query("INSERT INTO plain_commit VALUES ($1)")
            .bind(n)
            .execute(&mut *connection)
            .await?;
        times.push(start.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(quantiles(&mut times).0)
}
