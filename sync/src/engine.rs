//! Requests: look, wait, look again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use causeway_store::log::Log;
use causeway_store::push::Board;
use causeway_store::sync as queries;
use causeway_store::{Clock, Position, RoomNid, Store, StoreError};
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use ruma::{OwnedDeviceId, OwnedUserId, RoomId, UserId};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::answer::Answer;
use crate::bundle::{Asked, bundle};
use crate::delta::{self, Wish};
use crate::event::Reader;
use crate::filter::Filter;
use crate::follow;
use crate::hub::{Hub, HubCounts, Look, Looker};
use crate::limits::{
    CACHED_FILTERS, HEARD_PRESENCE_MS, MAX_LAG, MAX_TIMEOUT_MS, MAX_TYPING_MS, OFFLINE_AFTER_MS,
};
use crate::parked::Parked;
use crate::presence::{Presence, State};
use crate::read;
use crate::token::{InvalidToken, Token};
use crate::unread;
use crate::write::{self, View};

/// The window through which clients see their rooms. Cheap to clone; clones share the hub.
#[derive(Debug, Clone)]
pub struct Sync {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub store: Store,
    pub clock: Clock,
    pub hub: Mutex<Hub>,
    filters: Cache<(OwnedUserId, i32), Arc<Filter>>,
    /// Where the log is.
    written: watch::Receiver<Position>,
    /// Where the hub is.
    pub taken_in: watch::Sender<Position>,
}

/// A request for `/sync`.
#[derive(Debug)]
pub struct SyncRequest {
    /// Who asks.
    pub user_id: OwnedUserId,
    /// With which device.
    pub device_id: Option<OwnedDeviceId>,
    /// From where on; from the beginning without.
    pub since: Option<Token>,
    /// What is wanted.
    pub filter: Arc<Filter>,
    /// Whether all state is wanted, changed or not.
    pub full_state: bool,
    /// At which end of the timeline the state is told.
    pub state_at: StateAt,
    /// How long to wait for something, in milliseconds.
    pub timeout_ms: u64,
    /// What the request says about the user's presence; nothing if it is `None`.
    pub set_presence: Option<State>,
}

/// At which end of a timeline its state is told (client-server, `use_state_after`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StateAt {
    /// Before it, as `state`.
    #[default]
    Start,
    /// After it, as `state_after`.
    End,
    /// After it, under the name that the field had while it was a proposal (MSC4222).
    EndUnstable,
}

impl StateAt {
    /// Whether it is told as it is after the timeline.
    pub fn is_end(self) -> bool {
        self != Self::Start
    }

