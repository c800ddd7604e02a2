//! Events that are sent later (MSC4140).
//!
//! They stand in the database until their time has come, or their user decides otherwise. A task
//! sleeps until the next of them is due; whoever schedules one rings its bell. Whoever sends an event
//! has claimed it before, so nobody else sends or cancels it meanwhile; a claim of a process that died
//! is taken over after [`PATIENCE_MS`], also where a user had it sent before its time, and the event is
//! not sent twice: it belongs to a transaction that is called by its id.

use std::sync::Arc;
use std::time::Duration;

use causeway_events::client::DELAYED_DEVICE;
use causeway_store::StoreError;
use causeway_store::rooms::delayed::{self as store, Delayed, NewDelayed, Scheduled};
use ruma::{OwnedDeviceId, OwnedEventId, OwnedRoomId, OwnedUserId, UserId};
use serde_json::value::RawValue;
use tokio::sync::Notify;

use crate::Rooms;
use crate::actions::{SendError, SendEvent, SetState, bad_content, sent_by};

/// Longest time that an event may wait, in milliseconds: thirty days.
pub const MAX_DELAY_MS: u64 = 30 * 86_400_000;

/// Events that wait for one user, at most.
pub const MAX_SCHEDULED: u32 = 100;

/// Longest content, in bytes: longer events are refused in any room.
pub const MAX_CONTENT_BYTES: usize = 65_536;

/// Longest type, state key and transaction id, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// After this time, in milliseconds, an event whose sending was begun is taken up again.
const PATIENCE_MS: i64 = 30_000;

/// Events that are sent one after another before others are looked for.
const BATCH: i64 = 64;

/// Longest sleep. Clocks may be set, and other processes may schedule, too.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// How long finalised events are kept, in milliseconds: seven days.
const KEPT_MS: i64 = 7 * 86_400_000;

/// How long this server tries to send an event that it fails to send, in milliseconds: a day.
const GIVE_UP_MS: i64 = 86_400_000;

/// Pause after the database did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// An event that is to be sent later.
#[derive(Debug)]
pub struct Wish {
    /// Whose.
    pub user: OwnedUserId,
    /// From which device.
    pub device: String,
    /// The client's transaction.
    pub txn_id: Option<String>,
    /// Where.
    pub room: OwnedRoomId,
    /// Its type.
    pub event_type: String,
    /// Of state events.
    pub state_key: Option<String>,
    /// Its content.
    pub content: Box<RawValue>,
    /// How long it waits, in milliseconds.
    pub delay_ms: u64,
}

/// Why nothing was done about a delayed event.
#[derive(Debug, thiserror::Error)]
pub enum DelayedError {
    /// The user has no such event.
    #[error("There is no such delayed event")]
    NotFound,
    /// It has ended otherwise already.
    #[error("The delayed event was sent or cancelled already")]
    Conflict,
    /// No time, or one that is too long.
    #[error("The delay is longer than this server allows")]
    TooLong,
    /// An event that waits for nothing is not a delayed one.
    #[error("The delay must be at least one millisecond")]
    NoDelay,
    /// The content is not a JSON object.
    #[error("The content must be a JSON object")]
    NotAnObject,
    /// Content, type, state key or transaction id are too long.
    #[error("The event is too large")]
    TooLarge,
    /// The user has [`MAX_SCHEDULED`] already.
    #[error("The maximum number of delayed events has been reached")]
    TooMany {
        /// When there is room for another one, in milliseconds from now.
        wait_ms: u64,
    },
    /// It was to be sent now, and cannot.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How an error is told to users, as JSON; `None` if it may pass, and sending is tried again.
pub type Describe = fn(SendError) -> Option<String>;

/// What cannot be sent because its user may not send anything.
pub type Silenced = fn() -> String;

/// The delayed events of a server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DelayedEvents {
    rooms: Rooms,
    bell: Arc<Notify>,
}

impl DelayedEvents {
    /// Those of these rooms.
    pub fn new(rooms: Rooms) -> Self {
        Self {
            rooms,
            bell: Arc::default(),
        }
    }

    fn now(&self) -> i64 {
        i64::try_from(self.rooms.parts().clock.now_ms()).unwrap_or(i64::MAX)
    }

