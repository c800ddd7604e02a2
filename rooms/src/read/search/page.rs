//! A page of what is found, and the groups on it.

use std::collections::BTreeMap;

use causeway_store::RoomPlace;
use causeway_store::search::{Found, Key, Order, RelationFilter, SearchQuery, find};

use super::scope::Scope;
use super::token::SearchToken;
use super::{Group, RESULTS, SearchCriteria, SearchError};
use crate::read::sight::States;
use crate::read::{Asker, EventFilter, Reader};

/// Events that are looked at for one page: as many may be hidden from the one who asks before a page
/// comes out short.
const WINDOW: usize = 500;

/// A page of what is found.
pub(super) struct Page {
    /// The events.
    pub found: Vec<Found>,
    /// Others after them that the one who asks may see.
    beyond: Vec<Found>,
    /// There may be more than those.
    is_cut: bool,
    /// The last event that was looked at, where nothing is shown.
    last: Option<Found>,
    /// About how many events there are in all.
    pub count: u64,
}

impl Page {
    pub(super) async fn load(
        reader: &Reader,
        asker: &Asker,
        criteria: &SearchCriteria<'_>,
        scope: &Scope,
        words: &str,
        from: Option<&SearchToken>,
    ) -> Result<Self, SearchError> {
        let found = search(reader, criteria, scope, words, from).await?;
        let uncertain = found.0.iter().filter(|found| !found.is_certain);
        let states = uncertain.map(|found| (found.room, found.before));
        let states = States::load(reader, asker, states).await?;
        let (mut found, certain) = found;
        let is_cut = found.len() >= WINDOW;
        let last = found.last().filter(|_| is_cut).cloned();
        found.retain(|found| {
            let room = scope.rooms.get(&found.room);
            let let_see = |room| states.let_see(room, found.place, found.before);
            found.is_certain || room.is_some_and(let_see)
        });
        let (default, most) = RESULTS;
        let limit = criteria.filter.limit.unwrap_or(default).clamp(1, most);
        let limit = usize::try_from(limit).unwrap_or(WINDOW);
        let beyond = found.split_off(limit.min(found.len()));
        let seen = found.iter().chain(&beyond);
        let discovered = seen.filter(|found| !found.is_certain).count();
        let count = u64::try_from(certain).unwrap_or(0) + discovered as u64;
        Ok(Self {
            found,
            beyond,
            is_cut,
            last,
            count: from.map_or(count, |from| from.count),
        })
    }

    /// Where the next page begins.
    pub(super) fn next(&self) -> Option<String> {
        if self.beyond.is_empty() && !self.is_cut {
            return None;
        }
        // If all was seen that was looked at, the next page begins behind that.
        let last = match self.beyond.is_empty() {
            true => self.last.as_ref(),
            false => self.found.last(),
        };
        last.map(|last| self.token(last, "").to_string())
    }

    fn token(&self, last: &Found, group: &str) -> SearchToken {
        SearchToken {
            rank_bits: last.rank.to_bits(),
            place: last.place,
            count: self.count,
            group: group.to_owned(),
        }
    }

    /// The groups of the page, by what `key` gives.
    pub(super) fn groups<'a>(
        &'a self,
        key: impl Fn(&'a Found) -> &'a str,
        event_id: impl Fn(&'a Found) -> Option<&'a str>,
    ) -> BTreeMap<String, Group> {
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        let mut last: BTreeMap<&str, &Found> = BTreeMap::new();
        for found in &self.found {
            let name = key(found);
            let order = groups.len() + 1;
            let group = groups.entry(name.to_owned()).or_insert_with(|| Group {
                order,
                ..Group::default()
            });
            group.events.extend(event_id(found).map(str::to_owned));
            last.insert(name, found);
        }
        for (name, found) in last {
            let goes_on = self.is_cut || self.beyond.iter().any(|found| key(found) == name);
            if let Some(group) = groups.get_mut(name).filter(|_| goes_on) {
                group.next = Some(self.token(found, name).to_string());
            }
        }
        groups
    }
}

/// What the database finds, and how much of it all is certain to be seen.
async fn search(
    reader: &Reader,
    criteria: &SearchCriteria<'_>,
    scope: &Scope,
    words: &str,
    from: Option<&SearchToken>,
) -> Result<(Vec<Found>, i64), SearchError> {
    let filter = &criteria.filter;
    let rooms: Vec<_> = scope.rooms.keys().copied().collect();
    let keys: Vec<i16> = keys_of(criteria).map(|key| key as i16).collect();
    let senders = match from.and_then(SearchToken::sender) {
        Some(sender) => {
            let is_wanted = |senders: &Vec<String>| senders.iter().any(|id| id == sender);
            let wanted = filter.senders.as_ref().is_none_or(is_wanted);
            Some(Vec::from_iter(wanted.then(|| sender.to_owned())))
        }
        None => filter.senders.clone(),
    };
    let end = RoomPlace {
        anchor: i64::MAX,
        offset: 0,
    };
    let query = SearchQuery {
        words,
        rooms: &rooms,
        left: &scope.left,
        closed: &scope.closed,
        keys: &keys,
        senders: senders.as_deref(),
        not_senders: &filter.not_senders,
        ignored: &scope.ignored,
        has_url: filter.contains_url,
        relations: RelationFilter {
            related_by_types: filter.related_by_rel_types.as_deref(),
            related_by_senders: filter.related_by_senders.as_deref(),
            rel_types: filter.rel_types.as_deref(),
            not_rel_types: &filter.not_rel_types,
        },
        order: criteria.order,
        before: match (criteria.order, from) {
            (Order::Recent, Some(from)) => from.place,
            _ => end,
        },
        after: from.map(SearchToken::bound),
        limit: i64::try_from(WINDOW).unwrap_or(i64::MAX),
    };
    let page = find(reader.store(), &query).await?;
    Ok((page.found, page.certain))
}

/// What of events is searched: what is asked for, of types that pass the filter.
fn keys_of(criteria: &SearchCriteria<'_>) -> impl Iterator<Item = Key> {
    let wanted = |key: &Key| criteria.keys.is_empty() || criteria.keys.contains(key);
    let types = EventFilter {
        types: criteria.filter.types.clone(),
        not_types: criteria.filter.not_types.clone(),
        ..EventFilter::default()
    };
    let keys = Key::ALL.into_iter().filter(wanted);
    keys.filter(move |key| types.passes_type(key.event_type()))
}
