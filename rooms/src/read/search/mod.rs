//! `/search`: events by their words, in all rooms that somebody is or was in.
//!
//! A search asks the database a fixed number of times, whatever the number of rooms. Who asks learns
//! nothing of what they may not see: what is found in a room with a hidden past is looked at one by
//! one before it counts. Start reading at [`Reader::search`], then `page.rs` (what is found),
//! `answer.rs` (how it is shown).

mod answer;
mod page;
mod scope;
mod token;

use std::collections::BTreeMap;

use causeway_store::StoreError;
use causeway_store::search::{Key, Order, parse_term};

use self::page::Page;
use self::scope::Scope;
use self::token::SearchToken;
use super::{Asker, EventFilter, ReadError, Reader};

/// Longest search term, in bytes.
const MAX_TERM_BYTES: usize = 1_024;

/// Events that are found when nothing is said about how many, and at most.
const RESULTS: (u64, u64) = (10, 50);

/// Events on one side of a found one that are shown, at most.
const MAX_CONTEXT: u64 = 20;

/// Why a search fails.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// A term that is longer than any that is looked for.
    #[error("the search term is longer than {0} bytes")]
    LongTerm(usize),
    /// Too much had to be looked at.
    #[error("this search takes too long: name rarer words, or fewer rooms")]
    TookTooLong,
    /// Reading rooms failed, or the token is none.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<StoreError> for SearchError {
    fn from(error: StoreError) -> Self {
        if error.is_timeout() {
            Self::TookTooLong
        } else {
            Self::Read(error.into())
        }
    }
}

/// What is searched, and what is wanted with it.
#[derive(Debug, Clone)]
pub struct SearchCriteria<'a> {
    /// The languages that words are kept in.
    pub languages: &'a [String],
    /// What to look for.
    pub term: &'a str,
    /// In what of events; empty: everywhere.
    pub keys: Vec<Key>,
    /// In which events.
    pub filter: EventFilter,
    /// Which ones first.
    pub order: Order,
    /// What is wanted around them.
    pub context: Option<ContextWish>,
    /// Whether the states of their rooms are wanted.
    pub with_state: bool,
    /// Whether they are to be grouped by room.
    pub group_by_room: bool,
    /// Whether they are to be grouped by sender.
    pub group_by_sender: bool,
    /// Where to go on.
    pub from: Option<&'a str>,
}

/// What is wanted around an event that was found.
#[derive(Debug, Clone, Copy)]
pub struct ContextWish {
    /// Events before, at most.
    pub before: u64,
    /// Events after, at most.
    pub after: u64,
    /// Whether names and pictures of the senders are wanted.
    pub with_profiles: bool,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct SearchAnswer {
    /// About how many events there are in all.
    pub count: u64,
    /// This page of them, in the order that was asked for.
    pub found: Vec<FoundEvent>,
    /// Words to mark.
    pub highlights: Vec<String>,
    /// State events by room, as JSON, where they are wanted.
    pub state: BTreeMap<String, Vec<String>>,
    /// The groups by room, where they are wanted.
    pub by_room: BTreeMap<String, Group>,
    /// The groups by sender, where they are wanted.
    pub by_sender: BTreeMap<String, Group>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// An event that was found.
#[derive(Debug, Clone)]
pub struct FoundEvent {
    /// How well it fits: more is better.
    pub rank: f32,
    /// The event, as JSON.
    pub event: String,
    /// What surrounds it, where that is wanted.
    pub context: Option<FoundContext>,
}

/// What surrounds an event that was found.
#[derive(Debug, Clone)]
pub struct FoundContext {
    /// Where to go on backwards.
    pub start: String,
    /// Where to go on forwards.
    pub end: String,
    /// What came before, newest first, as JSON.
    pub before: Vec<String>,
    /// What came after, oldest first, as JSON.
    pub after: Vec<String>,
    /// The senders as they were called then, where that is wanted.
    pub profiles: Option<BTreeMap<String, SenderProfile>>,
}

/// How a sender was called.
#[derive(Debug, Clone, Default)]
pub struct SenderProfile {
    /// `displayname` of their member event.
    pub display_name: Option<String>,
    /// `avatar_url` of their member event.
    pub avatar_url: Option<String>,
}

/// Those of the events on a page that have something in common.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// Where the group stands among the others, from 1 on.
    pub order: usize,
    /// Ids of its events.
    pub events: Vec<String>,
    /// Where the next page of the group begins; `None` at its end.
    pub next: Option<String>,
}

impl Reader {
    /// Events by their words (client-server, Server Side Search).
    ///
    /// # Errors
    /// See [`SearchError`].
    pub async fn search(
        &self,
        asker: &Asker,
        criteria: &SearchCriteria<'_>,
    ) -> Result<SearchAnswer, SearchError> {
        let from = criteria.from.filter(|from| !from.is_empty());
        let from: Option<SearchToken> = from.map(str::parse).transpose()?;
        if criteria.term.len() > MAX_TERM_BYTES {
            return Err(SearchError::LongTerm(MAX_TERM_BYTES));
        }
        let words = parse_term(&self.store, criteria.languages, criteria.term).await?;
        let Some(words) = words else {
            return Ok(SearchAnswer::default());
        };
        let scope = Scope::load(self, asker, criteria, from.as_ref()).await?;
        let page = Page::load(self, asker, criteria, &scope, &words, from.as_ref()).await?;
        let answer = self.search_answer(asker, criteria, &scope, &words, page);
        Ok(answer.await?)
    }
}
