//! Threads for work that computes: parsing, hashing, checking signatures.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Items that one thread works on before others have their turn.
const PART: usize = 16;

/// Does the same to many items on as many threads as the machine has. What comes while all are
/// busy waits in turn, so a flood of one server's events cannot take the threads of all. Cheap
/// to clone.
#[derive(Clone, Debug)]
pub(crate) struct Workers(Arc<Semaphore>);

impl Workers {
    /// As many threads as the machine has.
    pub(crate) fn new() -> Self {
        let threads = std::thread::available_parallelism();
        Self(Arc::new(Semaphore::new(threads.map_or(2, usize::from))))
    }

    /// `work` on each item; the results are in their order. Work that panics takes the results of
    /// its part with it: those are `None`.
    pub(crate) async fn map<T, R>(
        &self,
        items: Vec<T>,
        work: impl Fn(T) -> R + Clone + Send + 'static,
    ) -> Vec<Option<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
    {
        let mut parts = Vec::new();
        let mut items = items.into_iter();
        loop {
            let part: Vec<T> = items.by_ref().take(PART).collect();
            if part.is_empty() {
                break;
            }
            let (permits, work) = (self.0.clone(), work.clone());
            let count = part.len();
            parts.push(async move {
                // The semaphore is never closed. The thread keeps the permit: who stops waiting
                // does not stop it.
                let permit = permits.acquire_owned().await;
                let done = tokio::task::spawn_blocking(move || {
                    let _permit = permit;
                    part.into_iter().map(work).map(Some).collect::<Vec<_>>()
                });
                done.await
                    .unwrap_or_else(|_| std::iter::repeat_with(|| None).take(count).collect())
            });
        }
        let done = futures::future::join_all(parts).await;
        done.into_iter().flatten().collect()
    }
}
