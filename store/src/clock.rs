//! The time, as a value that is passed in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time in milliseconds since 1970. Cheap to clone; clones share one hand.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that moves only when it is told to.
    pub fn manual(now_ms: u64) -> Self {
        Self(Source::Manual(Arc::new(AtomicU64::new(now_ms))))
    }

    /// Milliseconds since 1970-01-01 UTC.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine"
    )]
    pub fn now_ms(&self) -> u64 {
        match &self.0 {
            // A clock before 1970 is a broken machine; 0 keeps the server alive to say so.
            Source::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| {
                    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
                }),
            Source::Manual(hand) => hand.load(Ordering::Relaxed),
        }
    }

    /// Moves a manual clock forward; does nothing to the machine's.
    pub fn advance_ms(&self, by_ms: u64) {
        if let Source::Manual(hand) = &self.0 {
            hand.fetch_add(by_ms, Ordering::Relaxed);
        }
    }
}
