//! What lives for a moment: who types, who is there. It is told as it is now, to servers that take
//! what they are sent, and to nobody later: whoever misses it hears the next.
//!
//! Specification: server-server API, "Typing Notifications", "Presence".

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use causeway_store::StoreError;
use causeway_store::outbox::{servers_of_rooms, servers_of_users};
use ruma::{OwnedRoomId, OwnedServerName, OwnedUserId};

use super::Outbox;

/// How long things gather before they are told, so that what changes twice is told once.
const GATHERING: Duration = Duration::from_millis(150);

/// Of what has gathered, or waits for one server: who types, and who is there, at most. What is beyond
/// that is not told.
pub(super) const MAX_TYPING: usize = 30;
pub(super) const MAX_PRESENCE: usize = 100;
const MAX_GATHERED: usize = 1_000;

/// How often those who are still there are told again: other servers believe it for about half an
/// hour.
const TELL_AGAIN_MS: u64 = 20 * 60_000;

/// Users who are told again, at most.
const MAX_TOLD: usize = 20_000;

/// How often it is looked who is to be told again.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Whether a user of this server is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// `online`, `unavailable` or `offline`.
    pub presence: &'static str,
    /// What they say about it.
    pub status_msg: Option<String>,
    /// When they last did something, in milliseconds since 1970; 0 if that is not known.
    pub last_active_ms: u64,
    /// Whether they are at their device this minute.
    pub is_active: bool,
}

/// Things that live for a moment; of each the last word counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Moments {
    pub(super) typing: BTreeMap<(OwnedRoomId, OwnedUserId), bool>,
    pub(super) presence: BTreeMap<OwnedUserId, Presence>,
}

impl Moments {
    pub(super) fn is_empty(&self) -> bool {
        self.typing.is_empty() && self.presence.is_empty()
    }

    /// Adds what is newer, as far as there is room.
    pub(super) fn add(&mut self, newer: Self) {
        for (key, is_typing) in newer.typing {
            put(&mut self.typing, MAX_TYPING, key, is_typing);
        }
        for (user, presence) in newer.presence {
            put(&mut self.presence, MAX_PRESENCE, user, presence);
        }
    }
}

fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, most: usize, key: K, value: V) {
    if map.len() < most || map.contains_key(&key) {
        map.insert(key, value);
    }
}

impl Outbox {
    /// A user of this server types in a room, or stops.
    pub fn tell_typing(&self, room: OwnedRoomId, user: OwnedUserId, is_typing: bool) {
        let mut gathered = self.0.moments.lock();
        put(&mut gathered.typing, MAX_GATHERED, (room, user), is_typing);
        drop(gathered);
        self.0.gathered.notify_one();
    }

    /// A user of this server is there, or not.
    pub fn tell_presence(&self, user: OwnedUserId, presence: Presence) {
        let mut gathered = self.0.moments.lock();
        put(&mut gathered.presence, MAX_GATHERED, user, presence);
        drop(gathered);
        self.0.gathered.notify_one();
    }

    /// Tells other servers what lives for a moment, until the outbox is closed.
    pub async fn run_moments(self) {
        let mut told: HashMap<OwnedUserId, (Presence, u64)> = HashMap::new();
        loop {
            tokio::select! {
                () = self.0.stop.cancelled() => return,
                () = self.0.gathered.notified() => tokio::time::sleep(GATHERING).await,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let mut moments = std::mem::take(&mut *self.0.moments.lock());
            let now_ms = self.0.clock.now_ms();
            self.tell_again(&mut moments, &mut told, now_ms);
            match self.addressed(moments).await {
                Ok(addressed) => {
                    self.0.board.lock().post_moments(addressed, now_ms);
                    self.dispatch();
                }
                Err(error) => tracing::debug!(%error, "what lives for a moment is not told"),
            }
        }
    }

    /// Adds those who are still there and were told long ago, and remembers who is there.
    fn tell_again(
        &self,
        moments: &mut Moments,
        told: &mut HashMap<OwnedUserId, (Presence, u64)>,
        now_ms: u64,
    ) {
        for (user, (presence, at_ms)) in &mut *told {
            if now_ms.saturating_sub(*at_ms) >= TELL_AGAIN_MS
                && moments.presence.len() < MAX_GATHERED
            {
                let again = moments.presence.entry(user.clone());
                again.or_insert_with(|| Presence {
                    is_active: false,
                    ..presence.clone()
                });
            }
        }
        for (user, presence) in &moments.presence {
            if presence.presence == "offline" {
                told.remove(user);
            } else if told.len() < MAX_TOLD || told.contains_key(user) {
                told.insert(user.clone(), (presence.clone(), now_ms));
            }
        }
    }

    /// By the servers that share a room with whom it is about. Two queries.
    async fn addressed(
        &self,
        moments: Moments,
    ) -> Result<HashMap<OwnedServerName, Moments>, StoreError> {
        let mut by_server: HashMap<OwnedServerName, Moments> = HashMap::new();
        let Moments { typing, presence } = moments;
        let server = |name: String| {
            let name = OwnedServerName::try_from(name).ok();
            name.filter(|name| name != self.ours())
        };
        if !typing.is_empty() {
            let mut servers: HashMap<String, Vec<OwnedServerName>> = HashMap::new();
            let rooms: Vec<&str> = typing.keys().map(|(room, _)| room.as_str()).collect();
            for (room, name) in servers_of_rooms(&self.0.store, &rooms).await? {
                servers.entry(room).or_default().extend(server(name));
            }
            for (key, is_typing) in typing {
                for name in servers.get(key.0.as_str()).into_iter().flatten() {
                    let theirs = by_server.entry(name.clone()).or_default();
                    put(&mut theirs.typing, MAX_TYPING, key.clone(), is_typing);
                }
            }
        }
        if !presence.is_empty() {
            let users: Vec<&str> = presence.keys().map(|user| user.as_str()).collect();
            for (user, name) in servers_of_users(&self.0.store, &users).await? {
                let (Some(name), Ok(user)) = (server(name), OwnedUserId::try_from(user)) else {
                    continue;
                };
                if let Some(known) = presence.get(&user) {
                    let theirs = by_server.entry(name).or_default();
                    put(&mut theirs.presence, MAX_PRESENCE, user, known.clone());
                }
            }
        }
        Ok(by_server)
    }
}
