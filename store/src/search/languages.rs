//! Languages: text search configurations of Postgres.

use crate::meter::timed;
use crate::{Store, StoreError};

/// Languages that words are kept in at a time, at most.
pub const MAX_LANGUAGES: usize = 3;

/// Those of some names that are no text search configuration of this Postgres, and the names of all
/// that are; both sorted.
///
/// # Errors
/// If the database does not answer.
pub async fn unknown_languages(
    store: &Store,
    names: &[String],
) -> Result<(Vec<String>, Vec<String>), StoreError> {
    let known: Vec<String> = timed(
        sqlx::query_scalar!(
            "SELECT cfgname::text AS \"name!\" FROM pg_ts_config WHERE pg_ts_config_is_visible(oid)
             ORDER BY 1 LIMIT 1000",
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let mut unknown: Vec<String> = names
        .iter()
        .filter(|name| !known.contains(name))
        .cloned()
        .collect();
    unknown.sort_unstable();
    Ok((unknown, known))
}

/// The first, second and third of the languages.
pub(super) fn three(languages: &[String]) -> [Option<&str>; MAX_LANGUAGES] {
    std::array::from_fn(|at| languages.get(at).map(String::as_str))
}
