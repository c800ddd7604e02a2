//! Finding events by their words.

use sqlx::PgConnection;

use super::languages::three;
use crate::ids::{EventNid, RoomNid, RoomPlace, StateRef};
use crate::meter::timed;
use crate::{Store, StoreError};

/// Events that have the words of which more is looked at: the newest. Those beyond are found by
/// going on from there.
const CANDIDATES: i64 = 5_000;

/// How long a search may take, in milliseconds.
const LONGEST_MS: u32 = 5_000;

/// Where a text begins and ends in which words are marked.
const MARKS: [char; 2] = ['\u{2}', '\u{3}'];

/// How events that were found are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The best ones first.
    Rank,
    /// The newest ones first.
    Recent,
}

/// What is searched, and where.
#[derive(Debug, Clone)]
pub struct SearchQuery<'a> {
    /// The words, from [`parse_term`].
    pub words: &'a str,
    /// In which rooms.
    pub rooms: &'a [RoomNid],
    /// Rooms of which the last event to be seen is known.
    pub left: &'a [(RoomNid, RoomPlace)],
    /// Rooms of which it is certain only from an anchor on that the one who asks may see all.
    pub closed: &'a [(RoomNid, i64)],
    /// What of events is searched; see [`super::Key`].
    pub keys: &'a [i16],
    /// Senders.
    pub senders: Option<&'a [String]>,
    /// Senders that are left out.
    pub not_senders: &'a [String],
    /// Senders of whom only state events are wanted.
    pub ignored: &'a [String],
    /// Whether the content has a `url`.
    pub has_url: Option<bool>,
    /// What relates to events, and what they relate to.
    pub relations: RelationFilter<'a>,
    /// Which come first.
    pub order: Order,
    /// Only events before this place.
    pub before: RoomPlace,
    /// Only events that come after this one in the order.
    pub after: Option<Bound>,
    /// Events, at most.
    pub limit: i64,
}

/// What relates to events, and what they relate to.
#[derive(Debug, Clone, Copy, Default)]
pub struct RelationFilter<'a> {
    /// Only events to which another one relates in one of these ways.
    pub related_by_types: Option<&'a [String]>,
    /// Only events to which one of these users' events relate.
    pub related_by_senders: Option<&'a [String]>,
    /// Only events that relate to another one in one of these ways.
    pub rel_types: Option<&'a [String]>,
    /// No events that relate to another one in one of these ways.
    pub not_rel_types: &'a [String],
}

/// A place in the order of what is found.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// The rank of the event there.
    pub rank: f32,
    /// Its place.
    pub place: RoomPlace,
}

/// An event that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The room.
    pub room: RoomNid,
    /// The event.
    pub event: EventNid,
    /// Its place.
    pub place: RoomPlace,
    /// Who sent it.
    pub sender: String,
    /// How well it fits: more is better.
    pub rank: f32,
    /// The state before it.
    pub before: StateRef,
    /// The state after it.
    pub state: StateRef,
    /// Whether it is certain that the one who asks may see it.
    pub is_certain: bool,
}

/// Events that were found, in the order that was asked for.
#[derive(Debug, Clone, Default)]
pub struct FoundPage {
    /// The events.
    pub found: Vec<Found>,
    /// How many there are in all of which it is certain that the one who asks may see them, as far
    /// as was looked.
    pub certain: i64,
}

/// A search term as the database writes it; `None` if it holds no word that could be found. Words
/// must all be there; `"several words"` stand together, `or` gives a choice, `-` excludes.
///
/// # Errors
/// If the database does not answer, or the term is no text to it.
pub async fn parse_term(
    store: &Store,
    languages: &[String],
    term: &str,
) -> Result<Option<String>, StoreError> {
    let [first, second, third] = three(languages);
    let row = timed(
        sqlx::query!(
            r#"SELECT numnode(q.query) > 0 AS "has_words!", q.query::text AS "words!"
               FROM (SELECT websearch_to_tsquery($1::text::regconfig, $4)
                         || COALESCE(websearch_to_tsquery($2::text::regconfig, $4), ''::tsquery)
                         || COALESCE(websearch_to_tsquery($3::text::regconfig, $4), ''::tsquery) AS query) q"#,
            first,
            second,
            third,
            term,
        )
        .fetch_one(store.pool()),
    )
    .await?;
    Ok(row.has_words.then_some(row.words))
}

