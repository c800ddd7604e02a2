//! Numbers for rooms and events, taken from the database a block at a time.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::meter::timed;
use crate::{Store, StoreError};

/// What the sequence `nids` advances by; a block is `(value - BLOCK, value]`.
const BLOCK: i64 = 1024;

/// Hands out numbers. Cheap to clone; clones share the block.
#[derive(Clone, Debug)]
pub struct Nids {
    store: Store,
    block: Arc<Mutex<std::ops::Range<i64>>>,
}

impl Nids {
    /// An allocator that has taken nothing yet.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            block: Arc::new(Mutex::new(0..0)),
        }
    }

    /// The next number, if the block at hand has one left.
    pub fn take(&self) -> Option<i64> {
        self.block.lock().next()
    }

    /// Makes sure that a block is at hand. Called ahead of [`Nids::take`], outside any lock.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn refill(&self) -> Result<(), StoreError> {
        let top = timed(
            sqlx::query_scalar!("SELECT nextval('nids') AS \"nid!\"").fetch_one(self.store.pool()),
        )
        .await?;
        let mut block = self.block.lock();
        // Two callers may refill at once: the block that loses is a gap in the numbers, no more.
        if block.is_empty() {
            *block = (top - BLOCK + 1)..(top + 1);
        }
        Ok(())
    }

    /// The next number, asking the database where the block is used up.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn next(&self) -> Result<i64, StoreError> {
        loop {
            if let Some(nid) = self.take() {
                return Ok(nid);
            }
            self.refill().await?;
        }
    }
}