    /// Schedules an event; gives what it is called by.
    ///
    /// # Errors
    /// See [`DelayedError`].
    pub async fn schedule(&self, wish: Wish) -> Result<String, DelayedError> {
        check(&wish)?;
        let now = self.now();
        let new = NewDelayed {
            user: wish.user.as_str(),
            device: &wish.device,
            txn_id: wish.txn_id.as_deref(),
            room: wish.room.as_str(),
            event_type: &wish.event_type,
            state_key: wish.state_key.as_deref(),
            content: wish.content.get(),
            delay_ms: i64::try_from(wish.delay_ms).map_err(|_| DelayedError::TooLong)?,
        };
        let most = i64::from(MAX_SCHEDULED);
        match store::schedule(self.rooms.store(), new, most, now).await? {
            Scheduled::As(delay_id) => {
                self.bell.notify_one();
                Ok(delay_id)
            }
            Scheduled::TooMany { next_at } => {
                let wait_ms = u64::try_from(next_at - now).unwrap_or(0);
                Err(DelayedError::TooMany { wait_ms })
            }
        }
    }

    /// One event of a user, whatever became of it.
    ///
    /// # Errors
    /// [`DelayedError::NotFound`], or the database's.
    pub async fn find(&self, user: &UserId, delay_id: &str) -> Result<Delayed, DelayedError> {
        let found = store::find(self.rooms.store(), user.as_str(), delay_id).await?;
        found.ok_or(DelayedError::NotFound)
    }

    /// What of a user's waits, in the order in which it will be sent.
    ///
    /// # Errors
    /// The database's.
    pub async fn list(&self, user: &UserId) -> Result<Vec<Delayed>, DelayedError> {
        let most = i64::from(MAX_SCHEDULED);
        Ok(store::list(self.rooms.store(), user.as_str(), most).await?)
    }

    /// Cancels an event. One that was cancelled may be cancelled again.
    ///
    /// # Errors
    /// See [`DelayedError`].
    pub async fn cancel(&self, user: &UserId, delay_id: &str) -> Result<(), DelayedError> {
        if store::cancel(self.rooms.store(), user.as_str(), delay_id, self.now()).await? {
            return Ok(());
        }
        let ended = self.find(user, delay_id).await?;
        let is_cancelled = ended.finalised_at.is_some() && ended.event_id.is_none();
        is_cancelled.then_some(()).ok_or(DelayedError::Conflict)
    }

    /// Lets an event's time begin anew.
    ///
    /// # Errors
    /// See [`DelayedError`].
    pub async fn restart(&self, user: &UserId, delay_id: &str) -> Result<(), DelayedError> {
        if store::restart(self.rooms.store(), user.as_str(), delay_id, self.now()).await? {
            self.bell.notify_one();
            return Ok(());
        }
        self.find(user, delay_id).await?;
        Err(DelayedError::Conflict)
    }

    /// Sends an event now. One that was sent may be sent again: nothing happens then. What cannot be
    /// sent waits on.
    ///
    /// # Errors
    /// See [`DelayedError`].
    pub async fn send(&self, user: &UserId, delay_id: &str) -> Result<(), DelayedError> {
        let cellar = self.rooms.store();
        let Some(event) = store::claim(cellar, user.as_str(), delay_id, self.now()).await? else {
            let ended = self.find(user, delay_id).await?;
            // Being sent by somebody else counts as sent.
            let is_sent = ended.event_id.is_some() || ended.finalised_at.is_none();
            return is_sent.then_some(()).ok_or(DelayedError::Conflict);
        };
        match self.deliver(event).await {
            Ok(event_id) => {
                let outcome = Ok(event_id.as_str());
                store::finalise(cellar, delay_id, outcome, self.now()).await?;
                Ok(())
            }
            Err(error) => {
                store::let_go(cellar, delay_id).await?;
                self.bell.notify_one();
                Err(error.into())
            }
        }
    }

