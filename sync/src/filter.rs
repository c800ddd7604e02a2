//! Filters, ready for use (client-server, Filtering).

use std::collections::HashSet;

use ruma::api::client::filter::{
    EventFormat, FilterDefinition, LazyLoadOptions, RoomEventFilter, UrlFilter,
};
use ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde::Deserialize;

use crate::limits::{DEFAULT_TIMELINE_EVENTS, MAX_FILTER_ENTRIES, MAX_TIMELINE_EVENTS};

/// What a client wants to see.
#[derive(Debug, Default)]
pub struct Filter {
    /// Fields of events that are wanted, as paths; all without.
    pub event_fields: Option<Vec<Vec<String>>>,
    /// Whether events are wanted in the form that servers exchange.
    pub federation_format: bool,
    /// Presence.
    pub presence: Rules,
    /// Global account data.
    pub account_data: Rules,
    /// Which rooms.
    pub rooms: RoomChoice,
    /// Whether rooms that were left before are wanted.
    pub include_leave: bool,
    /// Timelines.
    pub timeline: RoomRules,
    /// Relations of the events of timelines.
    pub timeline_relations: RelationRules,
    /// State.
    pub state: RoomRules,
    /// Typing and receipts.
    pub ephemeral: RoomRules,
    /// Account data of rooms.
    pub room_account_data: RoomRules,
    /// Whether members are wanted only when they say something.
    pub lazy_members: bool,
    /// Whether members are wanted that were sent before.
    pub redundant_members: bool,
    /// Whether what is unread is wanted thread by thread.
    pub unread_by_thread: bool,
}

/// Rules for types and senders. `*` in a type stands for any text.
#[derive(Debug, Default)]
pub struct Rules {
    /// Only these types.
    pub types: Option<Vec<String>>,
    /// Not these types.
    pub not_types: Vec<String>,
    /// Only of these senders.
    pub senders: Option<HashSet<OwnedUserId>>,
    /// Not of these senders.
    pub not_senders: HashSet<OwnedUserId>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// Rules for what relates to an event, and for what the event relates to. Only the database knows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RelationRules {
    /// Only events to which another one relates in one of these ways.
    pub related_by_rel_types: Option<Vec<String>>,
    /// Only events to which one of these users' events relate.
    pub related_by_senders: Option<Vec<String>>,
    /// Only events that relate to another one in one of these ways (MSC3874).
    #[serde(rename = "org.matrix.msc3874.rel_types")]
    pub rel_types: Option<Vec<String>>,
    /// No events that relate to another one in one of these ways (MSC3874).
    #[serde(rename = "org.matrix.msc3874.not_rel_types")]
    pub not_rel_types: Vec<String>,
}

/// Which rooms.
#[derive(Debug, Default)]
pub struct RoomChoice {
    /// Only these.
    pub rooms: Option<HashSet<OwnedRoomId>>,
    /// Not these.
    pub not_rooms: HashSet<OwnedRoomId>,
}

/// Rules for what happens in rooms.
#[derive(Debug, Default)]
pub struct RoomRules {
    /// Types and senders.
    pub rules: Rules,
    /// Rooms.
    pub rooms: RoomChoice,
    /// Whether the content must have, or must not have, a `url`.
    pub url: Option<bool>,
}

impl Filter {
    /// Reads a definition.
    pub fn new(definition: FilterDefinition) -> Self {
        let room = definition.room;
        let (lazy_members, redundant_members) = match &room.state.lazy_load_options {
            LazyLoadOptions::Enabled {
                include_redundant_members,
            } => (true, *include_redundant_members),
            LazyLoadOptions::Disabled => (false, false),
        };
        Self {
            event_fields: definition
                .event_fields
                .map(|fields| fields.iter().map(|field| path(field)).collect()),
            federation_format: definition.event_format == EventFormat::Federation,
            presence: rules(definition.presence),
            account_data: rules(definition.account_data),
            rooms: RoomChoice::new(room.rooms, room.not_rooms),
            include_leave: room.include_leave,
            unread_by_thread: room.timeline.unread_thread_notifications,
            timeline: RoomRules::new(room.timeline),
            timeline_relations: RelationRules::default(),
            state: RoomRules::new(room.state),
            ephemeral: RoomRules::new(room.ephemeral),
            room_account_data: RoomRules::new(room.account_data),
            lazy_members,
            redundant_members,
        }
    }

    /// Reads a definition as clients write it, with what [`FilterDefinition`] leaves out.
    ///
    /// # Errors
    /// If it is no filter.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Beside {
            room: Room,
        }
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Room {
            timeline: RelationRules,
        }
        let mut filter = Self::new(serde_json::from_str(text)?);
        filter.timeline_relations = serde_json::from_str::<Beside>(text)?.room.timeline;
        filter.timeline_relations.cut();
        Ok(filter)
    }

    /// Events of a timeline, at most.
    pub fn timeline_limit(&self) -> usize {
        let limit = self.timeline.rules.limit;
        limit
            .unwrap_or(DEFAULT_TIMELINE_EVENTS)
            .min(MAX_TIMELINE_EVENTS)
    }

    /// Whether every event of a room belongs into its timeline.
    pub fn takes_whole_timelines(&self) -> bool {
        let rules = &self.timeline.rules;
        rules.types.is_none()
            && rules.not_types.is_empty()
            && rules.senders.is_none()
            && rules.not_senders.is_empty()
            && self.timeline.url.is_none()
            && self.timeline.rooms.takes_all()
            && self.timeline_relations.take_all()
    }
}

