//! Where pictures are worked on: few threads at a time, within a memory that has a limit, for a
//! time that has one. Who asks for the same thing waits for the same work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::picture::{Facts, Limits, Unfit};

/// The unit in which memory is handed out.
const MEMORY_UNIT_BYTES: u64 = 65_536;

/// Memory that work takes, as a multiple of the decoded picture: the decoder's own, the picture,
/// and the part of it that is cut out.
const MEMORY_FACTOR: u64 = 3;

/// Longest time for one picture, once its turn has come.
const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) struct Workshop {
    max_pixels: u64,
    benches: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    memory_units: u32,
}

impl Workshop {
    pub(crate) fn new(workers: usize, memory_bytes: u64, max_pixels: u64) -> Self {
        let units = memory_bytes / MEMORY_UNIT_BYTES;
        let memory_units = u32::try_from(units).unwrap_or(u32::MAX).max(1);
        Self {
            max_pixels,
            benches: Arc::new(Semaphore::new(workers.max(1))),
            memory: Arc::new(Semaphore::new(memory_units as usize)),
            memory_units,
        }
    }

    /// Waits for a free thread.
    pub(crate) async fn bench(&self) -> Bench {
        Bench {
            permit: self.benches.clone().acquire_owned().await.ok().into(),
            memory: None,
            limits: Limits {
                max_pixels: self.max_pixels,
                until: Instant::now() + PATIENCE,
            },
        }
    }

    /// Waits for the memory that decoding a picture takes. Where that is more than there is, the
    /// picture gets all of it.
    pub(crate) async fn memory(&self, bench: &mut Bench, facts: &Facts, file_bytes: u64) {
        let bytes = facts.decoded_bytes * MEMORY_FACTOR + file_bytes;
        let units = u32::try_from(bytes / MEMORY_UNIT_BYTES + 1).unwrap_or(u32::MAX);
        let units = units.min(self.memory_units);
        let memory = self.memory.clone().acquire_many_owned(units).await;
        bench.memory = memory.ok().map(Arc::new);
        bench.limits.until = Instant::now() + PATIENCE;
    }
}

/// A thread that may be used. Its parts go back when the last copy is gone: threads keep one, for
/// who stops waiting does not stop a thread.
#[derive(Clone)]
pub(crate) struct Bench {
    permit: Arc<Option<OwnedSemaphorePermit>>,
    memory: Option<Arc<OwnedSemaphorePermit>>,
    limits: Limits,
}

impl Bench {
    /// Runs work on a picture. A decoder that crashes has met a broken picture.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Limits) -> Result<T, Unfit> + Send + 'static,
    ) -> Result<T, Unfit> {
        let held = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&held.limits);
            drop((held.permit, held.memory));
            done
        });
        done.await.unwrap_or(Err(Unfit::NotAPicture))
    }
}
