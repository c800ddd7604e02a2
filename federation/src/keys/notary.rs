//! Vouching for the keys of other servers.
//!
//! Specification: server-server API, "Querying keys through another server".

use std::collections::{BTreeMap, BTreeSet};

use causeway_store::StoreError;
use causeway_store::server_keys as table;
use ruma::OwnedServerName;
use ruma::canonical_json::CanonicalJsonObject;

use super::KeyRing;
use super::document::MAX_LIFETIME_MS;

/// Servers of one question.
pub const MAX_VOUCHED: usize = 100;

/// Of which servers keys are wanted, and up to when they must be valid: milliseconds since 1970, or
/// any time in the past for now.
pub type Wishes = BTreeMap<OwnedServerName, u64>;

impl KeyRing {
    /// The documents of these servers with this server's signature, of at most [`MAX_VOUCHED`].
    /// Servers whose document does not last as long as is wanted are asked for a new one; where
    /// they do not answer, the old one is told.
    ///
    /// # Errors
    /// The database's.
    pub async fn vouch(&self, wishes: &Wishes) -> Result<Vec<CanonicalJsonObject>, StoreError> {
        let mut answer = Vec::new();
        let mut wishes: BTreeMap<_, _> = wishes.iter().take(MAX_VOUCHED).collect();
        if wishes
            .remove(&self.own().server_name().to_owned())
            .is_some()
        {
            answer.extend(self.own_document().ok());
        }
        let names: Vec<&str> = wishes.keys().map(|server| server.as_str()).collect();
        let mut documents = table::documents(&self.0.store, &names).await?;
        let now_ms = self.0.clock.now_ms();
        let mut lacking: BTreeSet<OwnedServerName> = BTreeSet::new();
        for (server, until_ms) in &wishes {
            let known = documents
                .iter()
                .find(|it| it.server_name == server.as_str());
            // Nobody is asked for what lies further ahead than documents are believed.
            let furthest_ms = now_ms.saturating_add(MAX_LIFETIME_MS);
            let needed_ms = (**until_ms).clamp(now_ms, furthest_ms);
            if known.is_none_or(|known| known.valid_until_ms < needed_ms) {
                lacking.insert((*server).clone());
            }
        }
        if !lacking.is_empty() && !self.0.fetcher.fetch(lacking).await.is_empty() {
            documents = table::documents(&self.0.store, &names).await?;
        }
        for document in documents {
            let object = serde_json::from_str::<CanonicalJsonObject>(&document.document);
            let mut object = object.map_err(|_| StoreError::Corrupt {
                table: "server_key_documents",
                id: document.server_name.clone(),
            })?;
            if self.own().sign_json(&mut object).is_ok() {
                answer.push(object);
            }
        }
        Ok(answer)
    }
}