fn rules(filter: ruma::api::client::filter::Filter) -> Rules {
    Rules {
        types: filter.types,
        not_types: filter.not_types,
        senders: filter.senders.map(HashSet::from_iter),
        not_senders: filter.not_senders.into_iter().collect(),
        limit: filter.limit.map(small),
    }
}

fn small(limit: ruma::UInt) -> usize {
    usize::try_from(u64::from(limit)).unwrap_or(usize::MAX)
}

impl Rules {
    /// Whether this type from this sender is wanted.
    pub fn allow(&self, event_type: &str, sender: Option<&UserId>) -> bool {
        let named = |patterns: &[String]| patterns.iter().any(|p| matches(p, event_type));
        self.types.as_deref().is_none_or(named)
            && !named(&self.not_types)
            && sender.is_none_or(|sender| {
                self.senders.as_ref().is_none_or(|set| set.contains(sender))
                    && !self.not_senders.contains(sender)
            })
    }
}

impl RelationRules {
    /// Whether every event passes.
    pub fn take_all(&self) -> bool {
        self.related_by_rel_types.is_none()
            && self.related_by_senders.is_none()
            && self.rel_types.is_none()
            && self.not_rel_types.is_empty()
    }

    fn cut(&mut self) {
        let lists = [
            &mut self.related_by_rel_types,
            &mut self.related_by_senders,
            &mut self.rel_types,
        ];
        for list in lists.into_iter().flatten() {
            list.truncate(MAX_FILTER_ENTRIES);
        }
        self.not_rel_types.truncate(MAX_FILTER_ENTRIES);
    }
}

impl RoomChoice {
    fn new(rooms: Option<Vec<OwnedRoomId>>, not_rooms: Vec<OwnedRoomId>) -> Self {
        Self {
            rooms: rooms.map(HashSet::from_iter),
            not_rooms: not_rooms.into_iter().collect(),
        }
    }

    /// Whether this room is wanted.
    pub fn allows(&self, room: &RoomId) -> bool {
        self.rooms.as_ref().is_none_or(|set| set.contains(room)) && !self.not_rooms.contains(room)
    }

    fn takes_all(&self) -> bool {
        self.rooms.is_none() && self.not_rooms.is_empty()
    }
}

impl RoomRules {
    fn new(filter: RoomEventFilter) -> Self {
        Self {
            rules: Rules {
                types: filter.types,
                not_types: filter.not_types,
                senders: filter.senders.map(HashSet::from_iter),
                not_senders: filter.not_senders.into_iter().collect(),
                limit: filter.limit.map(small),
            },
            rooms: RoomChoice::new(filter.rooms, filter.not_rooms),
            url: filter
                .url_filter
                .map(|url| matches!(url, UrlFilter::EventsWithUrl)),
        }
    }

    /// Whether this event is wanted.
    pub fn allow_event(&self, event: &causeway_events::Pdu) -> bool {
        self.rules.allow(event.event_type(), Some(event.sender()))
            && self.url.is_none_or(|wanted| has_url(event) == wanted)
    }
}

fn has_url(event: &causeway_events::Pdu) -> bool {
    #[derive(serde::Deserialize)]
    struct Content {
        url: Option<serde::de::IgnoredAny>,
    }
    event.content_json().contains("\"url\":")
        && event
            .content_as::<Content>()
            .is_ok_and(|content| content.url.is_some())
}

/// Whether `text` is what the pattern describes; `*` stands for any text.
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// The pattern in the language of SQL's `LIKE`.
pub fn like(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 2);
    for letter in pattern.chars() {
        match letter {
            '*' => out.push('%'),
            '%' | '_' | '\\' => {
                out.push('\\');
                out.push(letter);
            }
            // Postgres has no such character in its texts.
            '\0' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// `content.body` as its steps; a dot or backslash after a backslash is meant as such.
fn path(field: &str) -> Vec<String> {
    let mut steps = vec![String::new()];
    let mut letters = field.chars();
    while let Some(letter) = letters.next() {
        let step = steps.last_mut();
        match (letter, step) {
            ('.', _) => steps.push(String::new()),
            ('\\', Some(step)) => match letters.next() {
                Some(escaped @ ('.' | '\\')) => step.push(escaped),
                Some(other) => step.extend(['\\', other]),
                None => step.push('\\'),
            },
            (other, Some(step)) => step.push(other),
            (_, None) => {}
        }
    }
    steps
}

#[cfg(test)]
#[path = "filter_test.rs"]
mod filter_test;
