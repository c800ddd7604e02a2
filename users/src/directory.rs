//! The user directory. Specification: client-server API, "User Directory".

use causeway_store::StoreError;
pub use causeway_store::users::directory::Person;
use causeway_store::users::directory::{self as store, MAX_RESULTS};
use ruma::UserId;

use crate::Users;

/// Longest search term, in bytes; what stands behind it is not looked at.
pub const MAX_TERM_BYTES: usize = 256;

/// What a search found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Best matches first.
    pub people: Vec<Person>,
    /// Whether there are more.
    pub limited: bool,
}

impl Users {
    /// People whom `searcher` could meet and whose id or name contains `term`.
    ///
    /// # Errors
    /// The database's.
    pub async fn search_directory(
        &self,
        searcher: &UserId,
        term: &str,
        limit: u32,
    ) -> Result<Found, StoreError> {
        let term = term[..term.floor_char_boundary(MAX_TERM_BYTES)]
            .trim()
            .replace('\0', "");
        if term.is_empty() {
            return Ok(Found {
                people: Vec::new(),
                limited: false,
            });
        }
        let limit = limit.min(MAX_RESULTS);
        let mut people = store::search(self.store(), searcher.as_str(), &term, limit + 1).await?;
        let limited = people.len() > limit as usize;
        people.truncate(limit as usize);
        Ok(Found { people, limited })
    }
}
