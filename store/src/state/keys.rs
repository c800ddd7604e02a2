//! `(type, state_key)` pairs as integers.

use std::collections::HashMap;
use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::ids::KeyNid;
use crate::meter::timed;
use crate::{Store, StoreError};

/// Pairs kept in memory.
const CACHED_KEYS: usize = 200_000;

/// Numbers that are asked about in one query.
const ASKED_AT_ONCE: usize = 10_000;

/// Numbers by (type, state key).
type Numbers = Cache<(Arc<str>, Arc<str>), KeyNid>;

/// The interner. Cheap to clone; clones share the cache.
#[derive(Clone, Debug)]
pub struct StateKeys {
    store: Store,
    cache: Arc<Numbers>,
}

/// Numbers as the database gave them: the cache may have let go of them again already.
type Found = HashMap<(Arc<str>, Arc<str>), KeyNid>;

struct Row {
    key_nid: i32,
    r#type: String,
    state_key: String,
}

#[derive(Hash, PartialEq, Eq)]
struct Borrowed<'a>(&'a str, &'a str);

impl quick_cache::Equivalent<(Arc<str>, Arc<str>)> for Borrowed<'_> {
    fn equivalent(&self, key: &(Arc<str>, Arc<str>)) -> bool {
        self.0 == &*key.0 && self.1 == &*key.1
    }
}

impl StateKeys {
    /// An interner that knows nothing yet.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            cache: Arc::new(Cache::new(CACHED_KEYS)),
        }
    }

    /// The pair's number, if it is in memory.
    pub fn peek(&self, event_type: &str, state_key: &str) -> Option<KeyNid> {
        self.cache.get(&Borrowed(event_type, state_key))
    }

    /// The pairs' numbers, in order; `None` for pairs that no event has used.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn find(&self, pairs: &[(&str, &str)]) -> Result<Vec<Option<KeyNid>>, StoreError> {
        let known = self.known(pairs);
        let found = match unknown(pairs, &known) {
            none if none.is_empty() => Found::new(),
            some => self.read(&some).await?,
        };
        let numbers = pairs.iter().zip(known);
        Ok(numbers
            .map(|(pair, nid)| nid.or_else(|| number_in(&found, pair)))
            .collect())
    }

    /// The pairs' numbers, in order, given out now where they had none.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn intern(&self, pairs: &[(&str, &str)]) -> Result<Vec<KeyNid>, StoreError> {
        let known = self.known(pairs);
        let found = match unknown(pairs, &known) {
            none if none.is_empty() => Found::new(),
            some => self.number(some).await?,
        };
        let numbers = pairs.iter().zip(known).map(|(pair, nid)| {
            nid.or_else(|| number_in(&found, pair))
                .ok_or_else(|| StoreError::Corrupt {
                    table: "state_keys",
                    id: format!("{} {}", pair.0, pair.1),
                })
        });
        numbers.collect()
    }

    /// Those of some numbers that are not of members, in no order.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn not_of_members(&self, keys: &[KeyNid]) -> Result<Vec<KeyNid>, StoreError> {
        let mut others = Vec::new();
        for keys in keys.chunks(ASKED_AT_ONCE) {
            let keys: Vec<i32> = keys.iter().map(|key| key.0).collect();
            let found = timed(
                sqlx::query_scalar!(
                    "SELECT key_nid FROM state_keys WHERE key_nid = ANY($1) AND type <> 'm.room.member'",
                    &keys,
                )
                .fetch_all(self.store.pool()),
            )
            .await?;
            others.extend(found.into_iter().map(KeyNid));
        }
        Ok(others)
    }

    fn known(&self, pairs: &[(&str, &str)]) -> Vec<Option<KeyNid>> {
        pairs.iter().map(|(t, k)| self.peek(t, k)).collect()
    }

    async fn read(&self, pairs: &[(&str, &str)]) -> Result<Found, StoreError> {
        let (types, keys): (Vec<&str>, Vec<&str>) = pairs.iter().copied().unzip();
        let rows = timed(
            sqlx::query_as!(
                Row,
                "SELECT k.key_nid, k.type, k.state_key FROM UNNEST($1::text[], $2::text[]) AS w(type, state_key)
                 JOIN state_keys k ON k.type = w.type AND k.state_key = w.state_key",
                &types as _,
                &keys as _,
            )
            .fetch_all(self.store.pool()),
        )
        .await?;
        Ok(self.remember(rows))
    }

    /// Reads the pairs' numbers, and gives numbers to those that have none: one statement, which
    /// writes nothing where all have one.
    async fn number(&self, mut distinct: Vec<(&str, &str)>) -> Result<Found, StoreError> {
        distinct.sort_unstable();
        distinct.dedup();
        let (types, keys): (Vec<&str>, Vec<&str>) = distinct.into_iter().unzip();
        let rows = timed(
            // The update changes nothing; it makes the statement return rows that another node
            // inserted meanwhile. It does not wait for the disk: a number means nothing before
            // an event uses it, and that event's commit takes this one along.
            sqlx::query_as!(
                Row,
                r#"
WITH wish AS (
    SELECT * FROM UNNEST($1::text[], $2::text[]) AS w(type, state_key)
), found AS (
    SELECT k.key_nid, k.type, k.state_key
    FROM wish w JOIN state_keys k ON k.type = w.type AND k.state_key = w.state_key
), made AS (
    INSERT INTO state_keys (type, state_key)
    SELECT w.type, w.state_key FROM wish w, (SELECT set_config('synchronous_commit', 'off', true)) AS lazily
    WHERE NOT EXISTS (SELECT 1 FROM found f WHERE f.type = w.type AND f.state_key = w.state_key)
    ON CONFLICT (type, state_key) DO UPDATE SET type = excluded.type
    RETURNING key_nid, type, state_key
)
SELECT key_nid AS "key_nid!", type AS "type!", state_key AS "state_key!" FROM found
UNION ALL SELECT key_nid, type, state_key FROM made
                "#,
                &types as _,
                &keys as _,
            )
            .fetch_all(self.store.pool()),
        )
        .await?;
        Ok(self.remember(rows))
    }

    fn remember(&self, rows: Vec<Row>) -> Found {
        let numbers = rows.into_iter().map(|row| {
            let pair: (Arc<str>, Arc<str>) = (row.r#type.into(), row.state_key.into());
            let nid = KeyNid(row.key_nid);
            self.cache.insert(pair.clone(), nid);
            (pair, nid)
        });
        numbers.collect()
    }
}

/// The pairs that have no number yet.
fn unknown<'a>(pairs: &[(&'a str, &'a str)], known: &[Option<KeyNid>]) -> Vec<(&'a str, &'a str)> {
    let unknown = pairs.iter().zip(known).filter(|(_, nid)| nid.is_none());
    unknown.map(|(pair, _)| *pair).collect()
}

fn number_in(found: &Found, (event_type, state_key): &(&str, &str)) -> Option<KeyNid> {
    let pair = (Arc::from(*event_type), Arc::from(*state_key));
    found.get(&pair).copied()
}
