//! Push rules: what a message costs the reader that works them out, in a room of 10,000 members and
//! in one of 10, in the same run.
//!
//!     CAUSEWAY_TEST_DATABASE_URL=... cargo bench --bench push [-- MEMBERS MESSAGES]
//!
//! The messages are written first; then the reader goes through them, out of the tables, as after a
//! restart. A message in the large room may cost half as much again as in the small one.

mod load;
#[path = "load/rooms.rs"]
mod rooms;

use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_push::{Push, PushSettings};
use causeway_testkit::TestDatabase;
use load::{cpu_of, cpu_of_tree, postmaster};
use rooms::LocalRooms;
use ruma::{RoomId, server_name};

/// Members of the small room.
const FEW: usize = 10;
/// How often the rooms take turns.
const ROUNDS: usize = 5;
/// What a message in the large room may cost, as a multiple of one in the small room.
const LIMIT: f64 = 1.5;
/// How long the reader may take.
const PATIENCE: Duration = Duration::from_secs(300);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let members = numbers.next().unwrap_or(10_000);
    let messages = numbers.next().unwrap_or(5_000);
    let database = TestDatabase::create().await;
    let local = LocalRooms::open(&database.url(), server_name!("bench.test")).await?;
    let mut rooms = Vec::new();
    for size in [members, FEW] {
        let room = local.create(&local.user(0)).await?;
        local.join(&room, 1..size).await?;
        rooms.push((room, size));
    }
    go_through(&local).await?;
    let postgres = postmaster(local.store.pool()).await?;
    let mut costs = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        for (at, (room, _)) in rooms.iter().enumerate() {
            costs[at].push(cost(&local, room, messages, postgres).await?);
        }
    }
    let mut medians = [0.0; 2];
    for (at, (_, size)) in rooms.iter().enumerate() {
        let of = |part: usize| {
            let mut values: Vec<f64> = costs[at].iter().map(|cost: &[f64; 3]| cost[part]).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        medians[at] = of(0);
        println!(
            "{size} members: {:.1} us per message, of CPU {:.1} us here and {:.1} us in Postgres",
            of(0),
            of(1),
            of(2)
        );
    }
    let ratio = medians[0] / medians[1];
    println!("ratio {ratio:.2}");
    anyhow::ensure!(
        ratio < LIMIT,
        "a large room costs more than {LIMIT} times a small one"
    );
    Ok(())
}

/// Microseconds per message: time, CPU of this process, CPU of Postgres.
async fn cost(
    local: &LocalRooms,
    room: &RoomId,
    messages: usize,
    postgres: u32,
) -> anyhow::Result<[f64; 3]> {
    local.say(room, &local.user(1), messages).await?;
    let spent = || anyhow::Ok([cpu_of(std::process::id())?, cpu_of_tree(postgres)?]);
    let (before, start) = (spent()?, Instant::now());
    go_through(local).await?;
    let (took, after) = (start.elapsed(), spent()?);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / messages as f64;
    Ok([
        each(took),
        each(after[0] - before[0]),
        each(after[1] - before[1]),
    ])
}

/// Lets a new reader go through what is in the log.
async fn go_through(local: &LocalRooms) -> anyhow::Result<()> {
    let settings = PushSettings {
        server_name: server_name!("bench.test").to_owned(),
        defaults: Arc::new(|user| causeway_users::push_rules::defaults(user, true)),
    };
    let reader = Push::open(
        local.store.clone(),
        &local.log,
        local.clock.clone(),
        settings,
    )
    .await?;
    let (board, end) = (reader.board(), *local.log.watch_position().borrow());
    let reader = tokio::spawn(reader.run());
    let late = Instant::now() + PATIENCE;
    while board.position() < end {
        anyhow::ensure!(Instant::now() < late, "the reader is behind");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    reader.abort();
    Ok(())
}
