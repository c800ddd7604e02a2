//! Transactions: what other servers send.
//!
//! Each server has a lane of its own: its transactions are worked on one after the other, a few may
//! wait, and all lanes share a number of places, so that one server's flood does not hold up the
//! others. A transaction that comes again gets the answer it got before; after a restart it is
//! worked on again, which changes nothing: events are known, messages to devices are told apart by
//! their ids, receipts only go forward.
//!
//! Specification: server-server API, "Transactions".

mod edus;
mod gaps;
mod lanes;
mod rooms;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use ruma::{OwnedServerName, RoomId, ServerName, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(crate) use self::lanes::Full;
use self::lanes::Lanes;
use crate::Federation;

/// Events of one transaction.
pub(crate) const MAX_PDUS: usize = 50;

/// Ephemeral messages of one transaction.
pub(crate) const MAX_EDUS: usize = 100;

/// Rooms of one transaction that are worked on at a time.
const ROOMS_AT_ONCE: usize = 4;

/// Memory for answers, in bytes.
const ANSWERS_BYTES: u64 = 4 * 1024 * 1024;

/// What lives in memory only, and what the part of the server that keeps it does with it.
pub trait Ephemera: Send + Sync {
    /// A user of another server types in a room, or stops.
    fn typing<'a>(
        &'a self,
        room: &'a RoomId,
        user: &'a UserId,
        is_typing: bool,
    ) -> BoxFuture<'a, ()>;

    /// A user of another server is there, or not: `online`, `unavailable` or `offline`.
    fn presence<'a>(
        &'a self,
        user: &'a UserId,
        state: &'a str,
        status_msg: Option<String>,
    ) -> BoxFuture<'a, ()>;
}

/// A transaction as it comes.
#[derive(Deserialize)]
pub(crate) struct Transaction {
    #[serde(default)]
    pub(crate) pdus: Vec<Box<RawValue>>,
    #[serde(default)]
    pub(crate) edus: Vec<Box<RawValue>>,
}

/// What became of each event.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Processed {
    pub(crate) pdus: BTreeMap<String, Verdict>,
}

/// What became of an event: taken, or why not.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Verdict {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Verdict {
    fn refused(why: impl Into<String>) -> Self {
        Self {
            error: Some(why.into()),
        }
    }
}

type Name = (OwnedServerName, String);

#[derive(Clone)]
struct Bytes;

impl Weighter<Name, Arc<Processed>> for Bytes {
    fn weight(&self, (origin, txn_id): &Name, answer: &Arc<Processed>) -> u64 {
        let answer = answer.pdus.iter();
        let answer = answer
            .map(|(id, verdict)| id.len() + verdict.error.as_deref().map_or(0, str::len) + 96);
        (origin.as_str().len() + txn_id.len() + 128 + answer.sum::<usize>()) as u64
    }
}

/// Where transactions wait for their turn.
#[derive(Clone)]
pub(crate) struct Counter(Arc<Inside>);

struct Inside {
    lanes: Lanes,
    answers: Cache<Name, Arc<Processed>, Bytes>,
}

impl Counter {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inside {
            lanes: Lanes::new(),
            answers: Cache::with_weighter(1_000, ANSWERS_BYTES, Bytes),
        }))
    }
}

impl Federation {
    /// Works on a transaction of a server. It is worked on to its end when the other server goes
    /// away.
    pub(crate) async fn take_transaction(
        &self,
        origin: &ServerName,
        txn_id: &str,
        transaction: Transaction,
    ) -> Result<Arc<Processed>, Full> {
        let federation = self.clone();
        let name = (origin.to_owned(), txn_id.to_owned());
        let work = tokio::spawn(async move {
            let counter = &federation.counter().0;
            let _turn = counter.lanes.enter(&name.0).await?;
            if let Some(answer) = counter.answers.get(&name) {
                return Ok(answer);
            }
            let answer = Arc::new(federation.work_on(&name.0, transaction).await);
            counter.answers.insert(name, answer.clone());
            Ok(answer)
        });
        // A panic is answered as if there was no place: the other server tries again.
        work.await.unwrap_or(Err(Full))
    }

    async fn work_on(&self, origin: &ServerName, transaction: Transaction) -> Processed {
        let rooms = rooms::by_room(transaction.pdus);
        let mut verdicts = stream::iter(rooms)
            .map(|(room, pdus)| {
                let (federation, origin) = (self.clone(), origin.to_owned());
                async move { federation.take_events(&origin, &room, pdus).await }
            })
            .buffer_unordered(ROOMS_AT_ONCE);
        let mut processed = Processed::default();
        while let Some(room) = verdicts.next().await {
            processed.pdus.extend(room);
        }
        self.take_edus(origin, transaction.edus).await;
        processed
    }
}
