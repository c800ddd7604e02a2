//! Keys of devices and users of other servers.

use std::collections::BTreeMap;
use std::time::Duration;

use causeway_users::keys::{Claims, KeyWishes};
use futures::stream::{self, StreamExt as _};
use ruma::{OwnedServerName, OwnedUserId, UserId};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Federation;
use crate::links::LinkError;

/// Longest time for one server.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Servers that are asked at a time for one client.
const AT_ONCE: usize = 32;

/// Largest answer of one server, in bytes.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Objects by user, or by user and device.
type Objects = BTreeMap<String, Value>;

/// Keys that other servers told.
#[derive(Debug, Default)]
pub struct RemoteKeys {
    /// By user and device.
    pub device_keys: BTreeMap<String, Objects>,
    /// By user.
    pub master_keys: Objects,
    /// By user.
    pub self_signing_keys: Objects,
    /// Servers that could not be asked.
    pub failures: Objects,
}

/// One-time keys that other servers gave.
#[derive(Debug, Default)]
pub struct RemoteClaims {
    /// By user, device and `algorithm:id`.
    pub one_time_keys: BTreeMap<String, BTreeMap<String, Map<String, Value>>>,
    /// Servers that could not be asked.
    pub failures: Objects,
}

#[derive(Default, Deserialize)]
struct Told {
    #[serde(default)]
    device_keys: BTreeMap<String, Objects>,
    #[serde(default)]
    master_keys: Objects,
    #[serde(default)]
    self_signing_keys: Objects,
}

#[derive(Default, Deserialize)]
struct Given {
    #[serde(default)]
    one_time_keys: BTreeMap<String, BTreeMap<String, Map<String, Value>>>,
}

impl Federation {
    /// Keys of users of other servers. Specification: server-server API, `POST
    /// /user/keys/query`.
    pub async fn remote_keys(&self, wishes: KeyWishes) -> RemoteKeys {
        let path = "/_matrix/federation/v1/user/keys/query";
        let asked = by_server(wishes);
        let answers = self.ask_all::<_, Told>(path, "device_keys", &asked).await;
        let mut keys = RemoteKeys::default();
        for (server, answer) in answers {
            match answer {
                Ok(told) => keys.add(told, &asked[&server]),
                Err(error) => {
                    keys.failures.insert(server.to_string(), failure(&error));
                }
            }
        }
        keys
    }

    /// Takes one-time keys of devices of other servers. Specification: server-server API, `POST
    /// /user/keys/claim`.
    pub async fn remote_claims(&self, claims: Claims) -> RemoteClaims {
        let path = "/_matrix/federation/v1/user/keys/claim";
        let asked = by_server(claims);
        let answers = self
            .ask_all::<_, Given>(path, "one_time_keys", &asked)
            .await;
        let mut taken = RemoteClaims::default();
        for (server, answer) in answers {
            let mut given = match answer {
                Ok(given) => given.one_time_keys,
                Err(error) => {
                    taken.failures.insert(server.to_string(), failure(&error));
                    continue;
                }
            };
            for (user, devices) in &asked[&server] {
                let Some(mut keys) = given.remove(user.as_str()) else {
                    continue;
                };
                keys.retain(|device, _| devices.contains_key(device.as_str()));
                taken.one_time_keys.insert(user.to_string(), keys);
            }
        }
        taken
    }

    async fn ask_all<T, A>(
        &self,
        path: &str,
        name: &str,
        asked: &BTreeMap<OwnedServerName, BTreeMap<OwnedUserId, T>>,
    ) -> Vec<(OwnedServerName, Result<A, LinkError>)>
    where
        T: serde::Serialize,
        A: serde::de::DeserializeOwned,
    {
        let requests = asked.iter().map(|(server, users)| {
            let request = self.links().post(server, path);
            let request = request.within(TIMEOUT).at_most(MAX_BYTES);
            (server.clone(), request.json(&json!({ name: users })))
        });
        let requests: Vec<_> = requests.collect();
        stream::iter(requests)
            .map(|(server, request)| async move {
                let answer = match request {
                    Ok(request) => request.send().await,
                    Err(error) => Err(error),
                };
                (server, answer.and_then(|answer| answer.json()))
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await
    }
}

impl RemoteKeys {
    /// Adds what was asked for and is called what it is.
    fn add<T>(&mut self, mut told: Told, asked: &BTreeMap<OwnedUserId, T>) {
        for user in asked.keys() {
            let mut devices = told.device_keys.remove(user.as_str()).unwrap_or_default();
            devices.retain(|id, keys| is_of(keys, user) && keys["device_id"] == id.as_str());
            self.device_keys.insert(user.to_string(), devices);
            for (from, to) in [
                (&mut told.master_keys, &mut self.master_keys),
                (&mut told.self_signing_keys, &mut self.self_signing_keys),
            ] {
                let key = from.remove(user.as_str());
                if let Some(key) = key.filter(|key| is_of(key, user)) {
                    to.insert(user.to_string(), key);
                }
            }
        }
    }
}

fn is_of(keys: &Value, user: &UserId) -> bool {
    keys["user_id"] == user.as_str()
}

fn by_server<T>(
    users: BTreeMap<OwnedUserId, T>,
) -> BTreeMap<OwnedServerName, BTreeMap<OwnedUserId, T>> {
    let mut servers: BTreeMap<OwnedServerName, BTreeMap<OwnedUserId, T>> = BTreeMap::new();
    for (user, wish) in users {
        let server = user.server_name().to_owned();
        servers.entry(server).or_default().insert(user, wish);
    }
    servers
}

/// What a client is told of a server that could not be asked.
fn failure(error: &LinkError) -> Value {
    json!({ "errcode": "M_UNKNOWN", "error": error.to_string() })
}
