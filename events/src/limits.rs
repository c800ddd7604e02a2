//! Limits of the specification on one event.

/// Largest whole event, in bytes of canonical JSON with signatures (client-server, Size limits).
pub const MAX_EVENT_BYTES: usize = 65_536;
/// Longest `sender`, `room_id`, `event_id`, `type` and `state_key`, in bytes.
pub const MAX_FIELD_BYTES: usize = 255;
/// Most entries of `prev_events` (rooms, Event format).
pub const MAX_PREV_EVENTS: usize = 20;
/// Most entries of `auth_events` (rooms, Event format).
pub const MAX_AUTH_EVENTS: usize = 10;
