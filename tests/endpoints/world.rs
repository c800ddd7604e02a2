//! What the server really has, so that requests reach what stands behind the first checks.

use std::collections::HashMap;

use causeway_testkit::account::PASSWORD;
use causeway_testkit::{TestClient, TestServer, v3};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};

use super::shapes;

/// Names and ids that the server knows, by the parameter's name in the specification's paths.
pub struct Known {
    values: HashMap<&'static str, Vec<String>>,
    server: String,
    /// Who proves their password where a request asks for it.
    prover: String,
}

/// The people of one round and what they know.
pub struct World {
    /// Makes most requests; has rooms, a filter, a backup, files.
    pub alice: TestClient,
    /// Is in Alice's room and only spoken of.
    pub bob: TestClient,
    /// An administrator.
    pub admin: TestClient,
    pub known: Known,
}

/// Values that are the same in every world.
const FIXED: [(&str, &[&str]); 19] = [
    (
        "kind",
        &["override", "underride", "content", "room", "sender"],
    ),
    ("ruleId", &[".m.rule.master", ".m.rule.tombstone", "cake"]),
    (
        "eventType",
        &[
            "m.room.message",
            "m.room.topic",
            "m.room.member",
            "m.room.power_levels",
            "m.reaction",
            "x.y",
        ],
    ),
    ("type", &["m.direct", "x.y", "m.ignored_user_list"]),
    ("keyName", &["displayname", "avatar_url", "m.tz", "x.y"]),
    ("stateKey", &["", "x"]),
    ("tag", &["m.favourite", "u.x"]),
    (
        "relType",
        &["m.thread", "m.annotation", "m.replace", "m.reference"],
    ),
    ("receiptType", &["m.read", "m.read.private", "m.fully_read"]),
    ("txnId", &["t1", "t2", "t3", "t4"]),
    ("protocol", &["irc"]),
    ("networkId", &["net"]),
    ("appserviceId", &["service"]),
    ("idpId", &["idp"]),
    ("fileName", &["cat.png"]),
    ("room_version", &["1", "6", "10", "11", "12"]),
    ("method", &["crop", "scale"]),
    ("dir", &["b", "f"]),
    ("membership", &["join", "invite", "leave", "ban", "knock"]),
];

/// Under which of the paths' names a body's or a query's field is known.
const FIELDS: [(&str, &str); 20] = [
    ("user_id", "userId"),
    ("userid", "userId"),
    ("username", "userId"),
    ("user", "userId"),
    ("mxid", "userId"),
    ("invite", "userId"),
    ("senders", "userId"),
    ("room_id", "roomId"),
    ("rooms", "roomId"),
    ("alias", "roomAlias"),
    ("device_id", "deviceId"),
    ("devices", "deviceId"),
    ("filter", "filterId"),
    ("m.read", "eventId"),
    ("m.fully_read", "eventId"),
    ("m.read.private", "eventId"),
    ("new_version", "room_version"),
    ("from", "token"),
    ("since", "token"),
    ("to", "token"),
];

