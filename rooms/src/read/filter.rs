//! `RoomEventFilter` (client-server, Filtering).

use ruma::{RoomId, UserId};
use serde::Deserialize;

/// Entries of one list of a filter that are looked at.
const MAX_FILTER_ENTRIES: usize = 500;

/// A filter of a room's events, as clients write it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct EventFilter {
    /// Events, at most.
    pub limit: Option<u64>,
    /// Types, with `*` for any text.
    pub types: Option<Vec<String>>,
    /// Types that are left out, with `*` for any text.
    pub not_types: Vec<String>,
    /// Senders.
    pub senders: Option<Vec<String>>,
    /// Senders that are left out.
    pub not_senders: Vec<String>,
    /// Rooms.
    pub rooms: Option<Vec<String>>,
    /// Rooms that are left out.
    pub not_rooms: Vec<String>,
    /// Whether the content has a `url`.
    pub contains_url: Option<bool>,
    /// Whether only the members that events name are wanted.
    pub lazy_load_members: bool,
    /// Whether members are told again that were told before; this server always does.
    pub include_redundant_members: bool,
    /// Only events that others relate to in one of these ways.
    pub related_by_rel_types: Option<Vec<String>>,
    /// Only events that events of these users relate to.
    pub related_by_senders: Option<Vec<String>>,
    /// Only events that relate to another one in one of these ways (MSC3874).
    #[serde(rename = "org.matrix.msc3874.rel_types")]
    pub rel_types: Option<Vec<String>>,
    /// No events that relate to another one in one of these ways (MSC3874).
    #[serde(rename = "org.matrix.msc3874.not_rel_types")]
    pub not_rel_types: Vec<String>,
}

impl EventFilter {
    /// Reads a filter, and cuts lists that are too long.
    ///
    /// # Errors
    /// If it is not a filter.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        let filter: Self = serde_json::from_str(json)?;
        Ok(filter.cut())
    }

    /// The filter with lists that are too long cut.
    #[must_use]
    pub fn cut(mut self) -> Self {
        let filter = &mut self;
        for list in [
            &mut filter.not_types,
            &mut filter.not_senders,
            &mut filter.not_rooms,
            &mut filter.not_rel_types,
        ] {
            list.truncate(MAX_FILTER_ENTRIES);
        }
        for list in [
            &mut filter.types,
            &mut filter.senders,
            &mut filter.rooms,
            &mut filter.related_by_rel_types,
            &mut filter.related_by_senders,
            &mut filter.rel_types,
        ]
        .into_iter()
        .flatten()
        {
            list.truncate(MAX_FILTER_ENTRIES);
        }
        self
    }

    /// Whether events of this room pass.
    pub fn passes_room(&self, room: &RoomId) -> bool {
        let is = |id: &String| id == room.as_str();
        self.rooms.as_ref().is_none_or(|rooms| rooms.iter().any(is))
            && !self.not_rooms.iter().any(is)
    }

    /// Whether an event passes, its place in a room and what relates to it apart.
    pub fn passes(&self, event_type: &str, sender: &UserId, has_url: bool) -> bool {
        let is = |id: &String| id == sender.as_str();
        self.passes_type(event_type)
            && self
                .senders
                .as_ref()
                .is_none_or(|senders| senders.iter().any(is))
            && !self.not_senders.iter().any(is)
            && self.contains_url.is_none_or(|wanted| wanted == has_url)
    }

    /// Whether events of a type pass.
    pub fn passes_type(&self, event_type: &str) -> bool {
        let fits = |pattern: &String| matches_pattern(pattern, event_type);
        self.types
            .as_ref()
            .is_none_or(|types| types.iter().any(fits))
            && !self.not_types.iter().any(fits)
    }

    /// Types as patterns of `LIKE`.
    pub(super) fn type_patterns(types: &[String]) -> Vec<String> {
        types.iter().map(|pattern| like_pattern(pattern)).collect()
    }
}

/// Whether a text fits a pattern in which `*` stands for any text.
fn matches_pattern(pattern: &str, text: &str) -> bool {
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

fn like_pattern(pattern: &str) -> String {
    let mut like = String::with_capacity(pattern.len() + 4);
    for letter in pattern.chars() {
        match letter {
            '*' => like.push('%'),
            '%' | '_' | '\\' => {
                like.push('\\');
                like.push(letter);
            }
            _ => like.push(letter),
        }
    }
    like
}

#[cfg(test)]
#[path = "filter_test.rs"]
mod tests;
