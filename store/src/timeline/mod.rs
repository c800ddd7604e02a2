//! Reading what happened in rooms: pages of events, states at events, relations, summaries.
//!
//! Every function is one query (what is more says so), keyed by room, whatever it is asked for:
//! what a page of a hundred events needs is asked for at once. Start reading at [`page`].

mod access;
mod aggregate;
mod listed;
mod page;
mod related;
pub(crate) mod row;
mod states;
mod token;

pub use access::{
    Access, Departure, InviteEvent, find_access, find_departure, find_departures, list_invites,
};
pub use aggregate::{AggregatedEvent, AggregationQuery, Aggregations, aggregations};
pub use listed::{
    Listed, Listing, SpaceChild, children_of, count_published, list_published, list_rooms,
};
pub use page::{Direction, Page, PageQuery, find_row, find_rows_by_nid, near_time, page};
pub use related::{FOLLOWED_RELATIONS, RelationQuery, Thread, related, thread_roots};
pub use row::TimelineRow;
pub use states::{
    EntryAt, EntryWish, MemberInfo, current_members, current_state, entries_at, entries_of,
    joined_members, state_events_at, state_ref_before,
};
pub use token::RoomToken;
