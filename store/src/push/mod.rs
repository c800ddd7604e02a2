//! Push: what the reader of the log reads and writes, and what others ask of it.
//!
//! How counts are kept stands in `migrations/0020_push.sql`. Start reading at [`batch_of`] and [`load_batch`]
//! (what the reader is given), [`write_batch`] (its effect, with its cursor) and [`counts`].

mod board;
mod counts;
mod enqueue;
mod facts;
mod items;
mod list;
mod queue;
mod trim;
mod write;

pub use self::board::{Board, Change, Listener, SharedChange, UserChange};
pub use self::counts::{Counts, RoomCounts, ThreadCount, counts, counts_in, counts_since};
pub use self::facts::{
    MemberOfRoom, PersonalMember, RoomFacts, RoomLevels, ignored_among, ignorers, list_personal,
    members_among, personal_among, redacted_among, room_facts, room_levels, rules_of, threads_of,
};
pub use self::items::{Batch, Item, LoggedEvent, ReadUpTo, batch_of, load_batch, load_cursor};
pub use self::list::{Notification, list_notifications};
pub use self::queue::{
    DuePusher, NewQueued, PusherKey, Queued, delivered, due_pushers, failed, next_queued,
    pushers_in, settled, unread_total, waiting,
};
pub use self::trim::trim;
pub use self::write::{Effect, Membership, NewAction, NewShared, Redacted, Written, write_batch};

/// The name of the reader among the log's.
pub(crate) const READER: &str = "push";

/// The thread of what is in none.
pub const MAIN: &str = "main";

/// What a database number may be at most here: counts are small.
fn small(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}