struct Row {
    room_nid: i64,
    event_nid: i64,
    anchor: i64,
    anchor_offset: i32,
    sender: String,
    rank: f32,
    line: i32,
    step: i32,
    is_state: bool,
    is_certain: bool,
    certain: i64,
}

/// Events with the words of a term. The newest that have them are ordered, however many more there
/// are.
///
/// # Errors
/// If the database does not answer.
pub async fn find(store: &Store, query: &SearchQuery<'_>) -> Result<FoundPage, StoreError> {
    if query.rooms.is_empty() || query.keys.is_empty() {
        return Ok(FoundPage::default());
    }
    let mut tx = store.pool().begin().await?;
    // The plan must follow the words: for rare ones the index of words, for frequent ones the order
    // of time.
    timed(
        sqlx::query!(
            "SELECT set_config('plan_cache_mode', 'force_custom_plan', true) AS plan,
                    set_config('statement_timeout', $1, true) AS timeout",
            LONGEST_MS.to_string(),
        )
        .fetch_one(&mut *tx),
    )
    .await?;
    let rows = rows_of(&mut tx, query).await?;
    tx.commit().await?;
    let certain = rows.first().map_or(0, |row| row.certain);
    let found = rows.into_iter().map(Found::from).collect();
    Ok(FoundPage { found, certain })
}

async fn rows_of(
    connection: &mut PgConnection,
    query: &SearchQuery<'_>,
) -> Result<Vec<Row>, sqlx::Error> {
    let after = query.after.filter(|_| query.order == Order::Rank);
    timed(
        sqlx::query_as!(
            Row,
            r#"
WITH candidates AS MATERIALIZED (
    SELECT s.room_nid, s.event_nid, s.anchor, s.anchor_offset, s.sender, s.words FROM search_words s
    WHERE s.words @@ $1::text::tsquery AND s.room_nid = ANY($2::bigint[]) AND s.key = ANY($3::smallint[])
      AND (s.anchor, s.anchor_offset) < ($4::bigint, $5::int)
      AND (s.room_nid <> ALL($6::bigint[]) OR (
            SELECT (s.anchor, s.anchor_offset) <= (l.anchor, l.anchor_offset)
            FROM UNNEST($6::bigint[], $7::bigint[], $8::int[]) AS l(room_nid, anchor, anchor_offset) WHERE l.room_nid = s.room_nid))
      AND ($9::text[] IS NULL OR s.sender = ANY($9)) AND s.sender <> ALL($10::text[])
      AND (s.key <> 1 OR s.sender <> ALL($11::text[]))
      AND ($12::boolean IS NULL OR s.has_url = $12)
      AND (($21::text[] IS NULL AND $22::text[] IS NULL) OR (
            SELECT 1 FROM events o JOIN relations r ON r.room_nid = o.room_nid AND r.parent_id = o.event_id
            WHERE o.room_nid = s.room_nid AND o.event_nid = s.event_nid
              AND ($21 IS NULL OR r.rel_type = ANY($21)) AND ($22 IS NULL OR r.sender = ANY($22)) LIMIT 1) IS NOT NULL)
      AND ($23::text[] IS NULL OR (SELECT r.rel_type FROM relations r WHERE r.room_nid = s.room_nid AND r.child_nid = s.event_nid) = ANY($23))
      AND (cardinality($24::text[]) = 0 OR COALESCE((
            SELECT r.rel_type FROM relations r WHERE r.room_nid = s.room_nid AND r.child_nid = s.event_nid) <> ALL($24), true))
    ORDER BY s.anchor DESC, s.anchor_offset DESC LIMIT $13),
judged AS MATERIALIZED (
    SELECT c.room_nid, c.event_nid, c.anchor, c.anchor_offset, c.sender, ts_rank(c.words, $1::text::tsquery) AS rank,
           c.room_nid <> ALL($14::bigint[]) OR (
             SELECT c.anchor >= l.anchor FROM UNNEST($14::bigint[], $15::bigint[]) AS l(room_nid, anchor)
             WHERE l.room_nid = c.room_nid) AS is_certain FROM candidates c),
page AS (
    SELECT * FROM judged j WHERE $16::real IS NULL OR (j.rank, j.anchor, j.anchor_offset) < ($16::real, $17::bigint, $18::int)
    ORDER BY CASE WHEN $19::boolean THEN j.rank ELSE 0 END DESC, j.anchor DESC, j.anchor_offset DESC LIMIT $20)
SELECT p.room_nid, p.event_nid, p.anchor, p.anchor_offset, p.sender, p.rank AS "rank!", e.line, e.step,
       e.key_nid IS NOT NULL AS "is_state!", p.is_certain AS "is_certain!",
       (SELECT count(*) FROM judged j WHERE j.is_certain) AS "certain!"
FROM page p JOIN events e ON e.room_nid = p.room_nid AND e.event_nid = p.event_nid WHERE e.flags & 11 = 0
ORDER BY CASE WHEN $19 THEN p.rank ELSE 0 END DESC, p.anchor DESC, p.anchor_offset DESC
            "#,
            query.words,
            &query.rooms.iter().map(|room| room.0).collect::<Vec<_>>(),
            query.keys,
            query.before.anchor,
            query.before.offset,
            &query.left.iter().map(|it| it.0.0).collect::<Vec<_>>(),
            &query.left.iter().map(|it| it.1.anchor).collect::<Vec<_>>(),
            &query.left.iter().map(|it| it.1.offset).collect::<Vec<_>>(),
            query.senders as _,
            query.not_senders,
            query.ignored,
            query.has_url,
            CANDIDATES,
            &query.closed.iter().map(|it| it.0.0).collect::<Vec<_>>(),
            &query.closed.iter().map(|it| it.1).collect::<Vec<_>>(),
            after.map(|bound| bound.rank),
            after.map(|bound| bound.place.anchor),
            after.map(|bound| bound.place.offset),
            query.order == Order::Rank,
            query.limit,
            query.relations.related_by_types as _,
            query.relations.related_by_senders as _,
            query.relations.rel_types as _,
            query.relations.not_rel_types,
        )
        .fetch_all(connection),
    )
    .await
}

