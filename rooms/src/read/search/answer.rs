//! How what was found is shown.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use causeway_store::search::{Found, Near, Side, around, find_rows, highlights, states_of};
use causeway_store::timeline::{EntryWish, RoomToken, entries_of};
use causeway_store::{EventNid, RoomNid};
use serde::Deserialize;

use super::page::Page;
use super::scope::Scope;
use super::{
    ContextWish, FoundContext, FoundEvent, MAX_CONTEXT, SearchAnswer, SearchCriteria, SenderProfile,
};
use crate::read::show::{Entered, Shown};
use crate::read::{Asker, EventFilter, ReadError, Reader};

/// State events of all rooms of one page, at most; members come last.
const MAX_STATE_EVENTS: i64 = 10_000;

/// How much of a text is looked at for words to mark, in bytes.
const MARKED_BYTES: usize = 4_096;

/// Words to mark, at most.
const MAX_HIGHLIGHTS: usize = 100;

/// Events by their numbers.
type ByNid = HashMap<EventNid, Shown>;

impl Reader {
    /// Shows a page: with everything that can be wanted, eight queries.
    pub(super) async fn search_answer(
        &self,
        asker: &Asker,
        criteria: &SearchCriteria<'_>,
        scope: &Scope,
        words: &str,
        page: Page,
    ) -> Result<SearchAnswer, ReadError> {
        let near = match criteria.context {
            Some(wish) => near(self, scope, &page.found, wish).await?,
            None => Vec::new(),
        };
        let shown = self.show_found(asker, scope, &page.found, &near).await?;
        let mut answer = SearchAnswer {
            count: page.count,
            next: page.next(),
            highlights: self.marks(criteria, words, &page.found, &shown).await?,
            ..SearchAnswer::default()
        };
        let event_id = |found: &Found| Some(shown.get(&found.event)?.pdu.event_id().as_str());
        if criteria.group_by_room {
            answer.by_room = page.groups(|found| scope.id(found.room), event_id);
        }
        if criteria.group_by_sender {
            answer.by_sender = page.groups(|found| &found.sender, event_id);
        }
        if criteria.with_state {
            answer.state = self
                .states_of_found(criteria, scope, &page.found, &shown)
                .await?;
        }
        let profiles = match criteria.context {
            Some(wish) if wish.with_profiles => {
                Some(self.profiles_of(&page.found, &near, &shown).await?)
            }
            _ => None,
        };
        for (at, found) in page.found.iter().enumerate() {
            let Some(event) = shown.get(&found.event) else {
                continue;
            };
            let context = criteria.context.map(|_| FoundContext {
                profiles: profiles.as_ref().and_then(|all| all.get(at)).cloned(),
                ..context(at, found, &near, &shown)
            });
            answer.found.push(FoundEvent {
                rank: found.rank,
                event: event.json.clone(),
                context,
            });
        }
        Ok(answer)
    }

    /// The found events and those around them. Three queries.
    async fn show_found(
        &self,
        asker: &Asker,
        scope: &Scope,
        found: &[Found],
        near: &[Near],
    ) -> Result<ByNid, ReadError> {
        if found.is_empty() {
            return Ok(ByNid::new());
        }
        let mut wanted: BTreeSet<(RoomNid, EventNid)> = found
            .iter()
            .map(|found| (found.room, found.event))
            .collect();
        let around = near.iter().filter_map(|near| {
            let room = found.get(near.at)?.room;
            Some((room, near.event))
        });
        wanted.extend(around);
        let wanted: Vec<_> = wanted.into_iter().collect();
        let rows = find_rows(self.store(), &wanted).await?;
        let rooms = Entered::Many(&scope.rooms);
        let everything = EventFilter::default();
        let shown = self
            .show_across(rooms, asker, &scope.ignored, &rows, &everything)
            .await?;
        Ok(shown.into_iter().map(|shown| (shown.nid, shown)).collect())
    }

    /// The words that were found. One query.
    async fn marks(
        &self,
        criteria: &SearchCriteria<'_>,
        words: &str,
        found: &[Found],
        shown: &ByNid,
    ) -> Result<Vec<String>, ReadError> {
        let events = found.iter().filter_map(|found| shown.get(&found.event));
        let texts: Vec<String> = events.filter_map(text_of).collect();
        let languages = criteria.languages;
        let words = highlights(self.store(), languages, words, &texts, MAX_HIGHLIGHTS).await?;
        Ok(words)
    }

    /// The states of the rooms of a page. One query.
    async fn states_of_found(
        &self,
        criteria: &SearchCriteria<'_>,
        scope: &Scope,
        found: &[Found],
        shown: &ByNid,
    ) -> Result<BTreeMap<String, Vec<String>>, ReadError> {
        let rooms: BTreeSet<RoomNid> = found.iter().map(|found| found.room).collect();
        let rooms = rooms.into_iter().filter_map(|nid| scope.rooms.get(&nid));
        let rooms: Vec<_> = rooms.map(|room| (room.nid, room.visible_state())).collect();
        if rooms.is_empty() {
            return Ok(BTreeMap::new());
        }
        let senders: BTreeSet<&str> = shown
            .values()
            .map(|shown| shown.pdu.sender().as_str())
            .collect();
        let members: Vec<String> = senders.into_iter().map(str::to_owned).collect();
        let members = criteria.filter.lazy_load_members.then_some(&members[..]);
        let rows = states_of(self.store(), &rooms, members, MAX_STATE_EVENTS).await?;
        let mut states: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in rows {
            if let Some(room) = scope.rooms.get(&row.room) {
                let id = scope.id(row.room).to_owned();
                let events = self.show_state(room, std::slice::from_ref(&row))?;
                states.entry(id).or_default().extend(events);
            }
        }
        Ok(states)
    }

