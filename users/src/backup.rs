//! Backups of room keys, which clients encrypt before they come here. Specification: client-server
//! API, "Server-side key backups".

use std::collections::BTreeMap;

use causeway_store::StoreError;
use causeway_store::users::key_backups::{
    self as store, BackedUpKey, Part, Tally, Version, Written,
};
use ruma::UserId;
use serde_json::value::RawValue;

use crate::Users;

/// Longest algorithm, room id or session id, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// Largest data of a version or a key, in bytes of JSON.
pub const MAX_DATA_BYTES: usize = 65_536;

/// Keys in one request.
pub const MAX_KEYS: usize = 10_000;

/// Why a backup was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is no such version.
    #[error("there is no such version of the backup")]
    NoVersion,
    /// There is no such key.
    #[error("there is no such key in the backup")]
    NoKey,
    /// Keys go to the newest version only.
    #[error("this is not the current version of the backup")]
    WrongVersion {
        /// The one that is.
        current: String,
    },
    /// What stands in the request contradicts the version.
    #[error("{0}")]
    Mismatch(&'static str),
    /// Too large or too many.
    #[error("{0}")]
    TooLarge(&'static str),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keys by room and session.
pub type Keys = BTreeMap<String, BTreeMap<String, Key>>;

/// A key as clients send it.
#[derive(Debug)]
pub struct Key {
    /// Index of the first message that the key decrypts.
    pub first_message_index: i64,
    /// How often the key was passed on.
    pub forwarded_count: i64,
    /// Whether it comes from where it should.
    pub is_verified: bool,
    /// The encrypted key.
    pub session_data: Box<RawValue>,
}

impl Users {
    /// Begins a backup, which is the current one from now on. Gives its version.
    ///
    /// # Errors
    /// [`BackupError::TooLarge`], or the database's.
    pub async fn create_backup(
        &self,
        user: &UserId,
        algorithm: &str,
        auth_data: &RawValue,
    ) -> Result<String, BackupError> {
        check_size(&[algorithm], auth_data)?;
        let _turn = self.0.in_turn.turn(user).await;
        let created =
            store::create(self.store(), user.as_str(), algorithm, auth_data.get()).await?;
        let version = created.ok_or(BackupError::TooLarge("you have too many backups"))?;
        Ok(version.to_string())
    }

    /// A version of the user's backup, or the current one.
    ///
    /// # Errors
    /// [`BackupError::NoVersion`], or the database's.
    pub async fn backup(
        &self,
        user: &UserId,
        version: Option<&str>,
    ) -> Result<Version, BackupError> {
        let version = version.map(number).transpose()?;
        store::find(self.store(), user.as_str(), version)
            .await?
            .ok_or(BackupError::NoVersion)
    }

    /// Gives a version other data; its algorithm cannot change.
    ///
    /// # Errors
    /// [`BackupError`] says why not.
    pub async fn update_backup(
        &self,
        user: &UserId,
        version: &str,
        algorithm: &str,
        auth_data: &RawValue,
    ) -> Result<(), BackupError> {
        check_size(&[algorithm], auth_data)?;
        let known = self.backup(user, Some(version)).await?;
        if known.algorithm != algorithm {
            return Err(BackupError::Mismatch("the algorithm does not match"));
        }
        let number = known.version;
        store::set_auth_data(self.store(), user.as_str(), number, auth_data.get()).await?;
        Ok(())
    }

    /// Deletes a version with its keys; one that was deleted before is deleted again.
    ///
    /// # Errors
    /// [`BackupError::NoVersion`] if there never was one, or the database's.
    pub async fn delete_backup(&self, user: &UserId, version: &str) -> Result<(), BackupError> {
        match store::delete(self.store(), user.as_str(), number(version)?).await? {
            true => Ok(()),
            false => Err(BackupError::NoVersion),
        }
    }

    /// Puts keys into the current version; of two for one session the better one stays.
    ///
    /// # Errors
    /// [`BackupError`] says why not; then none was taken.
    pub async fn put_backup_keys(
        &self,
        user: &UserId,
        version: &str,
        keys: Keys,
    ) -> Result<Tally, BackupError> {
        if keys.values().map(BTreeMap::len).sum::<usize>() > MAX_KEYS {
            return Err(BackupError::TooLarge("too many keys at once"));
        }
        let version = number(version)?;
        let mut rows = Vec::new();
        for (room_id, sessions) in keys {
            for (session_id, key) in sessions {
                check_size(&[&room_id, &session_id], &key.session_data)?;
                rows.push(BackedUpKey {
                    room_id: room_id.clone(),
                    session_id,
                    first_message_index: key.first_message_index,
                    forwarded_count: key.forwarded_count,
                    is_verified: key.is_verified,
                    session_data: Box::<str>::from(key.session_data).into(),
                });
            }
        }
        match store::put(self.store(), user.as_str(), version, &rows).await? {
            Written::Done(tally) => Ok(tally),
            Written::NotFound => Err(BackupError::NoVersion),
            Written::Wrong { current } => Err(BackupError::WrongVersion {
                current: current.to_string(),
            }),
        }
    }

    /// The keys of a part of a version.
    ///
    /// # Errors
    /// [`BackupError::NoVersion`], [`BackupError::NoKey`] if a session was asked for that is not
    /// there, or the database's.
    pub async fn backup_keys(
        &self,
        user: &UserId,
        version: &str,
        part: Part<'_>,
    ) -> Result<Vec<BackedUpKey>, BackupError> {
        let version = self.backup(user, Some(version)).await?.version;
        let keys = store::keys(self.store(), user.as_str(), version, part).await?;
        if part.session_id.is_some() && keys.is_empty() {
            return Err(BackupError::NoKey);
        }
        Ok(keys)
    }

    /// Deletes the keys of a part of a version.
    ///
    /// # Errors
    /// [`BackupError::NoVersion`], or the database's.
    pub async fn delete_backup_keys(
        &self,
        user: &UserId,
        version: &str,
        part: Part<'_>,
    ) -> Result<Tally, BackupError> {
        store::delete_keys(self.store(), user.as_str(), number(version)?, part)
            .await?
            .ok_or(BackupError::NoVersion)
    }
}

/// Versions are numbers, counted from 1; other texts name none.
fn number(version: &str) -> Result<i64, BackupError> {
    let is_number = version.bytes().all(|byte| byte.is_ascii_digit());
    let number = version.parse().ok().filter(|_| is_number);
    number.ok_or(BackupError::NoVersion)
}

fn check_size(names: &[&str], data: &RawValue) -> Result<(), BackupError> {
    if names.iter().any(|name| name.len() > MAX_NAME_BYTES) {
        return Err(BackupError::TooLarge("an algorithm or id is too long"));
    }
    if data.get().len() > MAX_DATA_BYTES {
        return Err(BackupError::TooLarge("the data is too large"));
    }
    Ok(())
}