    /// The name of the field.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Self::Start => "state",
            Self::End => "state_after",
            Self::EndUnstable => "org.matrix.msc4222.state_after",
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// `since` is no token of this server.
    #[error(transparent)]
    Token(#[from] InvalidToken),
    /// The session ended while the request waited.
    #[error("the session has ended")]
    SessionEnded,
    /// There is no such filter.
    #[error("no such filter")]
    UnknownFilter,
    /// The user is not in the room.
    #[error("not in the room")]
    NotInRoom,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a look came to.
enum Step {
    Answer(Bytes),
    /// Nothing to tell, up to here.
    Nothing(Token),
}

impl Sync {
    /// Starts the hub: a task that follows `log` until it closes and the reader of push rules by its
    /// `board`, and one that follows the clock while this value lives. `log` itself is not held.
    pub fn start(store: Store, log: &Log, board: &Board, clock: Clock) -> Self {
        // First the tail, then the position: entries between the two come twice, none is missed.
        let tail = log.tail();
        let listener = board.listen();
        let mut hub = Hub::new(log.position().0, clock.now_ms());
        hub.counts = HubCounts::starting_at(board.position().0);
        let inner = Arc::new(Inner {
            store,
            clock,
            hub: Mutex::new(hub),
            filters: Cache::new(CACHED_FILTERS),
            written: log.watch_position(),
            taken_in: watch::Sender::new(log.position()),
        });
        tokio::spawn(follow::follow_log(inner.clone(), tail, listener));
        tokio::spawn(follow::follow_clock(Arc::downgrade(&inner)));
        Self { inner }
    }

    /// Answers all who wait, at once, and lets nobody wait any more.
    pub fn drain(&self) {
        let mut hub = self.inner.hub.lock();
        hub.is_draining = true;
        hub.wake_all();
    }

    /// Requests that wait.
    pub fn parked(&self) -> usize {
        self.inner.hub.lock().parked()
    }

    /// Up to where the log has been read.
    pub fn position(&self) -> Position {
        Position(self.inner.hub.lock().position)
    }

    /// The filter that a user has stored under a number. Stored filters never change, so each is
    /// read once.
    ///
    /// # Errors
    /// [`SyncError::UnknownFilter`] if there is none or it cannot be read.
    pub async fn filter(&self, user: &UserId, number: i32) -> Result<Arc<Filter>, SyncError> {
        let key = (user.to_owned(), number);
        if let Some(filter) = self.inner.filters.get(&key) {
            return Ok(filter);
        }
        let text =
            causeway_store::users::filters::find(&self.inner.store, user.as_str(), number).await?;
        let text = text.ok_or(SyncError::UnknownFilter)?;
        let filter = Filter::parse(&text).map_err(|_| SyncError::UnknownFilter)?;
        let filter = Arc::new(filter);
        self.inner.filters.insert(key, filter.clone());
        Ok(filter)
    }

    /// Answers `GET /sync` with the body. Waits if there is nothing to tell; when the future is
    /// dropped, nothing is left behind.
    ///
    /// # Errors
    /// See [`SyncError`].
    pub async fn sync(&self, request: SyncRequest) -> Result<Bytes, SyncError> {
        let inner = &*self.inner;
        inner.arrive(&request).await?;
        let since = match request.since {
            Some(since) if !request.full_state => since,
            since => {
                // What was written before is there with its counts.
                inner.catch_up().await;
                let answer = Box::pin(read::read(inner, &request, since)).await?;
                return inner.finish(&request, &answer).await;
            }
        };
        inner.catch_up().await;
        let deadline =
            Instant::now() + Duration::from_millis(request.timeout_ms.min(MAX_TIMEOUT_MS));
        let parked = Parked::new(inner, &request.user_id, request.device_id.clone());
        let mut token = since;
        loop {
            if parked.waiter.has_ended() {
                return Err(SyncError::SessionEnded);
            }
            match inner.step(&request, token).await? {
                Step::Answer(body) => return Ok(body),
                Step::Nothing(next) => token = next,
            }
            if !parked.must_answer() {
                let waited = timeout_at(deadline, parked.waiter.notify.notified()).await;
                if waited.is_ok() {
                    continue;
                }
            }
            if parked.waiter.has_ended() {
                return Err(SyncError::SessionEnded);
            }
            return inner.finish(&request, &Answer::empty(token)).await;
        }
    }

    /// Somebody types (for `timeout_ms`), or stops (`None`).
    ///
    /// # Errors
    /// [`SyncError::NotInRoom`] if the user is not in the room.
    pub async fn set_typing(
        &self,
        room: &RoomId,
        user: &UserId,
        timeout_ms: Option<u64>,
    ) -> Result<(), SyncError> {
        let user = user.to_owned();
        self.inner.be_loaded(&user).await?;
        let now_ms = self.inner.clock.now_ms();
        let mut hub = self.inner.hub.lock();
        let room = hub.room_ids.get(room).copied();
        let member = |room: &RoomNid| {
            let user = hub.users.get(&user);
            user.is_some_and(|user| user.rooms.contains_key(room))
        };
        let room = room.filter(member).ok_or(SyncError::NotInRoom)?;
        let until = timeout_ms.map(|timeout| now_ms + timeout.min(MAX_TYPING_MS));
        hub.set_typing(room, &user, until, now_ms);
        Ok(())
    }

    /// Somebody says whether they are there.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn set_presence(
        &self,
        user: &UserId,
        state: State,
        status_msg: Option<String>,
    ) -> Result<(), SyncError> {
        let user = user.to_owned();
        self.inner.be_loaded(&user).await?;
        let now_ms = self.inner.clock.now_ms();
        let mut hub = self.inner.hub.lock();
        hub.set_presence(&user, state, Some(status_msg), now_ms);
        hub.spread_presence();
        Ok(())
    }

    /// Another server says whether one of its users is there, which holds for half an hour.
    ///
    /// # Errors
    /// [`SyncError::NotInRoom`] if nobody here shares a room with the user; if the store fails.
    pub async fn hear_presence(
        &self,
        user: &UserId,
        state: State,
        status_msg: Option<String>,
    ) -> Result<(), SyncError> {
        let user = user.to_owned();
        self.inner.be_loaded(&user).await?;
        let now_ms = self.inner.clock.now_ms();
        let mut hub = self.inner.hub.lock();
        let known = hub.users.get_mut(&user);
        let known = known.filter(|known| !known.rooms.is_empty());
        let known = known.ok_or(SyncError::NotInRoom)?;
        known.last_seen_ms = now_ms + (HEARD_PRESENCE_MS - OFFLINE_AFTER_MS);
        hub.set_presence(&user, state, Some(status_msg), now_ms);
        hub.spread_presence();
        Ok(())
    }

    /// The presence of `of`, if `reader` may know it: they share a room, or are the same.
    ///
    /// # Errors
    /// [`SyncError::NotInRoom`] if they share none.
    pub async fn presence(
        &self,
        reader: &UserId,
        of: &UserId,
    ) -> Result<Option<Presence>, SyncError> {
        let inner = &self.inner;
        if reader != of {
            let rows = queries::joined_rooms(&inner.store, &[reader.as_str(), of.as_str()]).await?;
            let (own, theirs): (Vec<_>, Vec<_>) = rows
                .into_iter()
                .partition(|(user, _)| user == reader.as_str());
            let own: HashSet<RoomNid> = own.into_iter().map(|(_, room)| room).collect();
            if !theirs.iter().any(|(_, room)| own.contains(room)) {
                return Err(SyncError::NotInRoom);
            }
        }
        let known = inner.hub.lock().shown_presence(&of.to_owned());
        if let Some(known) = known {
            return Ok(Some(known.presence));
        }
        let rows = queries::load_presence(&inner.store, &[of.as_str()]).await?;
        Ok(rows.into_iter().next().map(|row| Presence {
            // Whoever is not in memory is not connected.
            state: State::Offline,
            status_msg: row.status_msg,
            last_active_ms: u64::try_from(row.last_active_at).unwrap_or(0),
        }))
    }

    /// The time as this server sees it, in milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        self.inner.clock.now_ms()
    }
}

