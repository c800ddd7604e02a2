//! The reader of the log.

use std::collections::HashSet;
use std::time::Duration;

use causeway_events::{Pdu, RoomVersion};
use causeway_store::log::{Log, News};
use causeway_store::search::{Filling, LoggedText, load_positions};
use causeway_store::{EventNid, Position, RoomNid, Store, StoreError};
use ruma::{OwnedEventId, RoomVersionId};
use tokio::sync::watch;

use crate::fresh::Step;
use crate::text;

/// Entries of the log that one step takes.
const BATCH_ENTRIES: usize = 1024;

/// Events that one step takes of those that were there before.
const BATCH_OLD: i64 = 1_000;

/// How long news are gathered before they are looked at: nobody waits for them.
const GATHER: Duration = Duration::from_millis(200);

/// How long the reader waits for news before it looks by itself: another process may have written.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How long it waits after a failure, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// The reader. It is made once and [run](Indexer::run).
#[derive(Debug)]
pub struct Indexer {
    store: Store,
    written: watch::Receiver<Position>,
    news: News,
    languages: Vec<String>,
    position: Position,
    /// Events that were there before are still to be gone through, or it is not known.
    has_old: bool,
}

impl Indexer {
    /// Opens the reader. `languages` are text search configurations that the database knows; `log`
    /// itself is not held.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn open(store: Store, log: &Log, languages: Vec<String>) -> Result<Self, StoreError> {
        Ok(Self {
            news: News::of(log.tail()),
            written: log.watch_position(),
            position: load_positions(&store).await?.0,
            store,
            languages,
            has_old: true,
        })
    }

    /// Runs until the log closes.
    pub async fn run(mut self) {
        let mut pause = RETRY.0;
        loop {
            match self.step().await {
                Ok(true) => pause = RETRY.0,
                Ok(false) => {
                    pause = RETRY.0;
                    if !self.wait().await {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "keeping words for searches; it is tried again");
                    metrics::counter!("causeway_search_reader_failures").increment(1);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY.1);
                }
            }
        }
    }

    /// Waits for news. `false` when the log closes.
    async fn wait(&mut self) -> bool {
        let cursor = self.position;
        let news = self.written.wait_for(|position| *position > cursor);
        let news = tokio::time::timeout(LOOK_EVERY, news).await;
        let (is_open, is_news) = (!matches!(news, Ok(Err(_))), matches!(news, Ok(Ok(_))));
        drop(news);
        if is_news {
            tokio::time::sleep(GATHER).await;
        }
        is_open
    }

    /// One step. Gives whether there may be more to do.
    async fn step(&mut self) -> Result<bool, StoreError> {
        let position;
        (self.position, position) = load_positions(&self.store).await?;
        if self.position < position {
            let before = self.position;
            self.follow().await?;
            self.show(position);
            // Without entries there is nothing to follow, whatever the log's position.
            return Ok(self.position > before);
        }
        self.show(position);
        if self.has_old {
            self.has_old = self.go_through_old().await?;
            return Ok(self.has_old);
        }
        Ok(false)
    }

    /// Takes the next entries of the log: as this process wrote them, or else out of the tables.
    async fn follow(&mut self) -> Result<(), StoreError> {
        let mut filling = Filling::begin(&self.store, &self.languages).await?;
        let history = filling.history();
        let entries = self.news.after(filling.position(), BATCH_ENTRIES);
        let (position, step) = if let Some(last) = entries.last() {
            (last.position, Step::of_news(&entries))
        } else {
            let limit = i64::try_from(BATCH_ENTRIES).unwrap_or(i64::MAX);
            let (position, logged) = filling.next_logged(limit).await?;
            (position, named_by(&logged))
        };
        self.fill(filling, step, position, history).await?;
        self.position = position;
        Ok(())
    }

    /// Takes the next events that were there before. Gives whether there are more.
    async fn go_through_old(&mut self) -> Result<bool, StoreError> {
        let mut filling = Filling::begin(&self.store, &self.languages).await?;
        let Some(from) = filling.history() else {
            return Ok(false);
        };
        let (last, logged) = filling.next_old(from, BATCH_OLD).await?;
        let position = filling.position();
        self.fill(filling, named_by(&logged), position, last)
            .await?;
        if last.is_none() {
            tracing::info!(languages = ?self.languages, "all events can be searched");
        }
        Ok(last.is_some())
    }

    async fn fill(
        &self,
        mut filling: Filling,
        step: Step,
        position: Position,
        history: Option<(RoomNid, EventNid)>,
    ) -> Result<(), StoreError> {
        let Step { mut words, named } = step;
        let targets = filling.load_targets(&named).await?;
        // What the tables say counts.
        let asked: HashSet<(RoomNid, EventNid)> =
            targets.iter().map(|it| (it.room, it.nid)).collect();
        words.retain(|new| !asked.contains(&(new.room, new.event)));
        let mut gone = Vec::new();
        for target in targets {
            match text::words(&target) {
                Some(found) => words.push(found),
                None => gone.push((target.room, target.nid)),
            }
        }
        metrics::counter!("causeway_search_events").increment(words.len() as u64);
        filling.finish(&words, &gone, position, history).await
    }

    fn show(&self, log: Position) {
        let lag = log.0.saturating_sub(self.position.0).max(0);
        metrics::gauge!("causeway_log_reader_position", "reader" => "search")
            .set(self.position.0 as f64);
        metrics::gauge!("causeway_search_lag_entries").set(lag as f64);
    }
}

/// Of events out of the tables all is asked there.
fn named_by(logged: &[LoggedText]) -> Step {
    let named = logged.iter();
    let named = named.filter_map(|logged| Some((logged.room, concerns(logged)?)));
    Step::about(named.collect())
}

/// The event whose words an event may change: itself, or what it redacts. Which event an edit
/// replaces is looked up.
fn concerns(logged: &LoggedText) -> Option<String> {
    if logged.event_type != "m.room.redaction" {
        return Some(logged.event_id.clone());
    }
    let pdu = parse(&logged.version, &logged.event_id, &logged.json)?;
    Some(pdu.redacts()?.to_string())
}

/// Reads an event of the tables.
pub(crate) fn parse(version: &str, event_id: &str, json: &str) -> Option<Pdu> {
    let version = RoomVersion::find(&RoomVersionId::try_from(version).ok()?)?;
    let id = OwnedEventId::try_from(event_id).ok()?;
    Pdu::from_stored(version, id, json.to_owned()).ok()
}
