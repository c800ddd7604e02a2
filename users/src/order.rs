//! One after another: changes that read a value, alter it and write it back (tags, push rules)
//! must not cross for the same user.
//!
//! This orders them within the process. Two nodes can still cross; routing sends a user's
//! requests to one node, so what is left is a client that writes through two nodes at once, and
//! then the later write stands.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use ruma::UserId;
use tokio::sync::{Mutex, MutexGuard};

/// Users that share a place wait for each other; so many places make that rare.
const PLACES: usize = 256;

pub(crate) struct InTurn(Vec<Mutex<()>>);

impl Default for InTurn {
    fn default() -> Self {
        Self((0..PLACES).map(|_| Mutex::new(())).collect())
    }
}

impl InTurn {
    /// Waits for the user's turn, which lasts as long as the guard.
    pub(crate) async fn turn(&self, user_id: &UserId) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        user_id.as_str().hash(&mut hasher);
        let place = (hasher.finish() % PLACES as u64) as usize;
        self.0[place].lock().await
    }
}
