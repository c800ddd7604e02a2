//! What a room is to a user: the first query of every read.

use std::collections::HashMap;

use ruma::{RoomId, UserId};

use crate::ids::{EventNid, RoomNid, RoomPlace, StateRef};
use crate::log::Membership;
use crate::meter::timed;
use crate::{Store, StoreError};

/// Memberships that are followed back from the present one to find when a user last was in a
/// room. Whoever changed more often without joining sees the room up to the oldest of them.
const FOLLOWED_MEMBERSHIPS: i32 = 64;

/// A room and what it is to a user.
#[derive(Debug, Clone)]
pub struct Access {
    /// The room.
    pub room: RoomNid,
    /// The room version.
    pub version: String,
    /// The current state.
    pub state: StateRef,
    /// The user's membership, if the user has one.
    pub membership: Option<Membership>,
    /// The event that gave it.
    pub member_event: Option<EventNid>,
    /// Whether the user has forgotten the room.
    pub forgotten: bool,
    /// Whether the user has ever been in the room.
    pub was_joined: bool,
    /// JSON of the current `m.room.history_visibility`.
    pub visibility_json: Option<String>,
    /// Content of the user's `m.ignored_user_list`.
    pub ignored_json: Option<String>,
    /// Whether the room stands in this server's directory.
    pub published: bool,
}

impl Access {
    /// Whether the user is in the room.
    pub fn is_joined(&self) -> bool {
        self.membership == Some(Membership::Join)
    }
}

/// The room, if this server knows it, and what it is to the user.
///
/// # Errors
/// If the database does not answer.
pub async fn find_access(
    store: &Store,
    room_id: &RoomId,
    user: &UserId,
) -> Result<Option<Access>, StoreError> {
    let row = timed(
        sqlx::query!(
            r#"
SELECT r.room_nid, r.version, r.published, h.line, h.step,
       m.membership AS "membership?", m.forgotten AS "forgotten?", m.was_joined AS "was_joined?",
       m.event_nid AS "member_nid?", v.json AS "visibility?", a.content AS "ignored?"
FROM rooms r
JOIN room_heads h ON h.room_nid = r.room_nid
LEFT JOIN memberships m ON m.room_nid = r.room_nid AND m.user_id = $2
LEFT JOIN state_keys k ON k.type = 'm.room.history_visibility' AND k.state_key = ''
LEFT JOIN current_state c ON c.room_nid = r.room_nid AND c.key_nid = k.key_nid
LEFT JOIN events v ON v.room_nid = c.room_nid AND v.event_nid = c.event_nid
LEFT JOIN account_data a ON a.user_id = $2 AND a.room_nid = 0 AND a.type = 'm.ignored_user_list'
WHERE r.room_id = $1
            "#,
            room_id.as_str(),
            user.as_str(),
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(row.map(|row| Access {
        room: RoomNid(row.room_nid),
        version: row.version,
        state: StateRef {
            line: row.line,
            step: row.step,
        },
        membership: row.membership.and_then(Membership::from_number),
        member_event: row.member_nid.map(EventNid),
        forgotten: row.forgotten.unwrap_or(false),
        was_joined: row.was_joined.unwrap_or(false),
        visibility_json: row.visibility,
        ignored_json: row.ignored,
        published: row.published,
    }))
}

/// Invites of one user that are listed, at most.
const LISTED_INVITES: i64 = 1_000;

/// The member event by which somebody was invited.
#[derive(Debug, Clone)]
pub struct InviteEvent {
    /// The room.
    pub room_id: String,
    /// The room version.
    pub version: String,
    /// The event's id.
    pub event_id: String,
    /// The event.
    pub json: String,
}

/// The invites of a user, the newest first.
///
/// # Errors
/// If the database does not answer.
pub async fn list_invites(store: &Store, user: &UserId) -> Result<Vec<InviteEvent>, StoreError> {
    let invites = timed(
        sqlx::query_as!(
            InviteEvent,
            "SELECT r.room_id, r.version, e.event_id, e.json
             FROM memberships m
             JOIN rooms r ON r.room_nid = m.room_nid
             JOIN events e ON e.room_nid = m.room_nid AND e.event_nid = m.event_nid
             WHERE m.user_id = $1 AND m.membership = 1
             ORDER BY m.position DESC LIMIT $2",
            user.as_str(),
            LISTED_INVITES,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    Ok(invites)
}

/// When a user last left a room.
#[derive(Debug, Clone, Copy)]
pub struct Departure {
    /// The place of the event that took them out.
    pub place: RoomPlace,
    /// The state after it.
    pub state: StateRef,
}

/// When the user whose present member event is `member_event` last left the room; `None` if they
/// were never in it.
///
/// # Errors
/// If the database does not answer.
pub async fn find_departure(
    store: &Store,
    room: RoomNid,
    member_event: EventNid,
) -> Result<Option<Departure>, StoreError> {
    let mut found = find_departures(store, &[(room, member_event)]).await?;
    Ok(found.remove(&room))
}

/// The same for several rooms. One query.
///
/// # Errors
/// If the database does not answer.
pub async fn find_departures(
    store: &Store,
    members: &[(RoomNid, EventNid)],
) -> Result<HashMap<RoomNid, Departure>, StoreError> {
    if members.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = timed(
        sqlx::query!(
            r#"
WITH RECURSIVE walk(room_nid, event_nid, n) AS (
    SELECT m.room_nid, m.event_nid, 0 FROM UNNEST($1::bigint[], $2::bigint[]) AS m(room_nid, event_nid)
    UNION ALL
    SELECT w.room_nid, e.replaces, w.n + 1
    FROM walk w JOIN events e ON e.room_nid = w.room_nid AND e.event_nid = w.event_nid
    WHERE e.replaces IS NOT NULL AND w.n < $3
)
SELECT e.room_nid, e.json, e.anchor, e.anchor_offset, e.line, e.step
FROM walk w JOIN events e ON e.room_nid = w.room_nid AND e.event_nid = w.event_nid
ORDER BY w.room_nid, w.n
            "#,
            &members.iter().map(|(room, _)| room.0).collect::<Vec<_>>(),
            &members.iter().map(|(_, event)| event.0).collect::<Vec<_>>(),
            FOLLOWED_MEMBERSHIPS,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let mut departures = HashMap::new();
    for room in rows.chunk_by(|a, b| a.room_nid == b.room_nid) {
        let mut departure = None;
        let mut has_joined = false;
        for row in room {
            if says_join(&row.json) {
                has_joined = true;
                break;
            }
            departure = row.anchor.map(|anchor| Departure {
                place: RoomPlace {
                    anchor,
                    offset: row.anchor_offset,
                },
                state: StateRef {
                    line: row.line,
                    step: row.step,
                },
            });
        }
        // Without a join the walk was cut short, or the user never was in the room.
        let was_cut = room.len() > usize::try_from(FOLLOWED_MEMBERSHIPS).unwrap_or(usize::MAX);
        if let (Some(departure), Some(row)) = (departure, room.first())
            && (has_joined || was_cut)
        {
            departures.insert(RoomNid(row.room_nid), departure);
        }
    }
    Ok(departures)
}

fn says_join(json: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        content: Content<'a>,
    }
    #[derive(serde::Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        membership: std::borrow::Cow<'a, str>,
    }
    serde_json::from_str::<Event<'_>>(json).is_ok_and(|event| event.content.membership == "join")
}
