//! What the state of a large room costs: bytes for 50,000 joins, time to load, time for an entry.
//!
//!     CAUSEWAY_TEST_DATABASE_URL=... cargo bench --bench state_storage [-- MEMBERS]

#[path = "load/rooms.rs"]
mod local;

use std::time::{Duration, Instant};

use causeway_store::{rooms, state};
use causeway_testkit::TestDatabase;
use local::LocalRooms;
use ruma::{OwnedRoomId, server_name};

/// Times each reading is repeated; the median is printed.
const REPEATS: usize = 15;

struct Bench {
    local: LocalRooms,
    room: OwnedRoomId,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let members: usize = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .next()
        .unwrap_or(50_000);
    let database = TestDatabase::create().await;
    let bench = Bench::open(&database).await?;
    let (before, start) = (bench.bytes().await?, Instant::now());
    let half = members / 2;
    bench.join(0..half).await?;
    let middle = bench.head_state().await?;
    bench.join(half..members).await?;
    let joined = start.elapsed();
    // Ends the keeper's part: what it would write while the server idles.
    let (room, at) = bench.head_state().await?;
    let entries = state::write_checkpoint(&bench.local.store, room, at).await?;
    let after = bench.bytes().await?;
    println!(
        "{members} joins in {joined:.1?} ({:.0}/s), state of {entries} entries",
        members as f64 / joined.as_secs_f64()
    );
    print_sizes(&before, &after, members);
    bench
        .read("whole state, at a checkpoint", async || {
            state::load(&bench.local.store, room, at)
                .await
                .map(|s| s.len())
        })
        .await?;
    let (_, half_at) = middle;
    bench
        .read("whole state, half the room", async || {
            state::load(&bench.local.store, room, half_at)
                .await
                .map(|s| s.len())
        })
        .await?;
    let key = state::load(&bench.local.store, room, half_at).await?[half / 2].0;
    bench
        .read("one entry of an old state", async || {
            state::find_entry(&bench.local.store, room, half_at, key)
                .await
                .map(|found| usize::from(found.is_some()))
        })
        .await?;
    bench
        .read("difference of two states", async || {
            let near = causeway_store::StateRef {
                step: at.step - 10,
                ..at
            };
            state::diff(&bench.local.store, room, near, at)
                .await
                .map(|changes| changes.len())
        })
        .await
}

/// Prints by how much tables have grown.
fn print_sizes(before: &[(&str, i64)], after: &[(&str, i64)], members: usize) {
    let print = |name: &str, bytes: i64| {
        println!(
            "  {name:<19} {:>7.1} bytes per join",
            bytes as f64 / members as f64
        );
    };
    let mut total = 0;
    for ((table, before), (_, after)) in before.iter().zip(after) {
        print(table, after - before);
        if *table != "state_keys" {
            total += after - before;
        }
    }
    print("together, less keys", total);
}

impl Bench {
    async fn open(database: &TestDatabase) -> anyhow::Result<Self> {
        let local = LocalRooms::open(&database.url(), server_name!("bench.test")).await?;
        let room = local.create(&local.user(0)).await?;
        Ok(Self { local, room })
    }

    async fn join(&self, members: std::ops::Range<usize>) -> anyhow::Result<()> {
        self.local.join(&self.room, members.map(|n| n + 1)).await
    }

    async fn head_state(
        &self,
    ) -> anyhow::Result<(causeway_store::RoomNid, causeway_store::StateRef)> {
        let row = rooms::find_room(&self.local.store, &self.room)
            .await?
            .ok_or_else(|| anyhow::anyhow!("no room"))?;
        Ok((row.room, row.head.state))
    }

    /// Bytes of the tables that hold states, indexes included.
    async fn bytes(&self) -> anyhow::Result<Vec<(&'static str, i64)>> {
        let mut sizes = Vec::new();
        for table in [
            "state_lines",
            "state_changes",
            "state_checkpoints",
            "state_keys",
            "auth_index",
            "events",
        ] {
            sqlx::query(sqlx::AssertSqlSafe(format!("VACUUM ANALYZE {table}")))
                .execute(self.local.store.pool())
                .await?;
            let size =
                sqlx::query_scalar("SELECT pg_total_relation_size($1::regclass)").bind(table);
            sizes.push((table, size.fetch_one(self.local.store.pool()).await?));
        }
        // Of the events, what belongs to the index of auth chains: three columns and an index.
        sizes.pop();
        let index = sqlx::query_scalar(
            "SELECT pg_relation_size('events_chain') + COALESCE(sum(COALESCE(pg_column_size(chain), 0)
                 + COALESCE(pg_column_size(chain_seq), 0) + COALESCE(pg_column_size(reach), 0)), 0)::bigint
             FROM events",
        );
        sizes.push((
            "chains in events",
            index.fetch_one(self.local.store.pool()).await?,
        ));
        Ok(sizes)
    }

    async fn read(
        &self,
        name: &str,
        reading: impl AsyncFn() -> Result<usize, causeway_store::StoreError>,
    ) -> anyhow::Result<()> {
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..REPEATS {
            let start = Instant::now();
            found = reading().await?;
            times.push(start.elapsed());
        }
        times.sort_unstable();
        let median: Duration = times[REPEATS / 2];
        println!("  {name:<30} {median:>10.2?} median, {found} entries");
        Ok(())
    }
}
