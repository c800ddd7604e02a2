//! What the tests of this crate cook with: a fresh database, a log, rooms.
#![allow(dead_code, missing_docs, reason = "each test binary uses its part")]

use causeway_events::{Draft, RoomVersion, ServerKey};
use causeway_rooms::{Append, RoomSettings, Rooms};
use causeway_store::log::SentBy;
use causeway_store::{Clock, DatabaseSettings, Log, Store};
use causeway_testkit::TestDatabase;
use ruma::{
    OwnedRoomId, OwnedServerName, RoomId, RoomVersionId, UserId, owned_device_id, server_name,
};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

pub struct Kitchen {
    pub store: Store,
    pub log: Log,
    pub rooms: Rooms,
    pub clock: Clock,
    // Last: it goes after everything that is connected to it.
    pub database: TestDatabase,
}

pub fn server() -> OwnedServerName {
    server_name!("hs.test").to_owned()
}

impl Kitchen {
    pub async fn open() -> Self {
        let database = TestDatabase::create().await;
        Self::on(database).await
    }

    async fn on(database: TestDatabase) -> Self {
        let (store, log, rooms, clock) = node(&database).await;
        Self {
            store,
            log,
            rooms,
            clock,
            database,
        }
    }

    /// A room of version `version` with its creator and open to all.
    pub async fn room(&self, version: RoomVersionId, creator: &UserId) -> OwnedRoomId {
        let version = RoomVersion::find(&version).expect("known");
        let derived = version.room_id_is_create_hash();
        let room_id = (!derived).then(|| RoomId::new_v1(&server()));
        let mut create = json!({"room_version": version.id()});
        if !version.rules().authorization.use_room_create_sender {
            create["creator"] = json!(creator);
        }
        let drafts = vec![
            self.state(creator, "m.room.create", "", create),
            self.state(
                creator,
                "m.room.member",
                creator.as_str(),
                json!({"membership": "join"}),
            ),
            self.state(
                creator,
                "m.room.join_rules",
                "",
                json!({"join_rule": "public"}),
            ),
        ];
        self.rooms
            .append_new(version, room_id, drafts)
            .await
            .expect("a room")
            .0
    }

    pub fn draft(&self, sender: &UserId, event_type: &str, content: Value) -> Draft {
        Draft {
            event_type: event_type.to_owned(),
            state_key: None,
            sender: sender.to_owned(),
            content: to_raw_value(&content).expect("JSON"),
            redacts: None,
            origin_ts_ms: self.clock.now_ms(),
        }
    }

    pub fn state(&self, sender: &UserId, event_type: &str, key: &str, content: Value) -> Draft {
        Draft {
            state_key: Some(key.to_owned()),
            ..self.draft(sender, event_type, content)
        }
    }

    pub fn message(&self, sender: &UserId, body: &str) -> Append {
        Append::one(self.draft(
            sender,
            "m.room.message",
            json!({"msgtype": "m.text", "body": body}),
        ))
    }

    pub async fn join(&self, room: &RoomId, user: &UserId) {
        let join = self.state(
            user,
            "m.room.member",
            user.as_str(),
            json!({"membership": "join"}),
        );
        self.rooms
            .append(room, Append::one(join))
            .await
            .expect("joined");
    }
}

/// A server process's view of a database: its own log and heads.
pub async fn node(database: &TestDatabase) -> (Store, Log, Rooms, Clock) {
    let settings = DatabaseSettings::from_url(&database.url(), 4).expect("a URL");
    let store = Store::connect(&settings).await.expect("Postgres");
    let clock = Clock::manual(1_700_000_000_000);
    let (log, _committer) = Log::start(&store).await.expect("a log");
    let key = ServerKey::generate(server(), "test").expect("a key");
    let settings = RoomSettings {
        server_name: server(),
        default_version: RoomVersion::find(&RoomVersionId::V12).expect("known"),
        warm_rooms: 100,
    };
    let rooms = Rooms::new(settings, store.clone(), log.clone(), clock.clone(), key);
    (store, log, rooms, clock)
}

pub fn transaction(id: &str) -> Option<SentBy> {
    Some(SentBy {
        device: owned_device_id!("PHONE"),
        txn_id: id.into(),
    })
}
