//! Rooms that have a policy server: what it has not signed is not sent, and is shown to nobody
//! (server-server, "Policy Servers"). Rooms without one pay a look at the state in memory.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use causeway_events::Pdu;
use causeway_events::policy::{POLICY_TYPE, PolicyServer, is_policed, with_signature};
use causeway_store::graph::is_server_in;
use futures::future::BoxFuture;
use futures::{StreamExt as _, stream};
use ruma::{OwnedEventId, OwnedServerName, RoomId};

use crate::Rooms;
use crate::write::LoadError;

/// Events about which one policy server is asked at a time by one call.
const ASKED_AT_ONCE: usize = 8;

/// How long one call asks about all its events.
const MAX_ASKING: Duration = Duration::from_secs(30);

/// Speaks with policy servers. `federation` is who does.
pub trait AskPolicy: Debug + Send + Sync {
    /// Asks a server to sign an event; gives the signature as unpadded Base64, unchecked. Ends within
    /// some seconds, whatever the server does.
    fn ask(
        &self,
        server: OwnedServerName,
        event: Pdu,
    ) -> BoxFuture<'static, Result<String, PolicyRefusal>>;
}

/// Why there is no signature of a policy server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRefusal {
    /// It refused. What it says to people is told to the sender; of its codes none but `M_FORBIDDEN`
    /// would be safe to pass on, as clients log out at some.
    #[error("{0}")]
    Refused(String),
    /// It did not answer, or not as it should, or its signature is wrong.
    #[error("The room's policy server does not answer as it should")]
    Silent,
}

/// Events with the signatures of a policy server, by their ids.
pub(crate) type Signed = HashMap<OwnedEventId, Pdu>;

impl Rooms {
    /// Says who speaks with policy servers. Without anybody, no event of a room that has one gets its
    /// signature. Only the first call counts.
    pub fn ask_policy_by(&self, asker: Arc<dyn AskPolicy>) {
        let _ = self.parts().policy.set(asker);
    }

    /// The policy server that the room uses now: one that has somebody in the room.
    pub(crate) async fn policy_of(&self, room: &RoomId) -> Result<Option<PolicyServer>, LoadError> {
        let head = self.head(room).await?;
        let entry = head.state(POLICY_TYPE, "");
        let Some(policy) = entry.and_then(|entry| PolicyServer::read(&entry.pdu)) else {
            return Ok(None);
        };
        let is_in = is_server_in(self.store(), head.room(), policy.via.as_str()).await?;
        Ok(is_in.then_some(policy))
    }

    /// The event with the policy server's signature.
    pub(crate) async fn policy_signed(
        &self,
        policy: &PolicyServer,
        event: &Pdu,
    ) -> Result<Pdu, PolicyRefusal> {
        if !is_policed(event) || policy.has_signed(event) {
            return Ok(event.clone());
        }
        let asker = self.parts().policy.get().ok_or(PolicyRefusal::Silent)?;
        let signature = asker.ask(policy.via.clone(), event.clone()).await?;
        let signed = with_signature(event, &policy.via, &signature);
        let signed = signed.filter(|signed| policy.has_signed(signed));
        signed.ok_or(PolicyRefusal::Silent)
    }

    /// Our own events with the policy server's signatures: all of them or none.
    pub(crate) async fn all_policy_signed(
        &self,
        policy: &PolicyServer,
        events: Vec<Pdu>,
    ) -> Result<Signed, PolicyRefusal> {
        let mut asked = stream::iter(events)
            .map(|event| async move {
                let signed = self.policy_signed(policy, &event).await?;
                Ok::<_, PolicyRefusal>((event.owned_event_id().clone(), signed))
            })
            .buffer_unordered(ASKED_AT_ONCE);
        let mut signed = Signed::new();
        while let Some(one) = asked.next().await {
            signed.extend([one?]);
        }
        Ok(signed)
    }

    /// Events of others with the policy server's signatures, and the ids of those that have none: they
    /// are to be shown to nobody.
    pub(crate) async fn policed(
        &self,
        room: &RoomId,
        events: Vec<Pdu>,
    ) -> Result<(Vec<Pdu>, HashSet<OwnedEventId>), LoadError> {
        let Some(policy) = self.policy_of(room).await? else {
            return Ok((events, HashSet::new()));
        };
        let policy = &policy;
        let asked = stream::iter(events.clone()).map(|event| async move {
            let signed = self.policy_signed(policy, &event).await;
            (event.owned_event_id().clone(), signed)
        });
        // What is not answered by then counts as refused.
        let in_time = asked
            .buffer_unordered(ASKED_AT_ONCE)
            .take_until(tokio::time::sleep(MAX_ASKING));
        let mut asked: HashMap<OwnedEventId, _> = in_time.collect().await;
        let mut refused = HashSet::new();
        let events = events.into_iter().map(|event| {
            let id = event.owned_event_id();
            match asked.remove(id).unwrap_or(Err(PolicyRefusal::Silent)) {
                Ok(signed) => signed,
                Err(error) => {
                    tracing::debug!(%room, event = %id, %error, "no signature of the policy server");
                    metrics::counter!("causeway_policy_refusals_total").increment(1);
                    refused.insert(id.clone());
                    event
                }
            }
        });
        let events = events.collect();
        Ok((events, refused))
    }
}
