//! The user directory: people whom one could meet.

use crate::{Store, StoreError, meter};

/// Most people a search answers.
pub const MAX_RESULTS: u32 = 100;

/// Most people with a fitting name whose rooms a search looks at.
const MAX_CANDIDATES: i64 = 2_000;

/// Somebody in the directory.
#[derive(Clone, Debug)]
pub struct Person {
    /// `@localpart:server`
    pub user_id: String,
    /// From the profile, or for people of other servers from a room.
    pub display_name: Option<String>,
    /// `mxc://` address of the picture.
    pub avatar_url: Option<String>,
}

/// People whose id or name contains `term`, and who share a room with `searcher` or are in a
/// room that anybody may join or read (the searcher is found by the latter only); best matches
/// first, at most `limit`.
///
/// Names are compared by Unicode's rules, whatever locale the database was made with.
///
/// # Errors
/// The database's.
pub async fn search(
    store: &Store,
    searcher: &str,
    term: &str,
    limit: u32,
) -> Result<Vec<Person>, StoreError> {
    let pattern = format!("%{}%", escape_like(term));
    Ok(meter::timed(
        sqlx::query_as!(
            Person,
            r#"WITH people AS (
                 SELECT a.user_id, n.value #>> '{}' AS display_name, p.value #>> '{}' AS avatar_url
                 FROM accounts a
                 LEFT JOIN profiles n ON n.user_id = a.user_id AND n.field = 'displayname'
                 LEFT JOIN profiles p ON p.user_id = a.user_id AND p.field = 'avatar_url'
                 WHERE a.deactivated_at IS NULL AND a.kind = 0
                   AND (a.user_id ILIKE $2 OR n.value #>> '{}' ILIKE $2 COLLATE "und-x-icu")
                 UNION ALL
                 SELECT DISTINCT ON (m.user_id) m.user_id, m.display_name, m.avatar_url
                 FROM memberships m
                 WHERE NOT m.is_local AND m.membership = 2
                   AND (m.user_id ILIKE $2 OR m.display_name ILIKE $2 COLLATE "und-x-icu")
               ), ranked AS (
                 SELECT *, CASE WHEN lower(user_id) = lower($3)
                                  OR lower(display_name COLLATE "und-x-icu") = lower($3 COLLATE "und-x-icu")
                                  THEN 0
                                WHEN display_name ILIKE ltrim($2, '%') COLLATE "und-x-icu" THEN 1
                                WHEN user_id ILIKE '@' || ltrim($2, '%') THEN 1
                                ELSE 2 END AS rank
                 FROM people ORDER BY rank, user_id LIMIT $5
               )
               SELECT user_id AS "user_id!", display_name, avatar_url FROM ranked
               WHERE EXISTS (
                   SELECT FROM memberships mine JOIN memberships theirs
                     ON theirs.room_nid = mine.room_nid AND theirs.user_id = ranked.user_id
                   WHERE mine.user_id = $1 AND mine.membership = 2 AND theirs.membership = 2
                     AND ranked.user_id <> $1
                 ) OR EXISTS (
                   SELECT FROM memberships theirs
                   JOIN current_state c ON c.room_nid = theirs.room_nid
                   JOIN state_keys k ON k.key_nid = c.key_nid
                   JOIN events e ON e.room_nid = c.room_nid AND e.event_nid = c.event_nid
                   WHERE theirs.user_id = ranked.user_id AND theirs.membership = 2
                     AND k.state_key = ''
                     AND k.type IN ('m.room.join_rules', 'm.room.history_visibility')
                     -- jsonb refuses zero characters, which events may have.
                     AND CASE WHEN position('\u0000' IN e.json) > 0 THEN false
                              WHEN k.type = 'm.room.join_rules'
                              THEN e.json::jsonb #>> '{content,join_rule}' = 'public'
                              ELSE e.json::jsonb #>> '{content,history_visibility}'
                                     = 'world_readable' END
                 )
               ORDER BY rank, user_id LIMIT $4"#,
            searcher,
            pattern,
            term,
            i64::from(limit.min(MAX_RESULTS + 1)),
            MAX_CANDIDATES,
        )
        .fetch_all(store.pool()),
    )
    .await?)
}

fn escape_like(term: &str) -> String {
    let mut escaped = String::with_capacity(term.len() + 8);
    for c in term.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
