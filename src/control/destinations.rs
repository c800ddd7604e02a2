//! Which other servers lack what, for `causeway federation status`.

use causeway_store::StoreError;
use causeway_store::outbox::{Destination, list_destinations};
use serde::{Deserialize, Serialize};

use crate::server::state::AppState;

/// Servers that are told of at once.
const MAX_LINES: usize = 1_000;

/// Longest reason that is told, in bytes.
const MAX_REASON_BYTES: usize = 300;

/// Some servers, those that have failed for the longest time first.
#[derive(Debug, Serialize, Deserialize)]
pub struct Destinations {
    /// They.
    pub lines: Vec<DestinationLine>,
    /// How many there are with those that are left out.
    pub total: usize,
}

/// A server that did not take what it was sent, or has not for a while. Times are spans in
/// milliseconds.
#[derive(Debug, Serialize, Deserialize)]
pub struct DestinationLine {
    /// Its name.
    pub server: String,
    /// Attempts in a row that failed.
    pub failures: u64,
    /// How long it has failed.
    pub failing_for: u64,
    /// When it is tried again.
    pub next_try_in: u64,
    /// How long ago it took something for the last time; absent where nobody knows.
    pub last_success_ago: Option<u64>,
    /// Entries of the log since the first that it lacks; not all are for it. Absent where it lacks
    /// nothing.
    pub behind: Option<u64>,
    /// Why the last attempt failed.
    pub reason: String,
}

/// Looks at the table, which running servers keep up within seconds. `all`: also those that have
/// caught up.
///
/// # Errors
/// If the database does not answer.
pub(super) async fn look(state: &AppState, all: bool) -> Result<Destinations, StoreError> {
    let mut found = list_destinations(&state.store).await?;
    found.retain(|it| all || it.failures > 0 || it.behind_from.is_some());
    found.sort_by_key(|it| (it.failures == 0, it.failing_since_ms));
    let total = found.len();
    found.truncate(MAX_LINES);
    let now_ms = state.clock.now_ms();
    let end = state.log.position().0;
    let lines = found.into_iter().map(|it| line(it, now_ms, end));
    Ok(Destinations {
        lines: lines.collect(),
        total,
    })
}

fn line(it: Destination, now_ms: u64, end: i64) -> DestinationLine {
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
    let ago = |then_ms: i64| now_ms.saturating_sub(unsigned(then_ms));
    let is_failing = it.failures > 0;
    let mut reason = it.reason;
    reason.truncate(reason.floor_char_boundary(MAX_REASON_BYTES));
    DestinationLine {
        server: it.server,
        failures: unsigned(it.failures.into()),
        failing_for: if is_failing {
            ago(it.failing_since_ms)
        } else {
            0
        },
        next_try_in: unsigned(it.next_try_ms).saturating_sub(now_ms),
        last_success_ago: it.last_success_ms.map(ago),
        behind: it.behind_from.map(|from| unsigned(end - from.0)),
        reason: if is_failing { reason } else { String::new() },
    }
}
