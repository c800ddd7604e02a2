//! Deleting what is over: previews and their pictures, copies of other servers' files, contents that
//! no file names, uploads that broke off.

use std::time::Duration;

use causeway_store::media::{contents, previews, remote};
use tokio::time::{MissedTickBehavior, interval};

use crate::disk::Hash;
use crate::{Media, MediaError};

/// Time between two rounds.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Rows that one step looks at.
const STEP_ROWS: i64 = 200;

/// Steps of a round. What is left waits for the next.
const MAX_STEPS: usize = 20;

/// How long a content that no file names stays, in milliseconds: longer than it takes from
/// putting it on the disk to naming it.
pub const GRACE_MS: u64 = 3_600_000;

/// Most previews that are kept.
const MAX_PREVIEWS: i64 = 100_000;

impl Media {
    /// Sweeps in the background until it is dropped.
    pub async fn run(&self) {
        let mut tick = interval(SWEEP_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            for _ in 0..MAX_STEPS {
                match self.sweep().await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        tracing::warn!(%error, "what is over was not deleted");
                        break;
                    }
                }
            }
        }
    }

    /// One bounded step. Answers whether there is more to do.
    ///
    /// # Errors
    /// The disk's or the database's; what was not deleted is deleted by a later step.
    pub async fn sweep(&self) -> Result<bool, MediaError> {
        let (store, disk) = (&self.0.store, &self.0.disk);
        let now_ms = self.0.clock.now_ms();
        previews::sweep(store, now_ms, MAX_PREVIEWS, STEP_ROWS).await?;
        let expired = contents::delete_expired_files(store, now_ms, STEP_ROWS).await?;
        let most = self.0.settings.remote.cache_bytes;
        let beyond = remote::delete_beyond(store, most, now_ms, STEP_ROWS).await?;
        disk.remove_stale_incoming(now_ms).await?;
        let is_full = |rows| i64::try_from(rows).is_ok_and(|rows| rows >= STEP_ROWS);
        let mut more = is_full(expired) || is_full(beyond);
        let before_ms = now_ms.saturating_sub(GRACE_MS);
        if let Some(condemned) = contents::condemn(store, before_ms, STEP_ROWS).await? {
            more |= condemned.may_be_more;
            for hash in &condemned.hashes {
                if let Ok(hash) = <[u8; 32]>::try_from(hash.as_slice()) {
                    disk.remove(&Hash(hash)).await?;
                }
            }
            condemned.bury().await?;
        }
        Ok(more)
    }
}