impl From<Row> for Found {
    fn from(row: Row) -> Self {
        let state = StateRef {
            line: row.line,
            step: row.step,
        };
        let before = if row.is_state && row.step > 0 {
            StateRef {
                step: row.step - 1,
                ..state
            }
        } else {
            state
        };
        Self {
            room: RoomNid(row.room_nid),
            event: EventNid(row.event_nid),
            place: RoomPlace {
                anchor: row.anchor,
                offset: row.anchor_offset,
            },
            sender: row.sender,
            rank: row.rank,
            before,
            state,
            is_certain: row.is_certain,
        }
    }
}

/// The words of some texts that a term found, as they stand there, up to `limit`.
///
/// # Errors
/// If the database does not answer.
pub async fn highlights(
    store: &Store,
    languages: &[String],
    words: &str,
    texts: &[String],
    limit: usize,
) -> Result<Vec<String>, StoreError> {
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let [start, end] = MARKS;
    let texts: Vec<String> = texts.iter().map(|text| text.replace(MARKS, " ")).collect();
    let marked = timed(
        sqlx::query_scalar!(
            r#"SELECT ts_headline(l.name::regconfig, t.text, $3::text::tsquery, $4) AS "marked!"
               FROM UNNEST($1::text[]) AS l(name) CROSS JOIN UNNEST($2::text[]) AS t(text)"#,
            languages,
            &texts,
            words,
            format!("HighlightAll=true, StartSel={start}, StopSel={end}"),
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let mut found: Vec<String> = Vec::new();
    for text in &marked {
        let parts = text.split(start).skip(1);
        for word in parts.filter_map(|part| part.split(end).next()) {
            let word = word.to_lowercase();
            if found.len() < limit && !found.contains(&word) {
                found.push(word);
            }
        }
    }
    Ok(found)
}
