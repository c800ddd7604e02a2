//! What a client that waits in `/sync` costs in memory of the server: half of them come and wait,
//! then the other half, and the second half's share of what the server grew by is the figure. So
//! what the server takes once, and not for each, is not in it; what it keeps of the waiting users
//! (their rooms, sessions, connections, tasks) is. At last a message in each room shows that they
//! all have waited.
//!
//!     CAUSEWAY_TEST_DATABASE_URL=... cargo bench --bench parked [-- CLIENTS]
//!
//! A client is a file for the server, and one for this process.

mod load;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use causeway_testkit::{ServerOptions, TestServer};
use load::{Connection, PATIENCE, cpu_of, resident_bytes};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const CLIENTS: usize = 5_000;
/// Members of each room; everybody is in one.
const MEMBERS: usize = 50;
/// Requests at once while clients come.
const AT_ONCE: usize = 8;
/// As long as a request may wait.
const TIMEOUT_MS: u64 = 120_000;
/// In which the server puts away what it used to answer.
const SETTLING: Duration = Duration::from_secs(5);

// One thread: what it does not use is the server's.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let clients = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .next()
        .unwrap_or(CLIENTS);
    let options = ServerOptions::default()
        .text("log.filter", "warn")
        .set("limits.enabled", "false");
    let server = TestServer::start_with(options).await;
    let rooms = clients.div_ceil(MEMBERS);
    let host = server.user("host").await;
    let mut room_ids = Vec::new();
    for _ in 0..rooms {
        room_ids.push(host.create_room(json!({"preset": "public_chat"})).await);
    }
    let process = server.process_id().context("a process")?;
    let mut waiting = JoinSet::new();
    let mut resident = vec![resident_bytes(process)?];
    for half in [0..clients / 2, clients / 2..clients] {
        let end = half.end;
        come(&server, &room_ids, half, &mut waiting).await?;
        parked(&server, end).await?;
        tokio::time::sleep(SETTLING).await;
        resident.push(resident_bytes(process)?);
    }
    let before = cpu_of(process)?;
    tokio::time::sleep(SETTLING).await;
    let idle = cpu_of(process)?.saturating_sub(before);
    for room in &room_ids {
        host.say(room, "wake up").await;
    }
    while let Some(woken) = tokio::time::timeout(PATIENCE, waiting.join_next())
        .await
        .with_context(|| format!("{} clients were not woken", waiting.len()))?
    {
        woken??;
    }
    let second = resident[2].saturating_sub(resident[1]) / (clients - clients / 2) as u64;
    let all = resident[2].saturating_sub(resident[0]) / clients as u64;
    println!(
        "{clients} clients wait, each in a room of {MEMBERS}: {second} bytes each (the second half), \
         {all} with what the server takes once; {} MiB in all; each was woken by its message",
        resident[2] >> 20
    );
    println!(
        "CPU while all wait: {:.2} % of a core",
        idle.as_secs_f64() * 100.0 / SETTLING.as_secs_f64()
    );
    Ok(())
}

/// Makes users, lets each join its room, and has each wait in `/sync`.
async fn come(
    server: &TestServer,
    rooms: &[String],
    numbers: std::ops::Range<usize>,
    waiting: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    for n in numbers {
        let permit = gate.clone().acquire_owned().await?;
        let (url, room) = (server.url(), rooms[n / MEMBERS].clone());
        waiting.spawn(async move {
            let mut connection = Connection::open(&url).await?;
            let (token, mut since) = arrive(&mut connection, n, &room).await?;
            let mut permit = Some(permit);
            // Others who come are news, too, and no request waits for ever.
            loop {
                let path = format!("/_matrix/client/v3/sync?timeout={TIMEOUT_MS}&since={since}");
                connection.send("GET", &path, &token, "").await?;
                drop(permit.take());
                let (status, body) = connection.receive().await?;
                ensure!(status == 200, "{status} {}", String::from_utf8_lossy(body));
                if std::str::from_utf8(body)?.contains("wake up") {
                    return Ok(());
                }
                since = next_batch(body)?;
            }
        });
        ensure!(waiting.try_join_next().is_none(), "a client did not wait");
    }
    let all = u32::try_from(AT_ONCE)?;
    let _ = tokio::time::timeout(PATIENCE, gate.acquire_many(all)).await??;
    Ok(())
}

/// A user registers, joins and syncs for the first time, on the connection that will wait.
async fn arrive(
    connection: &mut Connection,
    n: usize,
    room: &str,
) -> anyhow::Result<(String, String)> {
    let account = json!({
        "auth": {"type": "m.login.dummy"}, "username": format!("waiter{n}"), "password": "long enough to be taken",
    });
    let path = "/_matrix/client/v3/register";
    let answer = post(connection, path, "", &account.to_string()).await?;
    let token = answer["access_token"].as_str().context("a token")?;
    let path = format!("/_matrix/client/v3/join/{room}");
    post(connection, &path, token, "{}").await?;
    // As clients do: members only when they speak.
    let filter = "%7B%22room%22%3A%7B%22state%22%3A%7B%22lazy_load_members%22%3Atrue%7D%7D%7D";
    let path = format!("/_matrix/client/v3/sync?timeout=0&filter={filter}");
    let (status, body) = connection.call("GET", &path, token, "").await?;
    ensure!(status == 200, "{status} {}", String::from_utf8_lossy(body));
    Ok((token.to_owned(), next_batch(body)?))
}

fn next_batch(body: &[u8]) -> anyhow::Result<String> {
    let answer: Value = serde_json::from_slice(body)?;
    Ok(answer["next_batch"].as_str().context("a token")?.to_owned())
}

async fn post(
    connection: &mut Connection,
    path: &str,
    token: &str,
    body: &str,
) -> anyhow::Result<Value> {
    let (status, answer) = connection.call("POST", path, token, body).await?;
    ensure!(
        status == 200,
        "{path}: {status} {}",
        String::from_utf8_lossy(answer)
    );
    Ok(serde_json::from_slice(answer)?)
}

/// Waits until so many requests wait.
async fn parked(server: &TestServer, clients: usize) -> anyhow::Result<()> {
    let all = async {
        while server.metrics().await.sum("causeway_sync_parked") < clients as f64 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all)
        .await
        .context("not all clients wait")
}
