//! A server that takes in what a model of a room sends it.

use std::collections::{BTreeMap, BTreeSet};

use causeway_events::{Draft, Pdu, Placement, Reference, RoomVersion, ServerKey};
use causeway_rooms::receive::{Import, Outcome};
use causeway_rooms::{RoomSettings, Rooms};
use causeway_store::rooms::find_room;
use causeway_store::timeline::{TimelineRow, current_state, state_events_at};
use causeway_store::{Clock, DatabaseSettings, Log, RoomNid, Store};
use causeway_testkit::TestDatabase;
use ruma::{OwnedEventId, OwnedServerName, RoomId, RoomVersionId};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use crate::sim::{Nid, Room, user};

/// Our user in the model's rooms.
pub const OURS: usize = 100;

pub type States = BTreeMap<(String, String), String>;

pub struct Stand {
    pub store: Store,
    pub log: Log,
    pub rooms: Rooms,
    pub clock: Clock,
    // Last: it goes after everything that is connected to it.
    pub database: TestDatabase,
}

pub fn version(id: &str) -> RoomVersion {
    RoomVersion::find(&RoomVersionId::try_from(id).unwrap()).unwrap()
}

pub async fn node(database: &TestDatabase) -> (Store, Log, Rooms, Clock) {
    let settings = DatabaseSettings::from_url(&database.url(), 4).unwrap();
    let store = Store::connect(&settings).await.unwrap();
    let (log, _committer) = Log::start(&store).await.unwrap();
    let clock = Clock::manual(1_700_000_000_000);
    let name: OwnedServerName = "other".try_into().unwrap();
    let settings = RoomSettings {
        server_name: name.clone(),
        default_version: version("12"),
        warm_rooms: 100,
    };
    let key = ServerKey::generate(name, "1").unwrap();
    let rooms = Rooms::new(settings, store.clone(), log.clone(), clock.clone(), key);
    (store, log, rooms, clock)
}

impl Stand {
    pub async fn open() -> Self {
        let database = TestDatabase::create().await;
        let (store, log, rooms, clock) = node(&database).await;
        Self {
            store,
            log,
            rooms,
            clock,
            database,
        }
    }

    /// Joins the model's room with `join`, one of its events.
    pub async fn import(&self, room: &Room, join: Nid) {
        let outcome = self.rooms.import(import_of(room, join)).await.unwrap();
        assert_eq!(outcome, Outcome::Accepted);
    }

    pub async fn receive(&self, room: &Room, events: &[Nid]) -> Vec<(OwnedEventId, Outcome)> {
        let pdus = events.iter().map(|n| room.events[*n].clone()).collect();
        self.rooms.receive(id_of(room), pdus).await.unwrap()
    }

    /// Receives one event.
    pub async fn take(&self, room: &Room, event: Nid) -> Outcome {
        self.receive(room, &[event]).await.remove(0).1
    }

    pub async fn take_pdu(&self, pdu: &Pdu) -> Outcome {
        let room = pdu.room_id().to_owned();
        let mut outcomes = self.rooms.receive(&room, vec![pdu.clone()]).await.unwrap();
        outcomes.remove(0).1
    }

    pub async fn nid(&self, room: &RoomId) -> RoomNid {
        self.rooms.head(room).await.unwrap().room()
    }

    /// The room's current state by its tables, by its line, and by a head that is read anew: they
    /// must say the same.
    pub async fn current(&self, room: &RoomId) -> States {
        let row = find_room(&self.store, room).await.unwrap().unwrap();
        let tables = current_state(&self.store, row.room).await.unwrap();
        let line = state_events_at(&self.store, row.room, row.head.state, None);
        let (tables, line) = (states(&tables), states(&line.await.unwrap()));
        assert_eq!(tables, line, "tables and line differ");
        let joined = tables.iter().filter(|((kind, _), json)| {
            let json: Value = serde_json::from_str(json).unwrap();
            kind == "m.room.member" && json["content"]["membership"] == "join"
        });
        assert_eq!(
            usize::try_from(row.head.joined_members).unwrap(),
            joined.count()
        );
        let head = self.rooms.head(room).await.unwrap();
        for entry in head.all_state() {
            let key = (
                entry.pdu.event_type().to_owned(),
                entry.pdu.state_key().unwrap().to_owned(),
            );
            assert_eq!(tables.get(&key).map(String::as_str), Some(entry.pdu.json()));
        }
        let others = tables.keys().filter(|(kind, _)| kind != "m.room.member");
        assert_eq!(others.count(), head.all_state().count());
        self.check_servers(row.room, &tables).await;
        tables
    }

