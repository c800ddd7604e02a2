//! Who is told when.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use causeway_store::StoreError;
use causeway_store::push::{self as store, PusherKey};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::Courier;
use super::deliver::{self, End};

/// Pushers that are told at the same time, at most.
const AT_ONCE: usize = 64;

/// Of them, those of one gateway.
const PER_GATEWAY: usize = 16;

/// Of them, those of a gateway that did not answer the last time.
const PER_FAILING_GATEWAY: usize = 1;

/// Gateways that are remembered as failing, at most.
const MAX_FAILING: usize = 10_000;

/// Time between two looks into the database without a reason.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long what is on its way may take when the server stops.
const GRACE: Duration = Duration::from_secs(10);

/// Who is being told.
#[derive(Default)]
struct Round {
    /// By task: which pusher, of which gateway.
    busy: HashMap<Id, (PusherKey, String)>,
    failing: HashSet<String>,
    turns: JoinSet<End>,
}

/// Tells pushers until `stop`; then waits a moment for those that are being told.
pub(crate) async fn run(courier: Courier, stop: CancellationToken) {
    let mut round = Round::default();
    loop {
        if let Err(error) = round.begin(&courier).await {
            tracing::warn!(%error, "looking for what push gateways are to be told");
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = courier.bell.notified() => {}
            Some(ended) = round.turns.join_next_with_id(), if !round.turns.is_empty() => {
                round.end(ended);
            }
            () = tokio::time::sleep(LOOK_EVERY) => show(&courier).await,
        }
        while let Some(ended) = round.turns.try_join_next_with_id() {
            round.end(ended);
        }
    }
    let rest = async { while round.turns.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, rest).await.is_err() {
        tracing::warn!("push gateways did not answer in time; they are told after the next start");
    }
}

impl Round {
    /// Begins as many turns as there are places.
    async fn begin(&mut self, courier: &Courier) -> Result<(), StoreError> {
        while self.busy.len() < AT_ONCE {
            let busy: Vec<&PusherKey> = self.busy.values().map(|(key, _)| key).collect();
            let turns = self.turns_by_gateway();
            let full = turns
                .iter()
                .filter(|(it, turns)| **turns >= self.places_of(it));
            let full: Vec<&str> = full.map(|(gateway, _)| gateway.as_str()).collect();
            let limit = i64::try_from(AT_ONCE - self.busy.len()).unwrap_or(1);
            let now_ms = courier.clock.now_ms();
            let due = store::due_pushers(&courier.store, now_ms, &busy, &full, limit).await?;
            let mut turns = turns;
            let mut begun = false;
            for pusher in due {
                let running = turns.entry(pusher.gateway.clone()).or_default();
                if *running >= self.places_of(&pusher.gateway) {
                    continue;
                }
                *running += 1;
                begun = true;
                let who = (pusher.key.clone(), pusher.gateway.clone());
                let courier = courier.clone();
                let turn = async move { deliver::turn(&courier, pusher).await };
                let task = self.turns.spawn(turn);
                self.busy.insert(task.id(), who);
            }
            if !begun {
                break;
            }
        }
        Ok(())
    }

    fn turns_by_gateway(&self) -> HashMap<String, usize> {
        let mut turns: HashMap<String, usize> = HashMap::new();
        for (_, gateway) in self.busy.values() {
            *turns.entry(gateway.clone()).or_default() += 1;
        }
        turns
    }

    fn places_of(&self, gateway: &str) -> usize {
        if self.failing.contains(gateway) {
            PER_FAILING_GATEWAY
        } else {
            PER_GATEWAY
        }
    }

    fn end(&mut self, ended: Result<(Id, End), JoinError>) {
        let (task, end) = match ended {
            Ok((task, end)) => (task, end),
            Err(error) => {
                tracing::error!(%error, "telling a push gateway has failed in an unforeseen way");
                (error.id(), End::Badly)
            }
        };
        let Some((_, gateway)) = self.busy.remove(&task) else {
            return;
        };
        match end {
            End::Well => {
                self.failing.remove(&gateway);
            }
            End::Badly => {
                if self.failing.len() >= MAX_FAILING {
                    self.failing.clear();
                }
                self.failing.insert(gateway);
            }
        }
    }
}

async fn show(courier: &Courier) {
    if let Ok((waiting, failing)) = store::waiting(&courier.store).await {
        metrics::gauge!("causeway_push_pushers_waiting").set(waiting as f64);
        metrics::gauge!("causeway_push_pushers_failing").set(failing as f64);
    }
}
