//! The published rooms of this server.

use causeway_store::timeline::{Listing, count_published, list_published};
use serde::Serialize;

use super::summary::SummaryBody;
use super::{ReadError, Reader, bounded};

/// Rooms that one answer holds when it is not told how many.
const DEFAULT_ROOMS: u64 = 100;

/// Longest text to search for, in bytes.
const MAX_SEARCH_BYTES: usize = 500;

/// What the directory is asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct PublicRoomsQuery<'a> {
    /// Rooms, at most.
    pub limit: Option<u64>,
    /// Where to begin.
    pub since: Option<&'a str>,
    /// Text in the name, the topic or the main alias.
    pub search: Option<&'a str>,
    /// Types of rooms; `None` in the list stands for rooms without a type.
    pub room_types: Option<&'a [Option<String>]>,
}

/// A page of the directory, in the form of the specification.
#[derive(Debug, Clone, Serialize)]
pub struct PublicRooms {
    /// The rooms, the largest first.
    pub chunk: Vec<SummaryBody>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_batch: Option<String>,
    /// Where the page before begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev_batch: Option<String>,
    /// Rooms in the directory.
    pub total_room_count_estimate: u64,
}

impl Reader {
    /// A page of this server's directory (client-server, `POST /publicRooms`). Two queries.
    ///
    /// # Errors
    /// [`ReadError::BadToken`] for a `since` that is none of this server.
    pub async fn public_rooms(
        &self,
        query: PublicRoomsQuery<'_>,
    ) -> Result<PublicRooms, ReadError> {
        let offset = match query.since.filter(|since| !since.is_empty()) {
            None => 0,
            Some(since) => since
                .strip_prefix('p')
                .and_then(|number| number.parse::<i64>().ok())
                .filter(|offset| *offset >= 0)
                .ok_or(ReadError::BadToken("since"))?,
        };
        let limit = bounded(query.limit, DEFAULT_ROOMS).max(1);
        let search = query
            .search
            .map(str::trim)
            .filter(|search| !search.is_empty());
        if search.is_some_and(|search| search.len() > MAX_SEARCH_BYTES) {
            return Ok(PublicRooms::empty(count_published(&self.store).await?));
        }
        let listing = Listing {
            search,
            offset,
            limit: limit.saturating_add(1),
        };
        let mut rooms = list_published(&self.store, listing).await?;
        let wanted = usize::try_from(limit).unwrap_or(0);
        let is_more = rooms.len() > wanted;
        rooms.truncate(wanted);
        let chunk = rooms
            .iter()
            .map(SummaryBody::of)
            .filter(|body| search.is_none_or(|search| body.holds(search)))
            .filter(|body| {
                query
                    .room_types
                    .is_none_or(|types| types.contains(&body.room_type))
            })
            .map(SummaryBody::for_directory)
            .collect();
        let token = |offset: i64| format!("p{offset}");
        Ok(PublicRooms {
            chunk,
            next_batch: is_more.then(|| token(offset.saturating_add(limit))),
            prev_batch: (offset > 0).then(|| token((offset - limit).max(0))),
            total_room_count_estimate: count_published(&self.store).await?,
        })
    }
}

impl PublicRooms {
    fn empty(total: u64) -> Self {
        Self {
            chunk: Vec::new(),
            next_batch: None,
            prev_batch: None,
            total_room_count_estimate: total,
        }
    }
}

impl SummaryBody {
    fn holds(&self, search: &str) -> bool {
        let search = search.to_lowercase();
        [&self.name, &self.topic, &self.canonical_alias]
            .into_iter()
            .flatten()
            .any(|text| text.to_lowercase().contains(&search))
    }

    /// The directory tells less than a summary does.
    fn for_directory(self) -> Self {
        Self {
            allowed_room_ids: Vec::new(),
            encryption: None,
            room_version: None,
            ..self
        }
    }
}
