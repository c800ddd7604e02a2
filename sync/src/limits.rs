//! Every limit of this crate, by name.

/// Longest time that a client may wait, in milliseconds.
pub const MAX_TIMEOUT_MS: u64 = 120_000;

/// Longest time that a request waits for the hub to take in what was written before it came.
pub const MAX_LAG: std::time::Duration = std::time::Duration::from_secs(5);

/// Events of a timeline where the filter names no number.
pub const DEFAULT_TIMELINE_EVENTS: usize = 10;

/// Events of a timeline, at most.
pub const MAX_TIMELINE_EVENTS: usize = 500;

/// Events that are looked at for a timeline of which some are hidden from the reader, at least.
pub const LOOK_BEHIND_EVENTS: usize = 100;

/// Entries that a room's ring keeps.
pub const MAX_RING_ENTRIES: usize = 256;

/// Bytes that all rings keep together.
pub const MAX_RING_BYTES: usize = 128 * 1024 * 1024;

/// Changes of rooms that are remembered for each user who syncs.
pub const MAX_RECENT_ROOMS: usize = 64;

/// Entries of their own (account data, messages, devices) that are remembered for each user.
pub const MAX_OWN_ENTRIES: usize = 256;

/// Changes of typing and presence that are remembered for each user.
pub const MAX_EPHEMERAL_NEWS: usize = 512;

/// Member events that are kept for each room.
pub const MAX_ROOM_MEMBERS: usize = 5_000;

/// Members that a device is remembered to know.
pub const MAX_MEMBERS_SENT: usize = 20_000;

/// Devices that are remembered for each user.
pub const MAX_DEVICES: usize = 256;

/// Requests of one user that wait at the same time; the oldest goes when another comes.
pub const MAX_WAITERS: usize = 256;

/// Requests that wait for what happens in one room; the oldest goes when another comes.
pub const MAX_OBSERVERS: usize = 4_096;

/// Messages to a device in one answer.
pub const MAX_TO_DEVICE: usize = 100;

/// Members of a room who are online, beyond which presence does not spread through it.
pub const MAX_PRESENCE_ROOM: usize = 500;

/// Presence of others in one answer.
pub const MAX_PRESENCE: usize = 1_000;

/// Users in a room who are shown as typing.
pub const MAX_TYPING: usize = 100;

/// Longest time that somebody is typing without saying so again, in milliseconds.
pub const MAX_TYPING_MS: u64 = 120_000;

/// Counts of what is unread, of one user in one room each, that are kept.
pub const MAX_COUNTED: usize = 500_000;

/// How long what was written is held back, so that it is told with the counts that include it.
pub const MAX_COUNTING: std::time::Duration = std::time::Duration::from_secs(1);

/// Time without a request after which a user is offline, in milliseconds.
pub const OFFLINE_AFTER_MS: u64 = 30_000;

/// How long another server's word is believed that a user is there, in milliseconds.
pub const HEARD_PRESENCE_MS: u64 = 30 * 60_000;

/// Time without a request after which nothing is kept about a user, in milliseconds.
pub const UNLOAD_AFTER_MS: u64 = 300_000;

/// How long an action counts as `currently_active`, in milliseconds.
pub const ACTIVE_MS: u64 = 300_000;

/// Stored filters that are kept in memory.
pub const CACHED_FILTERS: usize = 10_000;

/// Users whose presence is written in one statement.
pub const PRESENCE_BATCH: usize = 1_000;

/// Entries of one list of relations of a filter that are looked at.
pub const MAX_FILTER_ENTRIES: usize = 500;