    async fn deliver(&self, event: Delayed) -> Result<OwnedEventId, SendError> {
        let room = OwnedRoomId::try_from(event.room_id).map_err(|_| bad_content("no room id"))?;
        let sender = OwnedUserId::try_from(event.user_id).map_err(|_| bad_content("no user id"))?;
        let content = RawValue::from_string(event.content).map_err(|_| bad_content("not JSON"))?;
        let device: Option<OwnedDeviceId> = Some(DELAYED_DEVICE.into());
        match event.state_key {
            Some(state_key) => {
                let set = SetState {
                    room,
                    sender,
                    event_type: event.event_type,
                    state_key,
                    content,
                    timestamp_ms: None,
                };
                let sent_by = sent_by(device.as_ref(), Some(&event.delay_id));
                self.rooms.set_state_by(set, sent_by).await
            }
            None => {
                let send = SendEvent {
                    room,
                    sender,
                    device,
                    event_type: event.event_type,
                    content,
                    txn_id: Some(event.delay_id),
                    timestamp_ms: None,
                };
                self.rooms.send(send).await
            }
        }
    }

    /// Sends events when their time has come, until it is dropped.
    pub async fn run(self, describe: Describe, silenced: Silenced) {
        let mut swept_at = 0;
        loop {
            let rung = self.bell.notified();
            match self.round(describe, silenced, &mut swept_at).await {
                Ok(sleep) => {
                    tokio::select! {
                        () = rung => {}
                        () = tokio::time::sleep(sleep) => {}
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "delayed events were not sent; they are tried again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Sends what is due, and gives the time until the next is.
    async fn round(
        &self,
        describe: Describe,
        silenced: Silenced,
        swept_at: &mut i64,
    ) -> Result<Duration, StoreError> {
        let cellar = self.rooms.store();
        loop {
            let due = store::claim_due(cellar, self.now(), PATIENCE_MS, BATCH).await?;
            if due.is_empty() {
                break;
            }
            for event in due {
                self.send_due(event, describe, silenced).await?;
            }
        }
        let now = self.now();
        if now - *swept_at > i64::try_from(LONGEST_SLEEP.as_millis()).unwrap_or(i64::MAX) {
            store::sweep(cellar, now - KEPT_MS).await?;
            *swept_at = now;
        }
        let next = store::next_due(cellar, PATIENCE_MS).await?;
        let sleep = next.map_or(LONGEST_SLEEP, |at| {
            Duration::from_millis(u64::try_from(at - now).unwrap_or(0))
        });
        Ok(sleep.min(LONGEST_SLEEP))
    }

    async fn send_due(
        &self,
        event: Delayed,
        describe: Describe,
        silenced: Silenced,
    ) -> Result<(), StoreError> {
        let cellar = self.rooms.store();
        let delay_id = event.delay_id.clone();
        let is_hopeless = self.now() - event.scheduled_at - event.delay_ms > GIVE_UP_MS;
        let outcome = if event.is_silenced {
            Err(silenced())
        } else {
            match self.deliver(event).await {
                Ok(event_id) => Ok(event_id.to_string()),
                Err(error) => match describe(error) {
                    Some(told) => Err(told),
                    None if is_hopeless => Err(gave_up()),
                    // It stays claimed, and is taken up again later.
                    None => return Ok(()),
                },
            }
        };
        let outcome = outcome.as_deref().map_err(String::as_str);
        store::finalise(cellar, &delay_id, outcome, self.now()).await
    }
}

fn gave_up() -> String {
    let error = "The server could not send the event";
    serde_json::json!({"errcode": "M_UNKNOWN", "error": error}).to_string()
}

fn check(wish: &Wish) -> Result<(), DelayedError> {
    if wish.delay_ms == 0 {
        return Err(DelayedError::NoDelay);
    }
    if wish.delay_ms > MAX_DELAY_MS {
        return Err(DelayedError::TooLong);
    }
    let names = [
        Some(&wish.event_type),
        wish.state_key.as_ref(),
        wish.txn_id.as_ref(),
    ];
    let is_long = |name: &String| name.len() > MAX_NAME_BYTES;
    if names.into_iter().flatten().any(is_long) || wish.content.get().len() > MAX_CONTENT_BYTES {
        return Err(DelayedError::TooLarge);
    }
    if !wish.content.get().trim_start().starts_with('{') {
        return Err(DelayedError::NotAnObject);
    }
    Ok(())
}
