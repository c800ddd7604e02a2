//! Asking policy servers to sign events (server-server, `POST /_matrix/policy/v1/sign`).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use causeway_events::Pdu;
use causeway_events::policy::POLICY_KEY_ID;
use causeway_rooms::policy::{AskPolicy, PolicyRefusal};
use causeway_store::Clock;
use futures::future::BoxFuture;
use http::StatusCode;
use quick_cache::sync::Cache;
use ruma::{OwnedEventId, OwnedServerName};

use crate::links::{LinkError, Links};

/// Longest time for a signature.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Largest answer, in bytes.
const MAX_BYTES: usize = 16 * 1024;

/// How long a server that did not answer is not asked again, in milliseconds: a flood of events does
/// not wait for each.
const SILENCE_MS: u64 = 5_000;

/// How long a refusal is believed, in milliseconds: servers send what was refused again.
const REFUSAL_MS: u64 = 60_000;

/// Servers that are remembered, and events.
const REMEMBERED: usize = 10_000;

/// See the module.
#[derive(Clone)]
pub(crate) struct Policies(Arc<Inside>);

struct Inside {
    links: Links,
    clock: Clock,
    /// Until when a server is not asked.
    silent: Cache<OwnedServerName, u64>,
    /// What was refused, and until when that is believed.
    refused: Cache<OwnedEventId, (u64, PolicyRefusal)>,
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Policies")
    }
}

impl Policies {
    pub(crate) fn new(links: Links, clock: Clock) -> Self {
        Self(Arc::new(Inside {
            links,
            clock,
            silent: Cache::new(REMEMBERED),
            refused: Cache::new(REMEMBERED),
        }))
    }
}

impl AskPolicy for Policies {
    fn ask(
        &self,
        server: OwnedServerName,
        event: Pdu,
    ) -> BoxFuture<'static, Result<String, PolicyRefusal>> {
        let inside = self.0.clone();
        Box::pin(async move { inside.ask(server, event).await })
    }
}

impl Inside {
    async fn ask(&self, server: OwnedServerName, event: Pdu) -> Result<String, PolicyRefusal> {
        let now = self.clock.now_ms();
        let id = event.owned_event_id();
        if let Some((until, refusal)) = self.refused.get(id)
            && until > now
        {
            return Err(refusal);
        }
        if self.silent.get(&server).is_some_and(|until| until > now) {
            return Err(PolicyRefusal::Silent);
        }
        match self.sign(&server, &event).await {
            Ok(signature) => Ok(signature),
            Err(error) => {
                let refusal = refusal(&error);
                let now = self.clock.now_ms();
                if refusal == PolicyRefusal::Silent {
                    tracing::debug!(%server, %error, "a policy server does not answer");
                    self.silent.insert(server, now + SILENCE_MS);
                } else {
                    let until = now + REFUSAL_MS;
                    self.refused.insert(id.clone(), (until, refusal.clone()));
                }
                Err(refusal)
            }
        }
    }

    async fn sign(&self, server: &OwnedServerName, event: &Pdu) -> Result<String, LinkError> {
        let request = self.links.post(server, "/_matrix/policy/v1/sign");
        let request = request.within(TIMEOUT).at_most(MAX_BYTES);
        let answer = request.json_text(event.json())?.send().await?;
        let mut signatures: BTreeMap<String, BTreeMap<String, String>> = answer.json()?;
        let own = signatures.remove(server.as_str());
        let signature = own.and_then(|mut own| own.remove(POLICY_KEY_ID));
        signature.ok_or_else(|| LinkError::Malformed("no signature".to_owned()))
    }
}

/// What the sender is told.
fn refusal(error: &LinkError) -> PolicyRefusal {
    match error {
        LinkError::Refused(it)
            if it.status.is_client_error()
                && it.status != StatusCode::TOO_MANY_REQUESTS
                && it.errcode.starts_with("M_") =>
        {
            PolicyRefusal::Refused(it.message.clone())
        }
        _ => PolicyRefusal::Silent,
    }
}