    /// For each found event, how the senders around it were called then. One query.
    async fn profiles_of(
        &self,
        found: &[Found],
        near: &[Near],
        shown: &ByNid,
    ) -> Result<Vec<BTreeMap<String, SenderProfile>>, ReadError> {
        let mut senders: Vec<BTreeSet<&str>> = vec![BTreeSet::new(); found.len()];
        let own = found.iter().enumerate().map(|(at, it)| (at, it.event));
        for (at, event) in own.chain(near.iter().map(|near| (near.at, near.event))) {
            if let (Some(shown), Some(senders)) = (shown.get(&event), senders.get_mut(at)) {
                senders.insert(shown.pdu.sender().as_str());
            }
        }
        let states: Vec<_> = found.iter().map(|it| (it.room, it.state)).collect();
        let wishes = senders.iter().enumerate().flat_map(|(at, senders)| {
            senders.iter().map(move |sender| EntryWish {
                at,
                event_type: "m.room.member",
                state_key: sender,
            })
        });
        let wishes: Vec<_> = wishes.collect();
        let entries = entries_of(self.store(), &states, &wishes).await?;
        let mut profiles = vec![BTreeMap::new(); found.len()];
        for entry in entries {
            if let Some(profiles) = profiles.get_mut(entry.at) {
                profiles.insert(entry.state_key, profile_in(&entry.json));
            }
        }
        Ok(profiles)
    }
}

/// What was said around the found events. One query.
async fn near(
    reader: &Reader,
    scope: &Scope,
    found: &[Found],
    wish: ContextWish,
) -> Result<Vec<Near>, ReadError> {
    let bounded = |limit: u64| i64::try_from(limit.min(MAX_CONTEXT)).unwrap_or(0);
    let limits = (bounded(wish.before), bounded(wish.after));
    let places = found.iter().map(|found| {
        let room = scope.rooms.get(&found.room);
        let end = room.map_or(RoomToken::after(found.place), |room| room.end_token());
        (found.room, found.place, end)
    });
    Ok(around(reader.store(), &places.collect::<Vec<_>>(), limits).await?)
}

fn context(at: usize, found: &Found, near: &[Near], shown: &ByNid) -> FoundContext {
    let own = near.iter().filter(|near| near.at == at);
    let places = own.clone().map(|near| near.place).chain([found.place]);
    let first = places.clone().min().unwrap_or(found.place);
    let last = places.max().unwrap_or(found.place);
    let on = |side: Side| {
        let events = own.clone().filter(move |near| near.side == side);
        let events = events.filter_map(|near| shown.get(&near.event));
        events.map(|shown| shown.json.clone()).collect()
    };
    FoundContext {
        start: RoomToken::before(first).to_string(),
        end: RoomToken::after(last).to_string(),
        before: on(Side::Before),
        after: on(Side::After),
        profiles: None,
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Texts {
    body: Option<serde_json::Value>,
    name: Option<serde_json::Value>,
    topic: Option<serde_json::Value>,
}

impl Texts {
    fn first(self) -> Option<String> {
        let texts = [self.body, self.name, self.topic].into_iter().flatten();
        let mut texts = texts.filter_map(|value| Some(value.as_str()?.to_owned()));
        texts.next()
    }
}

/// The text of an event in which words are marked: that of its newest edit.
fn text_of(shown: &Shown) -> Option<String> {
    #[derive(Deserialize)]
    struct Event {
        unsigned: Unsigned,
    }
    #[derive(Deserialize)]
    struct Unsigned {
        #[serde(rename = "m.relations")]
        relations: Relations,
    }
    #[derive(Deserialize)]
    struct Relations {
        #[serde(rename = "m.replace")]
        edit: Edit,
    }
    #[derive(Deserialize)]
    struct Edit {
        content: Content,
    }
    #[derive(Deserialize)]
    struct Content {
        #[serde(rename = "m.new_content")]
        new: Texts,
    }
    let edited = serde_json::from_str::<Event>(&shown.json).ok();
    let texts = match edited {
        Some(event) => event.unsigned.relations.edit.content.new,
        None => shown.pdu.content_as::<Texts>().ok()?,
    };
    let mut text = texts.first()?.replace('\0', " ");
    let mut end = MARKED_BYTES.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    Some(text)
}

fn profile_in(member_event: &str) -> SenderProfile {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Event {
        content: Content,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Content {
        displayname: Option<serde_json::Value>,
        avatar_url: Option<serde_json::Value>,
    }
    let event: Event = serde_json::from_str(member_event).unwrap_or_default();
    let text = |value: Option<serde_json::Value>| Some(value?.as_str()?.to_owned());
    SenderProfile {
        display_name: text(event.content.displayname),
        avatar_url: text(event.content.avatar_url),
    }
}
