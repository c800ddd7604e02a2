//! A small server for tests: a database, rooms, a reader, and people who act.

use causeway_events::{Draft, RoomVersion, ServerKey};
use causeway_rooms::read::{Asker, Chunk, EventFilter, MessagesQuery, ReadError, Reader};
use causeway_rooms::{Append, RoomSettings, Rooms};
use causeway_store::log::SentBy;
use causeway_store::timeline::Direction;
use causeway_store::{Clock, DatabaseSettings, Log, Store};
use causeway_testkit::TestDatabase;
use ruma::{OwnedEventId, OwnedRoomId, OwnedServerName, OwnedUserId, RoomVersionId, UserId};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

pub const ALICE: &str = "@alice:test";
pub const BOB: &str = "@bob:test";
pub const CAROL: &str = "@carol:test";

pub struct House {
    pub store: Store,
    pub log: Log,
    pub rooms: Rooms,
    pub reader: Reader,
    pub clock: Clock,
    _database: TestDatabase,
}

pub fn user(id: &str) -> OwnedUserId {
    UserId::parse(id).unwrap()
}

pub fn asker(id: &str) -> Asker {
    Asker {
        user: user(id),
        device: Some("PHONE".into()),
    }
}

impl House {
    pub async fn build() -> Self {
        Self::build_with(4).await
    }

    /// With so many connections to the database.
    pub async fn build_with(connections: u32) -> Self {
        let database = TestDatabase::create().await;
        let settings = DatabaseSettings::from_url(&database.url(), connections).unwrap();
        let store = Store::connect(&settings).await.unwrap();
        let (log, _) = Log::start(&store).await.unwrap();
        let name: OwnedServerName = "test".try_into().unwrap();
        let clock = Clock::manual(1_700_000_000_000);
        let settings = RoomSettings {
            server_name: name.clone(),
            default_version: version("12"),
            warm_rooms: 100,
        };
        let key = ServerKey::generate(name.clone(), "1").unwrap();
        let rooms = Rooms::new(settings, store.clone(), log.clone(), clock.clone(), key);
        Self {
            reader: Reader::new(store.clone(), name, clock.clone()),
            store,
            log,
            rooms,
            clock,
            _database: database,
        }
    }

    fn draft(&self, sender: &str, event_type: &str, key: Option<&str>, content: &Value) -> Draft {
        self.clock.advance_ms(1000);
        Draft {
            event_type: event_type.to_owned(),
            state_key: key.map(str::to_owned),
            sender: user(sender),
            content: to_raw_value(content).unwrap(),
            redacts: None,
            origin_ts_ms: self.clock.now_ms(),
        }
    }

    /// A room of Alice's, in which everybody may do everything; with more state.
    pub async fn room(&self, visibility: &str, more: &[(&str, &str, Value)]) -> OwnedRoomId {
        let extra = more
            .iter()
            .find(|(kind, ..)| *kind == "m.room.create")
            .map_or_else(|| json!({}), |(_, _, content)| content.clone());
        let mut create = json!({"room_version": "12"});
        create
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        let joined = json!({"membership": "join"});
        let levels = json!({"users_default": 50, "events_default": 0, "state_default": 0, "invite": 0,
                            "kick": 0, "redact": 0, "events": {"m.room.tombstone": 150}});
        let mut drafts = vec![
            self.draft(ALICE, "m.room.create", Some(""), &create),
            self.draft(ALICE, "m.room.member", Some(ALICE), &joined),
            self.draft(ALICE, "m.room.power_levels", Some(""), &levels),
        ];
        if !more.iter().any(|(kind, ..)| *kind == "m.room.join_rules") {
            let rule = json!({"join_rule": "public"});
            drafts.push(self.draft(ALICE, "m.room.join_rules", Some(""), &rule));
        }
        let visible = json!({"history_visibility": visibility});
        drafts.push(self.draft(ALICE, "m.room.history_visibility", Some(""), &visible));
        for (kind, key, content) in more.iter().filter(|(kind, ..)| *kind != "m.room.create") {
            drafts.push(self.draft(ALICE, kind, Some(key), content));
        }
        let made = self.rooms.append_new(version("12"), None, drafts).await;
        made.unwrap().0
    }

