//! Signatures that a user adds to keys: of their own devices and master key, and of the master
//! keys of others.

use std::collections::{BTreeMap, HashMap, HashSet};

use causeway_store::log::{KeyChange, KeySignature, SignedKey, Usage};
use causeway_store::users::device_keys::{self as store, UserKey};
use causeway_store::{Change, StoreError};
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedUserId, UserId};
use serde::Serialize;
use serde_json::value::RawValue;

use super::signed::{self, inner, signatures_of, signed_part, string, verifies};
use super::{KeyError, MAX_ASKED, MAX_NAME_BYTES};
use crate::Users;

/// Signed objects, by user and by device id or public key.
pub type SignedObjects = BTreeMap<OwnedUserId, BTreeMap<String, Box<RawValue>>>;

/// Signatures that were not taken, by user and by device id or public key.
pub type Failures = BTreeMap<OwnedUserId, BTreeMap<String, Failure>>;

/// Why the signatures on an object were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// An error code of the specification.
    pub errcode: &'static str,
    /// The same for people.
    pub error: &'static str,
}

const fn failure(errcode: &'static str, error: &'static str) -> Failure {
    Failure { errcode, error }
}

const UNKNOWN: Failure = failure("M_NOT_FOUND", "There is no such key");
const NO_KEY: Failure = failure("M_NOT_FOUND", "You have no key to sign this with");
const OTHER: Failure = failure(
    "M_INVALID_PARAM",
    "The key is not the one that is known here",
);
const UNREADABLE: Failure = failure("M_BAD_JSON", "The object cannot be read");
const UNSIGNED: Failure = failure("M_INVALID_SIGNATURE", "There is no signature of yours");
const WRONG: Failure = failure("M_INVALID_SIGNATURE", "A signature does not verify");

/// What must be known to judge signatures.
struct Known<'a> {
    signer: &'a UserId,
    /// Cross-signing keys of the signer and of all who were signed.
    users: Vec<UserKey>,
    /// Devices of the signer.
    devices: HashMap<String, CanonicalJsonObject>,
}

impl Users {
    /// Adds signatures to keys, as far as they verify. Three queries.
    ///
    /// # Errors
    /// [`KeyError::TooLarge`], or those of database and log.
    pub async fn add_signatures(
        &self,
        signer: &UserId,
        objects: &SignedObjects,
    ) -> Result<Failures, KeyError> {
        if objects.values().map(BTreeMap::len).sum::<usize>() > MAX_ASKED {
            return Err(KeyError::TooLarge("too many keys at once"));
        }
        let mut names: Vec<&str> = objects.keys().map(|user| user.as_str()).collect();
        names.push(signer.as_str());
        let known = Known {
            signer,
            users: store::cross_signing(self.store(), &names).await?,
            devices: self.own_devices(signer).await?,
        };
        let (mut own, mut others, mut failures) = (Vec::new(), Vec::new(), Failures::new());
        for (user, objects) in objects {
            for (target, raw) in objects {
                match known.judge(user, target, raw) {
                    Ok(signatures) if user == signer => own.extend(signatures),
                    Ok(signatures) => others.extend(signatures),
                    Err(failure) => {
                        let failed = failures.entry(user.clone()).or_default();
                        failed.insert(target.clone(), failure);
                    }
                }
            }
        }
        self.keep_new(signer, &names, &mut own, &mut others).await?;
        if !own.is_empty() || !others.is_empty() {
            let change = KeyChange::Signatures {
                signer: signer.to_owned(),
                own,
                others,
            };
            self.log().append(Change::Keys(change)).await?;
        }
        Ok(failures)
    }

    async fn own_devices(
        &self,
        user: &UserId,
    ) -> Result<HashMap<String, CanonicalJsonObject>, KeyError> {
        let rows = store::devices(self.store(), &[(user.as_str(), None)]).await?;
        let devices = rows.into_iter().map(|row| {
            let keys = signed::parse(&row.keys).map_err(|_| StoreError::Corrupt {
                table: "device_keys",
                id: format!("{user} {}", row.device_id),
            })?;
            Ok((row.device_id, keys))
        });
        devices.collect()
    }

