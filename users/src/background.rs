//! What the office does on its own: writes when devices were last seen, forgets old transactions,
//! and takes notice of sessions that end.

use std::time::Duration;

use causeway_store::log::Entry;
use causeway_store::users::to_device::forget_transactions;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval};

use crate::Users;

/// Time between two writes of last sights.
const FLUSH_EVERY: Duration = Duration::from_secs(5);

/// Time between two looks for old transactions.
const SWEEP_EVERY: Duration = Duration::from_secs(600);

impl Users {
    /// Does the office's work in the background until it is dropped, or the log ends.
    pub async fn run(&self) {
        let mut tick = interval(FLUSH_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sweep = interval(SWEEP_EVERY);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tail = self.log().tail();
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    if let Err(error) = self.flush_seen().await {
                        tracing::warn!(%error, "the last sights of devices were not written");
                    }
                }
                _ = sweep.tick() => {
                    if let Err(error) = forget_transactions(self.store(), self.now_ms()).await {
                        tracing::warn!(%error, "old transactions were not forgotten");
                    }
                }
                batch = tail.recv() => match batch {
                    Ok(batch) => {
                        for entry in batch.iter() {
                            if let Entry::SessionsEnded { user, which } = &entry.entry {
                                self.sessions_ended(user, which);
                            }
                        }
                    }
                    // Which sessions ended is not known any more, so all are looked up again.
                    Err(RecvError::Lagged(_)) => self.forget_sessions(),
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }
}
