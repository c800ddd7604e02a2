//! Turns: one transaction of a server at a time, some servers at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use ruma::{OwnedServerName, ServerName};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// Transactions of one server that wait or are worked on. Servers send one at a time, and again
/// when they lose patience.
const MAX_OF_ONE: usize = 4;

/// Transactions that are worked on at a time.
const MAX_AT_ONCE: usize = 32;

/// Servers with transactions at a time.
const MAX_LANES: usize = 4_096;

/// There is no place to wait.
#[derive(Debug)]
pub(crate) struct Full;

#[derive(Default)]
struct Lane {
    turn: Arc<tokio::sync::Mutex<()>>,
    waiting: AtomicUsize,
}

pub(crate) struct Lanes {
    lanes: Arc<Mutex<HashMap<OwnedServerName, Arc<Lane>>>>,
    places: Arc<Semaphore>,
}

/// The right to work on a transaction.
pub(crate) struct Turn {
    _guard: OwnedMutexGuard<()>,
    _place: Option<OwnedSemaphorePermit>,
    _waiting: Waiting,
}

/// A place in a lane; the lane goes with the last one.
struct Waiting {
    lanes: Arc<Mutex<HashMap<OwnedServerName, Arc<Lane>>>>,
    server: OwnedServerName,
    lane: Arc<Lane>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut lanes = self.lanes.lock();
        if self.lane.waiting.fetch_sub(1, Ordering::SeqCst) == 1 {
            lanes.remove(&self.server);
        }
    }
}

impl Lanes {
    pub(crate) fn new() -> Self {
        Self {
            lanes: Arc::default(),
            places: Arc::new(Semaphore::new(MAX_AT_ONCE)),
        }
    }

    /// Waits for the turn of a server's transaction.
    pub(crate) async fn enter(&self, server: &ServerName) -> Result<Turn, Full> {
        let waiting = {
            let mut lanes = self.lanes.lock();
            if lanes.len() >= MAX_LANES && !lanes.contains_key(server) {
                return Err(Full);
            }
            let lane = lanes.entry(server.to_owned()).or_default().clone();
            if lane.waiting.load(Ordering::SeqCst) >= MAX_OF_ONE {
                return Err(Full);
            }
            lane.waiting.fetch_add(1, Ordering::SeqCst);
            Waiting {
                lanes: self.lanes.clone(),
                server: server.to_owned(),
                lane,
            }
        };
        let guard = waiting.lane.turn.clone().lock_owned().await;
        // The semaphore is never closed.
        let place = self.places.clone().acquire_owned().await.ok();
        Ok(Turn {
            _guard: guard,
            _place: place,
            _waiting: waiting,
        })
    }
}

#[cfg(test)]
#[path = "lanes_test.rs"]
mod lanes_test;