impl Inner {
    /// Waits until the hub has what was written before: whoever has sent something sees it.
    pub(crate) async fn catch_up(&self) {
        let written = *self.written.borrow();
        if *self.taken_in.borrow() >= written {
            return;
        }
        let mut taken_in = self.taken_in.subscribe();
        let caught_up = taken_in.wait_for(|position| *position >= written);
        if tokio::time::timeout(MAX_LAG, caught_up).await.is_err() {
            tracing::warn!("sync lags behind the log");
        }
    }

    /// Loads what is kept of a user while they are online.
    pub(crate) async fn be_loaded(&self, user: &OwnedUserId) -> Result<(), StoreError> {
        let now_ms = self.clock.now_ms();
        {
            let mut hub = self.hub.lock();
            // From here on changes of membership are taken down for this user.
            let known = hub.users.entry(user.clone()).or_default();
            known.last_seen_ms = now_ms;
            if known.is_loaded {
                return Ok(());
            }
        }
        let loaded = queries::load_online(&self.store, user).await?;
        self.hub.lock().load(user, loaded);
        Ok(())
    }

    /// A request has come in: the user is there, and has what the token says.
    async fn arrive(&self, request: &SyncRequest) -> Result<(), StoreError> {
        self.be_loaded(&request.user_id).await?;
        let waiting = {
            let now_ms = self.clock.now_ms();
            let mut hub = self.hub.lock();
            if let Some(state) = request.set_presence {
                hub.set_presence(&request.user_id, state, None, now_ms);
                hub.spread_presence();
            }
            let Some(user) = hub.users.get_mut(&request.user_id) else {
                return Ok(());
            };
            let Some(device) = &request.device_id else {
                return Ok(());
            };
            let device = user.device(device);
            match request.since {
                None => device.forget_members(),
                Some(since) => {
                    device.arrived = device.arrived.max(since.to_device_position().0);
                }
            }
            device.waiting
        };
        let (Some(last), Some(device), Some(since)) = (waiting, &request.device_id, request.since)
        else {
            return Ok(());
        };
        let up_to = since.to_device_position();
        let user = request.user_id.as_str();
        let more = queries::delete_to_device(&self.store, user, device.as_str(), up_to).await?;
        if !more && let Some(user) = self.hub.lock().users.get_mut(&request.user_id) {
            let known = user.device(device);
            // Another message may have come meanwhile.
            if known.waiting == Some(last) {
                known.waiting = None;
            }
        }
        Ok(())
    }

