//! Work that many ask for at once and that is done once. It goes on when those who asked go away,
//! and the next finds its result.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

type Running<K, V> = Arc<Mutex<HashMap<K, watch::Receiver<Option<V>>>>>;

/// Work under way, by its key.
pub struct Flights<K, V> {
    running: Running<K, V>,
    most: usize,
}

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grounded {
    /// As much is under way as may be.
    Full,
    /// The work panicked.
    Crashed,
}

/// Takes the key out when the work ends, however it ends.
struct Landing<K: Hash + Eq, V> {
    running: Running<K, V>,
    key: K,
}

impl<K: Hash + Eq, V> Drop for Landing<K, V> {
    fn drop(&mut self) {
        self.running.lock().remove(&self.key);
    }
}

impl<K, V> Flights<K, V>
where
    K: Hash + Eq + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// At most `most` different things are under way at a time.
    pub fn new(most: usize) -> Self {
        Self {
            running: Running::default(),
            most,
        }
    }

    /// The result of `work`, or of the same work that is under way.
    ///
    /// # Errors
    /// [`Grounded`] says why there is none.
    pub async fn join<F>(&self, key: K, work: impl FnOnce() -> F) -> Result<V, Grounded>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut result = {
            let mut running = self.running.lock();
            match running.get(&key) {
                Some(result) => result.clone(),
                None if running.len() >= self.most => return Err(Grounded::Full),
                None => {
                    let (tell, result) = watch::channel(None);
                    running.insert(key.clone(), result.clone());
                    let landing = Landing {
                        running: self.running.clone(),
                        key,
                    };
                    let work = work();
                    tokio::spawn(async move {
                        let _landing = landing;
                        tell.send_replace(Some(work.await));
                    });
                    result
                }
            }
        };
        let done = result.wait_for(Option::is_some).await;
        done.ok()
            .and_then(|value| value.clone())
            .ok_or(Grounded::Crashed)
    }
}

#[cfg(test)]
#[path = "flight_test.rs"]
mod flight_test;