    async fn append(&self, room: &OwnedRoomId, append: Append) -> OwnedEventId {
        let accepted = self.rooms.append(room, append).await.unwrap();
        accepted.event_ids.into_iter().next().unwrap()
    }

    pub async fn send(&self, room: &OwnedRoomId, sender: &str, content: Value) -> OwnedEventId {
        let draft = self.draft(sender, "m.room.message", None, &content);
        self.append(room, Append::one(draft)).await
    }

    pub async fn say(&self, room: &OwnedRoomId, sender: &str, text: &str) -> OwnedEventId {
        self.send(room, sender, json!({"msgtype": "m.text", "body": text}))
            .await
    }

    pub async fn say_as(&self, room: &OwnedRoomId, sender: &str, device: &str) -> OwnedEventId {
        let content = json!({"msgtype": "m.text", "body": device});
        let draft = self.draft(sender, "m.room.message", None, &content);
        let append = Append {
            sent_by: Some(SentBy {
                device: device.into(),
                txn_id: "txn".into(),
            }),
            ..Append::one(draft)
        };
        self.append(room, append).await
    }

    pub async fn set(
        &self,
        room: &OwnedRoomId,
        sender: &str,
        kind: &str,
        key: &str,
        content: Value,
    ) -> OwnedEventId {
        let draft = self.draft(sender, kind, Some(key), &content);
        self.append(room, Append::one(draft)).await
    }

    pub async fn member(&self, room: &OwnedRoomId, by: &str, whom: &str, membership: &str) {
        self.set(
            room,
            by,
            "m.room.member",
            whom,
            json!({"membership": membership}),
        )
        .await;
    }

    pub async fn redact(&self, room: &OwnedRoomId, by: &str, target: &OwnedEventId) {
        let content = json!({"redacts": target, "reason": "no"});
        let draft = Draft {
            redacts: Some(target.clone()),
            ..self.draft(by, "m.room.redaction", None, &content)
        };
        self.append(room, Append::one(draft)).await;
    }

    pub async fn page(&self, room: &OwnedRoomId, who: &str, query: Query<'_>) -> Chunk {
        self.try_page(room, who, query).await.unwrap()
    }

    pub async fn try_page(
        &self,
        room: &OwnedRoomId,
        who: &str,
        query: Query<'_>,
    ) -> Result<Chunk, ReadError> {
        let filter = query.filter.map_or_else(EventFilter::default, |filter| {
            EventFilter::parse(&filter.to_string()).unwrap()
        });
        let query = MessagesQuery {
            direction: query.direction,
            from: query.from,
            to: query.to,
            limit: Some(query.limit),
            filter,
        };
        self.reader.messages(room, &asker(who), &query).await
    }

    /// What somebody reads in a room: the bodies of its messages, oldest first.
    pub async fn bodies(&self, room: &OwnedRoomId, who: &str) -> Vec<String> {
        let chunk = self.page(room, who, Query::default()).await;
        let mut bodies = bodies(&chunk.events);
        bodies.reverse();
        bodies
    }
}

pub struct Query<'a> {
    pub direction: Direction,
    pub from: Option<&'a str>,
    pub to: Option<&'a str>,
    pub limit: u64,
    pub filter: Option<Value>,
}

impl Default for Query<'_> {
    fn default() -> Self {
        Self {
            direction: Direction::Backward,
            from: None,
            to: None,
            limit: 100,
            filter: None,
        }
    }
}

pub fn version(id: &str) -> RoomVersion {
    RoomVersion::find(&RoomVersionId::try_from(id).unwrap()).unwrap()
}

pub fn parsed(events: &[String]) -> Vec<Value> {
    events
        .iter()
        .map(|event| serde_json::from_str(event).unwrap())
        .collect()
}

pub fn bodies(events: &[String]) -> Vec<String> {
    parsed(events)
        .iter()
        .filter_map(|event| Some(event["content"]["body"].as_str()?.to_owned()))
        .collect()
}

pub fn ids(events: &[String]) -> Vec<String> {
    parsed(events)
        .iter()
        .map(|event| event["event_id"].as_str().unwrap().to_owned())
        .collect()
}
