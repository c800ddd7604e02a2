//! The keys of devices and users, as somebody may see them.

use std::collections::BTreeMap;

use causeway_store::StoreError;
use causeway_store::log::Usage;
use causeway_store::users::device_keys::{self as store, Signature};
use ruma::{OwnedDeviceId, OwnedUserId, UserId};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{KeyError, MAX_ASKED, unreachable_server};
use crate::Users;

/// Whose keys are wanted: the devices of each user, none of them meaning all.
pub type KeyWishes = BTreeMap<OwnedUserId, Vec<OwnedDeviceId>>;

/// The answer to a query.
#[derive(Debug, Default, Serialize)]
pub struct KeyAnswer {
    /// By user and device.
    pub device_keys: BTreeMap<String, BTreeMap<String, Value>>,
    /// Servers that could not be asked.
    pub failures: BTreeMap<String, Value>,
    /// By user.
    pub master_keys: BTreeMap<String, Value>,
    /// By user.
    pub self_signing_keys: BTreeMap<String, Value>,
    /// Of the asking user only.
    pub user_signing_keys: BTreeMap<String, Value>,
}

impl Users {
    /// The keys of users, with the signatures that `reader` may see. Three queries.
    ///
    /// # Errors
    /// [`KeyError::TooLarge`], or the database's.
    pub async fn query_keys(
        &self,
        reader: &UserId,
        wishes: &KeyWishes,
    ) -> Result<KeyAnswer, KeyError> {
        self.query_keys_as(reader.as_str(), wishes).await
    }

    /// The keys of users, as another server may see them: with the signatures that users made of
    /// their own keys. Three queries.
    ///
    /// # Errors
    /// As [`Self::query_keys`].
    pub async fn query_keys_for_server(&self, wishes: &KeyWishes) -> Result<KeyAnswer, KeyError> {
        self.query_keys_as("", wishes).await
    }

    async fn query_keys_as(&self, reader: &str, wishes: &KeyWishes) -> Result<KeyAnswer, KeyError> {
        let devices: usize = wishes.values().map(|devices| devices.len().max(1)).sum();
        if devices > MAX_ASKED {
            return Err(KeyError::TooLarge("too many devices at once"));
        }
        let mut answer = KeyAnswer::default();
        let mut wanted = Vec::new();
        let mut users = Vec::new();
        for (user, devices) in wishes {
            if !self.is_local(user) {
                let server = user.server_name().to_string();
                answer.failures.insert(server, unreachable_server());
                continue;
            }
            answer.device_keys.insert(user.to_string(), BTreeMap::new());
            users.push(user.as_str());
            if devices.is_empty() {
                wanted.push((user.as_str(), None));
            }
            wanted.extend(devices.iter().map(|id| (user.as_str(), Some(id.as_str()))));
        }
        if !users.is_empty() {
            self.fill(&mut answer, &wanted, &users, reader).await?;
        }
        Ok(answer)
    }

    async fn fill(
        &self,
        answer: &mut KeyAnswer,
        wanted: &[(&str, Option<&str>)],
        users: &[&str],
        reader: &str,
    ) -> Result<(), KeyError> {
        let signatures = store::signatures(self.store(), users, reader).await?;
        let signatures = Signatures::new(&signatures);
        for row in store::devices(self.store(), wanted).await? {
            let corrupt = || corrupt("device_keys", &row.user_id, &row.device_id);
            let mut keys = object(&row.keys).ok_or_else(corrupt)?;
            signatures.add(&mut keys, &row.user_id, true, &row.device_id);
            let unsigned = match &row.display_name {
                Some(name) => json!({ "device_display_name": name }),
                None => json!({}),
            };
            keys.insert("unsigned".to_owned(), unsigned);
            let devices = answer.device_keys.entry(row.user_id).or_default();
            devices.insert(row.device_id, Value::Object(keys));
        }
        for row in store::cross_signing(self.store(), users).await? {
            let corrupt = || corrupt("cross_signing_keys", &row.user_id, &row.key_id);
            let mut keys = object(&row.keys).ok_or_else(corrupt)?;
            signatures.add(&mut keys, &row.user_id, false, &row.key_id);
            let section = match row.usage {
                Usage::Master => &mut answer.master_keys,
                Usage::SelfSigning => &mut answer.self_signing_keys,
                Usage::UserSigning if row.user_id == reader => &mut answer.user_signing_keys,
                // Whom somebody trusts is nobody else's business.
                Usage::UserSigning => continue,
            };
            section.insert(row.user_id, Value::Object(keys));
        }
        Ok(())
    }
}

/// Signatures by what was signed.
struct Signatures<'a>(BTreeMap<(&'a str, bool, &'a str), Vec<&'a Signature>>);

impl<'a> Signatures<'a> {
    fn new(rows: &'a [Signature]) -> Self {
        let mut sorted: BTreeMap<_, Vec<&Signature>> = BTreeMap::new();
        for row in rows {
            let target = (row.target_user.as_str(), row.is_device, row.target.as_str());
            sorted.entry(target).or_default().push(row);
        }
        Self(sorted)
    }

    /// Adds to an object the signatures on it.
    fn add(&self, keys: &mut Map<String, Value>, user: &str, is_device: bool, target: &str) {
        for row in self.0.get(&(user, is_device, target)).into_iter().flatten() {
            let all = keys.entry("signatures").or_insert_with(|| json!({}));
            all[&row.signer][&row.signer_key] = row.signature.as_str().into();
        }
    }
}

fn object(json: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(json).ok()
}

fn corrupt(table: &'static str, user: &str, id: &str) -> StoreError {
    StoreError::Corrupt {
        table,
        id: format!("{user} {id}"),
    }
}
