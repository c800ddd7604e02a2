//! Stopping without loss.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Tells every part of the server that it is stopping, and waits for what still runs. A cheap
/// clone.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    begun: CancellationToken,
    over: CancellationToken,
    tasks: TaskTracker,
}

impl Drain {
    /// A server that runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins to stop: nothing new is accepted, who waits is answered.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// Returns once the server begins to stop.
    pub async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// Whether the server is stopping.
    pub fn has_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Runs a task that the server waits for when it stops, up to its limit.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let over = self.over.clone();
        // Moved into the block below it would be held twice.
        let task = Box::pin(task);
        self.tasks.spawn(async move {
            tokio::select! {
                () = task => {}
                () = over.cancelled() => {}
            }
        });
    }

    /// Begins to stop, lets tasks finish within `grace` and drops the others; gives the number
    /// of those.
    pub async fn finish(&self, grace: Duration) -> usize {
        self.begin();
        self.tasks.close();
        let finished = tokio::time::timeout(grace, self.tasks.wait()).await;
        let cut = if finished.is_ok() {
            0
        } else {
            self.tasks.len()
        };
        self.over.cancel();
        self.tasks.wait().await;
        cut
    }
}