    /// Leaves out what is there already: nobody needs to hear of it again.
    async fn keep_new(
        &self,
        signer: &UserId,
        users: &[&str],
        own: &mut Vec<KeySignature>,
        others: &mut Vec<KeySignature>,
    ) -> Result<(), KeyError> {
        if own.is_empty() && others.is_empty() {
            return Ok(());
        }
        let rows = store::signatures(self.store(), users, signer.as_str()).await?;
        let there: HashSet<(&str, bool, &str, &str, &str)> = rows
            .iter()
            .filter(|row| row.signer == signer.as_str())
            .map(|row| {
                let (user, target) = (row.target_user.as_str(), row.target.as_str());
                (
                    user,
                    row.is_device,
                    target,
                    &*row.signer_key,
                    &*row.signature,
                )
            })
            .collect();
        let is_new = |one: &KeySignature| {
            let (is_device, target) = match &one.target {
                SignedKey::Device(id) => (true, id),
                SignedKey::CrossSigning(key) => (false, key),
            };
            let user = one.target_user.as_str();
            !there.contains(&(user, is_device, target, &*one.signer_key, &*one.signature))
        };
        own.retain(is_new);
        others.retain(is_new);
        Ok(())
    }
}

impl Known<'_> {
    fn key_of(&self, user: &UserId, usage: Usage) -> Option<&UserKey> {
        let mut keys = self.users.iter();
        keys.find(|key| key.user_id == user.as_str() && key.usage == usage)
    }

    /// The signatures of the signer on an object, if all of them verify.
    fn judge(
        &self,
        user: &OwnedUserId,
        target: &str,
        raw: &RawValue,
    ) -> Result<Vec<KeySignature>, Failure> {
        let object = signed::object(raw).map_err(|_| UNREADABLE)?;
        let master = self.key_of(user, Usage::Master);
        let (stored, signed) = match (self.devices.get(target), master) {
            (_, Some(master)) if master.key_id == target => {
                let stored = signed::parse(&master.keys).map_err(|_| UNREADABLE)?;
                (stored, SignedKey::CrossSigning(target.to_owned()))
            }
            (Some(stored), _) if user == self.signer => {
                (stored.clone(), SignedKey::Device(target.to_owned()))
            }
            _ => return Err(UNKNOWN),
        };
        let same = |one: &CanonicalJsonObject| signed_part(one).ok();
        if same(&object) != same(&stored) {
            return Err(OTHER);
        }
        let signatures = match &signed {
            SignedKey::Device(_) => self.by_own_key(&object, Usage::SelfSigning)?,
            SignedKey::CrossSigning(_) if user == self.signer => self.by_devices(&object)?,
            SignedKey::CrossSigning(_) => self.by_own_key(&object, Usage::UserSigning)?,
        };
        let signatures = signatures.into_iter().map(|(key, signature)| KeySignature {
            target_user: user.clone(),
            target: signed.clone(),
            signer_key: key,
            signature,
        });
        Ok(signatures.collect())
    }

    /// The signature by a cross-signing key of the signer.
    fn by_own_key(
        &self,
        object: &CanonicalJsonObject,
        usage: Usage,
    ) -> Result<Vec<(String, String)>, Failure> {
        let key = self.key_of(self.signer, usage).ok_or(NO_KEY)?;
        let name = format!("ed25519:{}", key.key_id);
        let mut signatures = signatures_of(object, self.signer.as_str());
        let (_, signature) = signatures.find(|(by, _)| *by == name).ok_or(UNSIGNED)?;
        if !verifies(object, &key.key_id, signature) {
            return Err(WRONG);
        }
        Ok(vec![(name, signature.to_owned())])
    }

    /// Signatures of the signer's master key by the signer's devices.
    fn by_devices(&self, object: &CanonicalJsonObject) -> Result<Vec<(String, String)>, Failure> {
        let mut found = Vec::new();
        for (name, signature) in signatures_of(object, self.signer.as_str()) {
            let device = name
                .strip_prefix("ed25519:")
                .filter(|id| id.len() <= MAX_NAME_BYTES);
            let Some(keys) = device.and_then(|id| self.devices.get(id)) else {
                continue;
            };
            let key = inner(keys, "keys").and_then(|keys| string(keys, name));
            if !key.is_some_and(|key| verifies(object, key, signature)) {
                return Err(WRONG);
            }
            found.push((name.to_owned(), signature.to_owned()));
        }
        if found.is_empty() {
            return Err(UNSIGNED);
        }
        Ok(found)
    }
}