    async fn step(&self, request: &SyncRequest, token: Token) -> Result<Step, SyncError> {
        let filter = &*request.filter;
        let looker = Looker {
            user: &request.user_id,
            device: request.device_id.as_deref(),
            lazy_members: filter.lazy_members.then_some(filter.redundant_members),
        };
        loop {
            let look = self.hub.lock().look(looker, token);
            match look {
                Look::NotLoaded => self.be_loaded(&request.user_id).await?,
                Look::Nothing => return Ok(Step::Nothing(token)),
                // What relates to what only the database knows.
                Look::News(_) if !filter.timeline_relations.take_all() => {
                    return self.read_news(request, token).await;
                }
                Look::News(news) => {
                    let wish = Wish {
                        user: &request.user_id,
                        filter,
                        use_state_after: request.state_at.is_end(),
                    };
                    let ignored = news.ignored.clone();
                    let (mut answer, members) = delta::answer(*news, wish);
                    if answer.is_empty() {
                        return Ok(Step::Nothing(answer.next));
                    }
                    unread::ask(self, request, &mut answer).await?;
                    let mut rooms: Vec<_> = answer.joined.iter_mut().collect();
                    let user = &request.user_id;
                    // Boxed: it is not to weigh on those who wait.
                    Box::pin(bundle(
                        self,
                        user,
                        &ignored,
                        &mut rooms,
                        Asked::KnownParents,
                    ))
                    .await?;
                    metrics::counter!("causeway_sync_answers", "from" => "memory").increment(1);
                    self.remember_members(request, members, answer.next.position);
                    return Ok(Step::Answer(self.finish(request, &answer).await?));
                }
                Look::Database => return self.read_news(request, token).await,
            }
        }
    }

    async fn read_news(&self, request: &SyncRequest, token: Token) -> Result<Step, SyncError> {
        let answer = Box::pin(read::read(self, request, Some(token))).await?;
        if answer.is_empty() {
            return Ok(Step::Nothing(answer.next));
        }
        Ok(Step::Answer(self.finish(request, &answer).await?))
    }

    /// The device will have these members once it has the answer.
    pub(crate) fn remember_members(
        &self,
        request: &SyncRequest,
        members: Vec<(RoomNid, OwnedUserId)>,
        position: Position,
    ) {
        let Some(device) = &request.device_id else {
            return;
        };
        if members.is_empty() {
            return;
        }
        if let Some(user) = self.hub.lock().users.get_mut(&request.user_id) {
            user.device(device).sent(members, position.0);
        }
    }

    async fn finish(&self, request: &SyncRequest, answer: &Answer) -> Result<Bytes, SyncError> {
        let keys = self.key_counts(request).await?;
        let view = View {
            reader: Reader {
                user: &request.user_id,
                device: request.device_id.as_deref(),
                now_ms: self.clock.now_ms(),
            },
            filter: &request.filter,
            state_at: request.state_at,
            keys: &keys,
        };
        Ok(write::write(answer, &view).into())
    }
}