impl World {
    /// Registers people of their own for a round, with rooms, and notes what they have.
    pub async fn new(server: &TestServer, admin: &TestClient, round: u64) -> Self {
        let alice = server.user(&format!("alice{round}")).await;
        let bob = server.user(&format!("bob{round}")).await;
        let mut values: HashMap<&str, Vec<String>> = HashMap::new();
        for (name, fixed) in FIXED {
            values.insert(name, fixed.iter().map(|v| (*v).to_owned()).collect());
        }
        let version = if round.is_multiple_of(2) { "12" } else { "11" };
        let alias = format!("cafe{round}");
        let room = alice
            .create_room(
                json!({"preset": "public_chat", "room_alias_name": alias, "room_version": version}),
            )
            .await;
        bob.join(&room).await;
        let other = bob.create_room(json!({"preset": "private_chat"})).await;
        bob.invite(&other, alice.id()).await;
        let mut events = Vec::new();
        for number in 0..3 {
            let content = json!({"msgtype": "m.text", "body": format!("cake {number}")});
            events.push(sent(&alice, &room, content).await);
        }
        let filter = alice
            .post(
                v3(&["user", alice.id(), "filter"]),
                json!({"room": {"timeline": {"limit": 3}}}),
            )
            .await;
        let backup = json!({"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2",
            "auth_data": {"public_key": "abcdefg", "signatures": {}}});
        let backup = alice.post(v3(&["room_keys", "version"]), backup).await;
        let upload = alice
            .call(reqwest::Method::POST, "/_matrix/media/v3/upload")
            .raw("text/plain", "some file")
            .await;
        let synced = alice.get(v3(&["sync"])).query("timeout", 0).await;
        let before = synced["rooms"]["join"][&room]["timeline"]["prev_batch"].clone();
        let media = text(&upload["content_uri"]);
        let media = media.rsplit('/').next().unwrap_or_default().to_owned();
        values.insert("userId", vec![alice.id().to_owned(), bob.id().to_owned()]);
        values.insert("roomId", vec![room.clone(), other]);
        values.insert("roomAlias", vec![format!("#{alias}:{}", server.name())]);
        values.insert(
            "roomIdOrAlias",
            vec![room, format!("#{alias}:{}", server.name())],
        );
        values.insert("eventId", events);
        values.insert(
            "deviceId",
            vec![alice.device_id().to_owned(), bob.device_id().to_owned()],
        );
        values.insert("filterId", vec![text(&filter["filter_id"])]);
        values.insert("version", vec![text(&backup["version"])]);
        values.insert("sessionId", vec!["session".to_owned()]);
        values.insert("mediaId", vec![media]);
        values.insert("serverName", vec![server.name()]);
        values.insert("token", vec![text(&synced["next_batch"]), text(&before)]);
        let known = Known {
            values,
            server: server.name(),
            prover: alice.id().to_owned(),
        };
        Self {
            alice,
            bob,
            admin: admin.clone(),
            known,
        }
    }
}

async fn sent(who: &TestClient, room: &str, content: Value) -> String {
    let at = v3(&["rooms", room, "send", "m.room.message", &who.transaction()]);
    text(&who.put(at, content).await["event_id"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Known {
    /// The server's name.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The same, with another person who proves their password and is spoken of.
    pub fn of(&self, who: &TestClient) -> Self {
        let mut values = self.values.clone();
        values.insert("userId", vec![who.id().to_owned()]);
        values.insert("deviceId", vec![who.device_id().to_owned()]);
        Self {
            values,
            server: self.server.clone(),
            prover: who.id().to_owned(),
        }
    }

    /// One of the known values of a path's parameter, or a word.
    pub fn text(&self, name: &str, rng: &mut StdRng) -> String {
        let known = self.values.get(name).and_then(|values| values.choose(rng));
        known.cloned().unwrap_or_else(|| shapes::word(rng))
    }

    /// A value for a field of this name, where one is known.
    pub fn value(&self, name: &str, rng: &mut StdRng) -> Option<Value> {
        match name {
            "auth" => {
                return Some(json!({"type": "m.login.password", "password": PASSWORD,
                    "identifier": {"type": "m.id.user", "user": self.prover}}));
            }
            "identifier" => return Some(json!({"type": "m.id.user", "user": self.prover})),
            "password" | "new_password" => return Some(json!(PASSWORD)),
            _ => {}
        }
        let field = FIELDS.iter().find(|(field, _)| *field == name);
        let field = field.map_or(name, |(_, path)| path);
        // Lists of ids are made item by item, and these have their list's name.
        let known = self.values.get(field)?.choose(rng)?;
        Some(json!(known))
    }

    /// A key of a map whose keys the schema does not name.
    pub fn key(&self, rng: &mut StdRng) -> String {
        let kinds = [
            "userId",
            "roomId",
            "deviceId",
            "eventType",
            "sessionId",
            "none",
        ];
        let kind = kinds.choose(rng).copied().unwrap_or_default();
        self.text(kind, rng)
    }
}
