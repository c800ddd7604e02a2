//! What the reader remembers between batches, bounded in bytes. All of it follows from the tables.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use causeway_store::push::{self as store, PersonalMember};
use causeway_store::{RoomNid, Store, StoreError};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use ruma::UserId;
use ruma::push::Ruleset;

use crate::rules::{self, Defaults};

/// Bytes that the rules of users take.
const RULES_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes that the lists of members with rules of their own take.
const MEMBERS_BYTES: u64 = 32 * 1024 * 1024;

/// Bytes that it takes to remember of senders whether somebody ignores them.
const IGNORED_BYTES: u64 = 16 * 1024 * 1024;

/// Entries that the caches are laid out for.
const ENTRIES: usize = 10_000;

/// What a rule takes in memory for each byte of its JSON, about.
const BYTES_PER_BYTE: u64 = 3;

/// What an entry takes besides.
const ENTRY_BYTES: u64 = 128;

/// Members of a room whose rules are their own.
pub(crate) type Members = Arc<[PersonalMember]>;

#[derive(Debug, Clone)]
struct Weighed<T> {
    value: T,
    bytes: u64,
}

#[derive(Debug, Clone)]
struct ByBytes;

impl<K, T> Weighter<K, Weighed<T>> for ByBytes {
    fn weight(&self, _: &K, entry: &Weighed<T>) -> u64 {
        entry.bytes + ENTRY_BYTES
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Memory {
    rules: Cache<String, Weighed<Arc<Ruleset>>, ByBytes>,
    members: Cache<RoomNid, Weighed<Members>, ByBytes>,
    /// Whether somebody ignores the user.
    ignored: Cache<String, Weighed<bool>, ByBytes>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self {
            rules: Cache::with_weighter(ENTRIES, RULES_BYTES, ByBytes),
            members: Cache::with_weighter(ENTRIES, MEMBERS_BYTES, ByBytes),
            ignored: Cache::with_weighter(ENTRIES, IGNORED_BYTES, ByBytes),
        }
    }

    /// Nothing that was remembered holds.
    pub(crate) fn forget_all(&self) {
        self.rules.clear();
        self.members.clear();
        self.ignored.clear();
    }

    /// A user's rules have changed.
    pub(crate) fn forget_rules(&self, user: &str) {
        self.rules.remove(user);
    }

    /// Who is in the room, or what they are called, has changed.
    pub(crate) fn forget_room(&self, room: RoomNid) {
        self.members.remove(&room);
    }

    /// Somebody has rules of their own from now on.
    pub(crate) fn forget_rooms(&self) {
        self.members.clear();
    }

    /// Somebody has set whom they ignore.
    pub(crate) fn forget_ignored(&self) {
        self.ignored.clear();
    }

    /// Those of some users whom somebody ignores. One query for what is not remembered.
    pub(crate) async fn ignored(
        &self,
        store: &Store,
        users: &HashSet<&str>,
    ) -> Result<HashSet<String>, StoreError> {
        let mut found: HashSet<String> = HashSet::new();
        let mut missing: Vec<&str> = Vec::new();
        for user in users {
            match self.ignored.get(*user) {
                Some(known) if known.value => {
                    found.insert((*user).to_owned());
                }
                Some(_) => {}
                None => missing.push(user),
            }
        }
        found.extend(store::ignored_among(store, &missing).await?);
        for user in missing {
            let entry = Weighed {
                value: found.contains(user),
                bytes: u64::try_from(user.len()).unwrap_or(u64::MAX),
            };
            self.ignored.insert(user.to_owned(), entry);
        }
        Ok(found)
    }

    /// The members of rooms who have rules of their own. One query for those that are not
    /// remembered.
    pub(crate) async fn members(
        &self,
        store: &Store,
        rooms: &[RoomNid],
    ) -> Result<HashMap<RoomNid, Members>, StoreError> {
        let mut found: HashMap<RoomNid, Members> = HashMap::new();
        let mut missing: HashMap<RoomNid, Vec<PersonalMember>> = HashMap::new();
        for room in rooms {
            match self.members.get(room) {
                Some(known) => {
                    found.insert(*room, known.value);
                }
                None => {
                    missing.insert(*room, Vec::new());
                }
            }
        }
        let asked: Vec<RoomNid> = missing.keys().copied().collect();
        for (room, member) in store::list_personal(store, &asked).await? {
            missing.entry(room).or_default().push(member);
        }
        for (room, members) in missing {
            let bytes = members.iter().map(|member| {
                let name = member.display_name.as_ref().map_or(0, String::len);
                size_of::<PersonalMember>() + member.user.len() + name
            });
            let bytes = u64::try_from(bytes.sum::<usize>()).unwrap_or(u64::MAX);
            let value: Members = members.into();
            let entry = Weighed {
                value: value.clone(),
                bytes,
            };
            self.members.insert(room, entry);
            found.insert(room, value);
        }
        Ok(found)
    }

    /// The rules of users. One query for those that are not remembered.
    pub(crate) async fn rules(
        &self,
        store: &Store,
        users: &[&str],
        defaults: &Defaults,
    ) -> Result<HashMap<String, Arc<Ruleset>>, StoreError> {
        let mut found: HashMap<String, Arc<Ruleset>> = HashMap::new();
        let mut missing: Vec<&str> = Vec::new();
        for user in users {
            match self.rules.get(*user) {
                Some(known) => {
                    found.insert((*user).to_owned(), known.value);
                }
                None => missing.push(user),
            }
        }
        for (user, content) in store::rules_of(store, &missing).await? {
            let Ok(id) = <&UserId>::try_from(user.as_str()) else {
                continue;
            };
            let value = Arc::new(rules::read(&content, id, defaults));
            let bytes = u64::try_from(content.len()).unwrap_or(u64::MAX);
            let entry = Weighed {
                value: value.clone(),
                bytes: bytes.saturating_mul(BYTES_PER_BYTE),
            };
            self.rules.insert(user.clone(), entry);
            found.insert(user, value);
        }
        Ok(found)
    }
}
