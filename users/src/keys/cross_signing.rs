//! The keys with which a user signs their devices and other users. Specification: client-server
//! API, "Cross-signing".

use causeway_store::log::{CrossSigningKey, KeyChange, Usage};
use causeway_store::users::device_keys::{self as store, UserKey};
use causeway_store::{AppendError, Change};
use ruma::UserId;
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use serde_json::value::RawValue;

use super::KeyError;
use super::signed::{self, inner, public_key_bytes, signatures_of, signed_part, string, verifies};
use crate::Users;

/// What a client uploads; each part may be missing.
#[derive(Debug, Default)]
pub struct CrossSigningUpload {
    /// The master key.
    pub master: Option<Box<RawValue>>,
    /// Signed by it.
    pub self_signing: Option<Box<RawValue>>,
    /// Signed by it.
    pub user_signing: Option<Box<RawValue>>,
}

/// How an upload stands to what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is no master key yet: no authentication is needed.
    First,
    /// All of it is there already: nothing is to be done.
    Same,
    /// Keys would be added or replaced: the user must prove who they are.
    New,
}

/// Keys that were checked and can be stored.
#[derive(Debug)]
pub struct CheckedKeys {
    /// How they stand to what there is.
    pub standing: Standing,
    keys: Vec<CrossSigningKey>,
    dropped: Vec<Usage>,
}

impl CheckedKeys {
    /// A text that differs for other keys: what the user proves who they are for.
    pub fn name(&self) -> String {
        let names: Vec<&str> = self.keys.iter().map(|key| key.key_id.as_str()).collect();
        names.join(" ")
    }
}

/// A key that was read.
struct Read {
    usage: Usage,
    key_id: String,
    object: CanonicalJsonObject,
}

impl Users {
    /// Checks keys that a user wants to publish.
    ///
    /// # Errors
    /// [`KeyError`] says why they cannot be published.
    pub async fn check_cross_signing(
        &self,
        user: &UserId,
        upload: &CrossSigningUpload,
    ) -> Result<CheckedKeys, KeyError> {
        let parts = [
            (Usage::Master, &upload.master),
            (Usage::SelfSigning, &upload.self_signing),
            (Usage::UserSigning, &upload.user_signing),
        ];
        let mut new = Vec::new();
        for (usage, raw) in parts {
            if let Some(raw) = raw {
                new.push(read(raw, user, usage)?);
            }
        }
        let stored = store::cross_signing(self.store(), &[user.as_str()]).await?;
        let stored_master = stored.iter().find(|key| key.usage == Usage::Master);
        let new_master = new.iter().find(|key| key.usage == Usage::Master);
        let master = new_master.map(|key| key.key_id.as_str());
        let master = master.or(stored_master.map(|key| key.key_id.as_str()));
        let master = master.ok_or(KeyError::NoMasterKey)?;
        for key in new.iter().filter(|key| key.usage != Usage::Master) {
            if !is_signed_by(&key.object, user, master) {
                let what = "a key is not signed by the master key";
                return Err(KeyError::InvalidSignature(what));
            }
        }
        let standing = match stored_master {
            None => Standing::First,
            Some(_) if all_the_same(&new, &stored)? => Standing::Same,
            Some(_) => Standing::New,
        };
        if standing != Standing::Same {
            let ids: Vec<&str> = new.iter().map(|key| key.key_id.as_str()).collect();
            if store::any_device(self.store(), user.as_str(), &ids).await? {
                return Err(KeyError::KeyIsDevice);
            }
        }
        let replaces_master = stored_master.is_some_and(|stored| stored.key_id != master);
        // What the master key that goes has signed is worth nothing without it.
        let dropped = stored.iter().filter(|_| replaces_master);
        let dropped = dropped.map(|key| key.usage).collect();
        let keys = new.into_iter().map(|key| {
            Ok(CrossSigningKey {
                usage: key.usage,
                key_id: key.key_id,
                keys: signed::text(&key.object)?,
            })
        });
        Ok(CheckedKeys {
            standing,
            keys: keys.collect::<Result<_, KeyError>>()?,
            dropped,
        })
    }

    /// Publishes keys that were checked; whoever calls has had the user prove who they are where
    /// that is needed.
    ///
    /// # Errors
    /// [`KeyError::Raced`] if others were published meanwhile, or the log's.
    pub async fn publish_cross_signing(
        &self,
        user: &UserId,
        checked: CheckedKeys,
    ) -> Result<(), KeyError> {
        if checked.standing == Standing::Same {
            return Ok(());
        }
        let change = KeyChange::CrossSigning {
            user: user.to_owned(),
            keys: checked.keys,
            dropped: checked.dropped,
            is_first: checked.standing == Standing::First,
        };
        match self.log().append(Change::Keys(change)).await {
            Ok(_) => Ok(()),
            Err(AppendError::Conflict(_)) => Err(KeyError::Raced),
            Err(error) => Err(error.into()),
        }
    }
}

fn read(raw: &RawValue, user: &UserId, usage: Usage) -> Result<Read, KeyError> {
    let object = signed::object(raw)?;
    if string(&object, "user_id") != Some(user.as_str()) {
        return Err(KeyError::InvalidParam("a key is of another user"));
    }
    let word = match usage {
        Usage::Master => "master",
        Usage::SelfSigning => "self_signing",
        Usage::UserSigning => "user_signing",
    };
    let is_for_it = match object.get("usage") {
        Some(CanonicalJsonValue::Array(list)) => list
            .iter()
            .any(|one| matches!(one, CanonicalJsonValue::String(text) if text == word)),
        _ => false,
    };
    if !is_for_it {
        return Err(KeyError::InvalidParam("a key is for another use"));
    }
    let only = inner(&object, "keys").filter(|keys| keys.len() == 1);
    let only = only.and_then(|keys| keys.iter().next());
    let Some((name, CanonicalJsonValue::String(key_id))) = only else {
        return Err(KeyError::InvalidParam(
            "a key has not exactly one public key",
        ));
    };
    if name.strip_prefix("ed25519:") != Some(key_id) || public_key_bytes(key_id).is_none() {
        return Err(KeyError::InvalidParam("a public key is not one of ed25519"));
    }
    Ok(Read {
        usage,
        key_id: key_id.clone(),
        object,
    })
}

fn is_signed_by(object: &CanonicalJsonObject, user: &UserId, key: &str) -> bool {
    signatures_of(object, user.as_str())
        .filter(|(name, _)| name.strip_prefix("ed25519:") == Some(key))
        .any(|(_, signature)| verifies(object, key, signature))
}

/// Whether each of the keys is stored, signatures aside.
fn all_the_same(new: &[Read], stored: &[UserKey]) -> Result<bool, KeyError> {
    for key in new {
        let Some(known) = stored.iter().find(|known| known.usage == key.usage) else {
            return Ok(false);
        };
        if signed_part(&key.object)? != signed_part(&signed::parse(&known.keys)?)? {
            return Ok(false);
        }
    }
    Ok(true)
}