    async fn check_servers(&self, room: RoomNid, state: &States) {
        let rows: Vec<(String, i32)> = sqlx::query_as(
            "SELECT server, joined FROM room_servers WHERE room_nid = $1 AND joined <> 0",
        )
        .bind(room.0)
        .fetch_all(self.store.pool())
        .await
        .unwrap();
        let mut counted: BTreeMap<String, i32> = BTreeMap::new();
        for ((kind, user), json) in state {
            let json: Value = serde_json::from_str(json).unwrap();
            if kind == "m.room.member" && json["content"]["membership"] == "join" {
                let server = user.split_once(':').unwrap().1;
                *counted.entry(server.to_owned()).or_default() += 1;
            }
        }
        assert_eq!(rows.into_iter().collect::<BTreeMap<_, _>>(), counted);
    }

    /// The room's ends.
    pub async fn ends(&self, room: &RoomId) -> BTreeSet<String> {
        let row = find_room(&self.store, room).await.unwrap().unwrap();
        row.extremity_ids.into_iter().collect()
    }

    pub async fn flags(&self, room: &RoomId, pdu: &Pdu) -> Option<i16> {
        let nid = self.nid(room).await;
        let event = causeway_store::rooms::find_event(&self.store, nid, pdu.event_id()).await;
        event.unwrap().map(|event| event.flags)
    }
}

fn states(rows: &[TimelineRow]) -> States {
    let mut states = States::new();
    for row in rows {
        let json: Value = serde_json::from_str(&row.json).unwrap();
        let text = |field: &str| json[field].as_str().unwrap().to_owned();
        let known = states.insert((text("type"), text("state_key")), row.json.clone());
        assert_eq!(known, None, "twice in the state");
    }
    states
}

/// A state of the model.
pub fn expected(room: &Room, state: &crate::sim::State) -> States {
    let entry = |(key, nid): (&u32, &Nid)| {
        let name = room.names[*key as usize].clone();
        (name, room.events[*nid].json().to_owned())
    };
    state.iter().map(entry).collect()
}

pub fn id_of(room: &Room) -> &RoomId {
    room.room_id().unwrap()
}

pub fn import_of(room: &Room, join: Nid) -> Import {
    let state = &room.before[join];
    let pdus = |nids: &BTreeSet<Nid>| nids.iter().map(|n| room.events[*n].clone()).collect();
    let nids: BTreeSet<Nid> = state.values().copied().collect();
    let chain = room.walked_chain(nids.iter().copied().chain(room.auth_numbers(join)));
    Import {
        room_id: id_of(room).to_owned(),
        version: room.version,
        event: room.events[join].clone(),
        state: pdus(&nids),
        auth_chain: pdus(&chain),
    }
}

/// The model's room that our server is in: with its last event, by which our user joined.
pub async fn joined(stand: &Stand, version_id: &str) -> (Room, Nid) {
    let mut room = Room::new(version(version_id));
    let join = add_join(&mut room, &[3], OURS);
    stand.import(&room, join).await;
    (room, join)
}

pub fn add_join(room: &mut Room, prev: &[Nid], who: usize) -> Nid {
    let id = user(who);
    let join = json!({"membership": "join"});
    room.add(prev, who, "m.room.member", Some(id.as_str()), join)
        .unwrap()
}

pub fn say(room: &mut Room, prev: &[Nid], who: usize, body: &str) -> Nid {
    room.add(prev, who, "m.room.message", None, json!({"body": body}))
        .unwrap()
}

pub fn set(room: &mut Room, prev: &[Nid], who: usize, kind: &str, content: Value) -> Nid {
    room.add(prev, who, kind, Some(""), content).unwrap()
}

pub fn ban(room: &mut Room, prev: &[Nid], who: usize, whom: usize) -> Nid {
    let id = user(whom);
    let ban = json!({"membership": "ban"});
    room.add(prev, who, "m.room.member", Some(id.as_str()), ban)
        .unwrap()
}

/// An event that nobody has checked.
pub struct Forgery<'a> {
    pub room: &'a Room,
    pub prev: Vec<&'a Pdu>,
    pub auth: Vec<&'a Pdu>,
    pub depth: u64,
}

impl Forgery<'_> {
    pub fn build(&self, who: usize, kind: &str, key: Option<&str>, content: Value) -> Pdu {
        let reference = |pdu: &&Pdu| Reference::to(self.room.version, pdu);
        let (prev, auth): (Vec<_>, Vec<_>) = (
            self.prev.iter().map(reference).collect(),
            self.auth.iter().map(reference).collect(),
        );
        let placement = Placement {
            room_id: self.room.room_id(),
            prev_events: &prev,
            auth_events: &auth,
            depth: self.depth,
        };
        let draft = Draft {
            event_type: kind.to_owned(),
            state_key: key.map(str::to_owned),
            sender: user(who),
            content: to_raw_value(&content).unwrap(),
            redacts: None,
            origin_ts_ms: 5_000_000,
        };
        draft
            .build(self.room.version, &placement, &self.room.key)
            .unwrap()
    }
}
