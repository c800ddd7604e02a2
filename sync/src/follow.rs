//! The one task that follows the log, and the one that follows the clock.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use causeway_events::RoomVersion;
use causeway_store::log::{Committed, Entry, LogEntry, Membership};
use causeway_store::push::Listener;
use causeway_store::sync::{self as queries, PresenceRow, Snapshot};
use causeway_store::users::one_time_keys;
use causeway_store::{Position, RoomNid, StoreError};
use ruma::{OwnedDeviceId, OwnedUserId, RoomVersionId};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::counting::Counting;
use crate::engine::Inner;
use crate::event::RoomEvent;
use crate::hub::{Counted, Prefetched, RoomSummary};
use crate::limits::PRESENCE_BATCH;

/// Time between two looks at the clock.
const TICK: Duration = Duration::from_secs(1);

/// Follows the log until it closes, and the reader of push rules beside it.
pub(crate) async fn follow_log(inner: Arc<Inner>, mut tail: Receiver<Committed>, board: Listener) {
    let mut counting = Counting::new(board);
    loop {
        let batch = tokio::select! {
            batch = tail.recv() => batch,
            change = counting.next() => {
                counting.take_in(&inner, change);
                continue;
            }
        };
        match batch {
            Ok(entries) => {
                counting.wait(&inner, &entries).await;
                take_in(&inner, &entries).await;
                tell(&inner);
            }
            Err(RecvError::Lagged(batches)) => {
                tracing::warn!(batches, "sync has fallen behind the log and starts anew");
                metrics::counter!("causeway_sync_resets").increment(1);
                // What comes next is the oldest batch that is left: everything before is missed.
                match tail.recv().await {
                    Ok(entries) => {
                        let last = entries.last().map_or(0, |entry| entry.position.0);
                        inner.hub.lock().reset(last);
                        tell(&inner);
                    }
                    Err(RecvError::Closed) => return,
                    Err(RecvError::Lagged(_)) => {}
                }
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Tells requests that wait for the hub where it is.
fn tell(inner: &Inner) {
    let position = inner.hub.lock().position;
    inner.taken_in.send_replace(Position(position));
}

async fn take_in(inner: &Inner, entries: &[LogEntry]) {
    let prefetched = match prefetch(inner, entries).await {
        Ok(prefetched) => prefetched,
        Err(error) => {
            tracing::warn!(%error, "reading what goes with the log; sync starts anew");
            metrics::counter!("causeway_sync_resets").increment(1);
            let last = entries.last().map_or(0, |entry| entry.position.0);
            inner.hub.lock().reset(last);
            return;
        }
    };
    inner.hub.lock().apply(entries, prefetched);
}

/// What has to be read before a batch can be taken in.
#[derive(Default)]
struct Missing {
    users: BTreeSet<OwnedUserId>,
    members: BTreeSet<(RoomNid, OwnedUserId)>,
    summaries: BTreeSet<RoomNid>,
    keys: BTreeSet<(OwnedUserId, OwnedDeviceId)>,
}

/// Reads what is not in memory. Most batches need nothing.
async fn prefetch(inner: &Inner, entries: &[LogEntry]) -> Result<Prefetched, StoreError> {
    let mut missing = find_missing(inner, entries);
    let mut found = Prefetched::default();
    if !missing.users.is_empty() {
        let names: Vec<&str> = missing.users.iter().map(|user| user.as_str()).collect();
        let mut rooms: HashMap<String, Vec<RoomNid>> = HashMap::new();
        for (user, room) in queries::joined_rooms(&inner.store, &names).await? {
            rooms.entry(user).or_default().push(room);
        }
        let rooms = rooms.into_iter();
        found.rooms_of = rooms
            .filter_map(|(user, rooms)| Some((user.try_into().ok()?, rooms.into())))
            .collect();
    }
    if !missing.keys.is_empty() {
        found.keys = count_keys(inner, std::mem::take(&mut missing.keys)).await?;
    }
    if !missing.members.is_empty() || !missing.summaries.is_empty() {
        read_rooms(inner, missing, &mut found).await?;
    }
    Ok(found)
}

fn find_missing(inner: &Inner, entries: &[LogEntry]) -> Missing {
    let mut missing = Missing::default();
    let hub = inner.hub.lock();
    let is_loaded = |user| hub.users.get(user).is_some_and(|user| user.is_loaded);
    for entry in entries {
        match &entry.entry {
            Entry::DeviceList(user) if !is_loaded(user) => {
                missing.users.insert(user.clone());
            }
            Entry::OneTimeKeys { user, device } if hub.counts_keys_of(user, device) => {
                missing.keys.insert((user.clone(), device.clone()));
            }
            Entry::Event(record) => {
                let Some(room) = hub.rooms.get(&record.room) else {
                    continue;
                };
                let sender = record.pdu.sender();
                if room.member(sender).is_none() {
                    missing.members.insert((record.room, sender.to_owned()));
                }
                if matches!(
                    record.pdu.event_type(),
                    "m.room.name" | "m.room.canonical_alias"
                ) {
                    missing.summaries.insert(record.room);
                }
                if !record.resolved.is_empty() {
                    missing.summaries.insert(record.room);
                }
                let Some(change) = &record.member else {
                    continue;
                };
                if change.before != Some(change.after) {
                    missing.summaries.insert(record.room);
                }
                if change.before == Some(Membership::Join) && !is_loaded(&change.user) {
                    missing.users.insert(change.user.clone());
                }
            }
            _ => {}
        }
    }
    missing
}

/// Counts what devices have left; those that have nothing are counted, too.
async fn count_keys(
    inner: &Inner,
    devices: BTreeSet<(OwnedUserId, OwnedDeviceId)>,
) -> Result<Counted, StoreError> {
    let users: Vec<&str> = devices.iter().map(|(user, _)| user.as_str()).collect();
    let ids: Vec<&str> = devices.iter().map(|(_, id)| id.as_str()).collect();
    let mut counted = one_time_keys::count(&inner.store, &users, &ids).await?;
    let devices = devices.into_iter().map(|(user, device)| {
        let counts = counted.remove(&(user.to_string(), device.to_string()));
        ((user, device), Arc::new(counts.unwrap_or_default()))
    });
    Ok(devices.collect())
}

async fn read_rooms(
    inner: &Inner,
    mut missing: Missing,
    found: &mut Prefetched,
) -> Result<(), StoreError> {
    let mut snapshot = Snapshot::open(&inner.store).await?;
    let rooms: Vec<RoomNid> = missing.summaries.into_iter().collect();
    for hero in queries::heroes(&mut snapshot, &rooms).await? {
        let Ok(user) = OwnedUserId::try_from(hero.user) else {
            continue;
        };
        missing.members.insert((hero.room, user.clone()));
        let summary = found.summaries.entry(hero.room).or_default();
        summary.heroes.push((user, hero.here));
    }
    let pairs: Vec<(RoomNid, String)> = missing
        .members
        .into_iter()
        .map(|(room, user)| (room, user.to_string()))
        .collect();
    let mut counted = rooms.clone();
    counted.extend(pairs.iter().map(|(room, _)| *room));
    let mut versions = HashMap::new();
    for (room, version, joined, invited) in queries::member_counts(&mut snapshot, &counted).await? {
        let version = RoomVersionId::try_from(version).ok();
        if let Some(version) = version.as_ref().and_then(RoomVersion::find) {
            versions.insert(room, version);
        }
        // Some rooms were asked for because of their version only.
        if rooms.binary_search(&room).is_ok() {
            let summary = found.summaries.entry(room).or_default();
            *summary = RoomSummary {
                joined,
                invited,
                heroes: std::mem::take(&mut summary.heroes),
            };
        }
    }
    for row in queries::members(&mut snapshot, &pairs).await? {
        let room = row.room;
        let event = versions
            .get(&room)
            .and_then(|version| RoomEvent::from_row(*version, row));
        if let Some(event) = event
            && let Some(user) = event.member().map(ToOwned::to_owned)
        {
            found.members.push((room, user, Arc::new(event)));
        }
    }
    Ok(())
}

/// Follows the clock until the hub is gone.
pub(crate) async fn follow_clock(inner: Weak<Inner>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade() else {
            return;
        };
        let now_ms = inner.clock.now_ms();
        let rows = {
            let mut hub = inner.hub.lock();
            hub.expire_typing(now_ms);
            hub.sweep(now_ms);
            hub.spread_presence();
            metrics::gauge!("causeway_sync_parked").set(hub.parked() as f64);
            metrics::gauge!("causeway_sync_users").set(hub.users.len() as f64);
            metrics::gauge!("causeway_sync_rooms").set(hub.rooms.len() as f64);
            metrics::gauge!("causeway_sync_ring_bytes").set(hub.ring_bytes as f64);
            metrics::gauge!("causeway_log_reader_position", "reader" => "sync")
                .set(hub.position as f64);
            unsaved(&mut hub)
        };
        if let Err(error) = queries::save_presence(&inner.store, &rows).await {
            tracing::warn!(%error, "storing presence");
        }
    }
}

/// Presence that is not stored yet, up to a batch of it. It counts as stored: losing it in a
/// failure does no harm.
fn unsaved(hub: &mut crate::hub::Hub) -> Vec<PresenceRow> {
    let unsaved = hub
        .presence
        .iter_mut()
        .filter(|(_, known)| !known.is_stored);
    unsaved
        .take(PRESENCE_BATCH)
        .map(|(user, known)| {
            known.is_stored = true;
            PresenceRow {
                user: user.to_string(),
                state: known.presence.state.as_str().to_owned(),
                status_msg: known.presence.status_msg.clone(),
                last_active_at: i64::try_from(known.presence.last_active_ms).unwrap_or(i64::MAX),
            }
        })
        .collect()
}
