//! The board: what the reader of the log tells the windows of this process when counts change, so
//! that they need not ask the database. It only hints: who missed something reads the tables.

use std::sync::Arc;

use tokio::sync::{broadcast, watch};

use super::counts::RoomCounts;
use crate::ids::{Position, RoomNid};

/// Notes that a listener may lag; beyond, it forgets what it knew and reads the tables.
const NOTES: usize = 1024;

/// What one step of the reader changed.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Where the reader was.
    pub from: Position,
    /// Where it is now.
    pub position: Position,
    /// What holds for all members of a room with default rules.
    pub shared: Vec<SharedChange>,
    /// What holds for one user besides.
    pub users: Vec<UserChange>,
    /// Users who have read, or come: what is unread to them now.
    pub read: Vec<(RoomNid, Box<str>, RoomCounts)>,
    /// Rooms of which nothing that was known before holds.
    pub unknown: Vec<RoomNid>,
    /// Whether that is so of all rooms.
    pub all_unknown: bool,
}

/// An event notifies everybody with default rules.
#[derive(Debug, Clone)]
pub struct SharedChange {
    /// The room.
    pub room: RoomNid,
    /// The thread.
    pub thread: Arc<str>,
    /// Whether it is a highlight.
    pub highlight: bool,
    /// Members with rules of their own: it says nothing of them.
    pub except: Arc<[Box<str>]>,
}

/// What an event means to one user, on top of what is shared.
#[derive(Debug, Clone)]
pub struct UserChange {
    /// The room.
    pub room: RoomNid,
    /// The user.
    pub user: Box<str>,
    /// The thread.
    pub thread: Arc<str>,
    /// Events that notify, more or less.
    pub notified: i32,
    /// Highlights, more or less.
    pub highlighted: i32,
}

/// The board. Cheap to clone; clones are the same board.
#[derive(Debug, Clone)]
pub struct Board {
    notes: broadcast::Sender<Arc<Change>>,
    position: watch::Sender<Position>,
}

/// Somebody who follows the board.
#[derive(Debug)]
pub struct Listener {
    /// Changes, in order.
    pub notes: broadcast::Receiver<Arc<Change>>,
    /// Where the reader is; its changes up to here have been sent.
    pub position: watch::Receiver<Position>,
}

impl Board {
    /// A board of a reader that is at `position`.
    pub fn new(position: Position) -> Self {
        Self {
            notes: broadcast::channel(NOTES).0,
            position: watch::channel(position).0,
        }
    }

    /// Follows from now on.
    pub fn listen(&self) -> Listener {
        Listener {
            notes: self.notes.subscribe(),
            position: self.position.subscribe(),
        }
    }

    /// Tells what changed.
    pub fn tell(&self, change: Change) {
        let position = change.position;
        // That nobody listens is no error.
        let _ = self.notes.send(Arc::new(change));
        self.position.send_replace(position);
    }

    /// Where the reader is.
    pub fn position(&self) -> Position {
        *self.position.borrow()
    }
}
