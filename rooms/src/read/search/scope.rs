//! The rooms that are searched, and how far the one who asks may look into each.

use std::collections::HashMap;

use causeway_events::visibility::Visibility;
use causeway_store::search::searched_rooms;
use causeway_store::timeline::find_departures;
use causeway_store::{RoomNid, RoomPlace, users};

use super::SearchCriteria;
use super::token::SearchToken;
use crate::read::enter::{Room, ignored_users, visibility_of};
use crate::read::{Asker, ReadError, Reader};

/// Rooms of one user that are searched, at most: those that they joined last.
const MAX_ROOMS: i64 = 5_000;

/// The rooms of a search.
pub(super) struct Scope {
    /// Each as the one who asks sees it.
    pub rooms: HashMap<RoomNid, Room>,
    /// Their ids.
    pub ids: HashMap<RoomNid, String>,
    /// Rooms that the one who asks has left, with what they saw last.
    pub left: Vec<(RoomNid, RoomPlace)>,
    /// Rooms with a past that may be hidden, with the anchor from which on it is not.
    pub closed: Vec<(RoomNid, i64)>,
    /// Whom the one who asks ignores.
    pub ignored: Vec<String>,
}

impl Scope {
    /// Three queries, or two if no room was left.
    pub(super) async fn load(
        reader: &Reader,
        asker: &Asker,
        criteria: &SearchCriteria<'_>,
        from: Option<&SearchToken>,
    ) -> Result<Self, ReadError> {
        let store = reader.store();
        let filter = &criteria.filter;
        let only = match from.and_then(SearchToken::room) {
            // The other rooms of the filter are not those of the group.
            Some(room) => {
                let is_wanted = |rooms: &Vec<String>| rooms.iter().any(|id| id == room);
                let wanted = filter.rooms.as_ref().is_none_or(is_wanted);
                Some(Vec::from_iter(wanted.then(|| room.to_owned())))
            }
            None => filter.rooms.clone(),
        };
        let listed = searched_rooms(
            store,
            &asker.user,
            only.as_deref(),
            &filter.not_rooms,
            MAX_ROOMS,
        )
        .await?;
        let gone = listed.iter().filter(|room| !room.access.is_joined());
        let members = gone.filter_map(|room| Some((room.access.room, room.access.member_event?)));
        let departures = find_departures(store, &members.collect::<Vec<_>>()).await?;
        let list = "m.ignored_user_list";
        let ignored = users::account_data::find(store, asker.user.as_str(), None, list).await?;
        let mut scope = Self {
            rooms: HashMap::with_capacity(listed.len()),
            ids: HashMap::with_capacity(listed.len()),
            left: Vec::new(),
            closed: Vec::new(),
            ignored: ignored_users(ignored.as_deref(), &asker.user),
        };
        for found in listed {
            let nid = found.access.room;
            let is_joined = found.access.is_joined();
            let departure = departures.get(&nid).copied();
            if !is_joined && departure.is_none() {
                continue;
            }
            let room = Room::of(&found.access, departure, Vec::new())?;
            let visibility = visibility_of(found.access.visibility_json.as_deref());
            let is_open = matches!(visibility, Visibility::Shared | Visibility::WorldReadable);
            if !(is_open && found.is_visibility_first) {
                let from = if is_joined {
                    found.member_position
                } else {
                    i64::MAX
                };
                scope.closed.push((nid, from));
            }
            scope.left.extend(room.end().map(|place| (nid, place)));
            scope.ids.insert(nid, found.room_id);
            scope.rooms.insert(nid, room);
        }
        Ok(scope)
    }

    /// The id of a room of the scope.
    pub(super) fn id(&self, room: RoomNid) -> &str {
        self.ids.get(&room).map_or("", String::as_str)
    }
}
