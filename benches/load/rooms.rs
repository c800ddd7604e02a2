//! Rooms made in this process, without requests: for scenarios that need many events before they
//! begin.
#![allow(dead_code, reason = "each scenario uses its part")]

use causeway_events::{Draft, RoomVersion, ServerKey};
use causeway_rooms::{Append, RoomSettings, Rooms};
use causeway_store::{Clock, DatabaseSettings, Log, Store, state};
use ruma::{OwnedRoomId, OwnedUserId, RoomId, RoomVersionId, ServerName, UserId};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

/// Events that are written while others are.
const AT_ONCE: usize = 64;

/// The rooms of a server, in this process. No other process may serve the same database meanwhile.
pub struct LocalRooms {
    /// Where they are kept.
    pub store: Store,
    /// Where they are written.
    pub rooms: Rooms,
    /// The log of both.
    pub log: Log,
    /// The time of their events.
    pub clock: Clock,
    settings: RoomSettings,
}

impl LocalRooms {
    /// Opens the database of the server with this name.
    pub async fn open(url: &str, server: &ServerName) -> anyhow::Result<Self> {
        let store = Store::connect(&DatabaseSettings::from_url(url, 4)?).await?;
        let clock = Clock::system();
        let (log, _committer) = Log::start(&store).await?;
        tokio::spawn(state::keep(store.clone(), log.tail()));
        let version = RoomVersion::find(&RoomVersionId::V11)
            .ok_or_else(|| anyhow::anyhow!("no such version"))?;
        let settings = RoomSettings {
            server_name: server.to_owned(),
            default_version: version,
            warm_rooms: 10,
        };
        let key = ServerKey::generate(server.to_owned(), "bench")?;
        let rooms = Rooms::new(
            settings.clone(),
            store.clone(),
            log.clone(),
            clock.clone(),
            key,
        );
        Ok(Self {
            store,
            rooms,
            log,
            clock,
            settings,
        })
    }

    /// The n-th user, who needs no account.
    pub fn user(&self, number: usize) -> OwnedUserId {
        UserId::parse(format!("@user{number}:{}", self.settings.server_name)).expect("a user id")
    }

    /// A public room of version 11.
    pub async fn create(&self, creator: &UserId) -> anyhow::Result<OwnedRoomId> {
        let drafts = vec![
            self.state(creator, "m.room.create", "", &json!({"room_version": "11"}))?,
            self.state(
                creator,
                "m.room.member",
                creator.as_str(),
                &json!({"membership": "join"}),
            )?,
            self.state(
                creator,
                "m.room.power_levels",
                "",
                &json!({"users": {creator.as_str(): 100}}),
            )?,
            self.state(
                creator,
                "m.room.join_rules",
                "",
                &json!({"join_rule": "public"}),
            )?,
        ];
        let id = RoomId::new_v1(&self.settings.server_name);
        let version = self.settings.default_version;
        let (room, _) = self.rooms.append_new(version, Some(id), drafts).await?;
        Ok(room)
    }

    /// Lets users join.
    pub async fn join(
        &self,
        room: &RoomId,
        users: impl IntoIterator<Item = usize>,
    ) -> anyhow::Result<()> {
        let users: Vec<usize> = users.into_iter().collect();
        for crowd in users.chunks(AT_ONCE) {
            let joins = crowd.iter().map(async |number| {
                let user = self.user(*number);
                let content =
                    json!({"membership": "join", "displayname": format!("User {number}")});
                let join = self.state(&user, "m.room.member", user.as_str(), &content)?;
                self.rooms.append(room, Append::one(join)).await?;
                anyhow::Ok(())
            });
            futures::future::try_join_all(joins).await?;
        }
        Ok(())
    }

    /// Messages of a member.
    pub async fn say(&self, room: &RoomId, sender: &UserId, messages: usize) -> anyhow::Result<()> {
        let numbers: Vec<usize> = (0..messages).collect();
        for crowd in numbers.chunks(AT_ONCE) {
            let sends = crowd.iter().map(async |number| {
                let body = format!("message {number} of an ordinary length, as people write them");
                let content = json!({"msgtype": "m.text", "body": body});
                let mut draft = self.state(sender, "m.room.message", "", &content)?;
                draft.state_key = None;
                self.rooms.append(room, Append::one(draft)).await?;
                anyhow::Ok(())
            });
            futures::future::try_join_all(sends).await?;
        }
        Ok(())
    }

    fn state(
        &self,
        sender: &UserId,
        kind: &str,
        key: &str,
        content: &Value,
    ) -> anyhow::Result<Draft> {
        Ok(Draft {
            event_type: kind.to_owned(),
            state_key: Some(key.to_owned()),
            sender: sender.to_owned(),
            content: to_raw_value(content)?,
            redacts: None,
            origin_ts_ms: self.clock.now_ms(),
        })
    }
}
