//! The statements that write devices that go, and keys. All of them run while the row of
//! `log_head` is locked, so they see every device that another process deleted.

use std::collections::BTreeSet;

use ruma::OwnedUserId;
use sqlx::PgConnection;

use super::entry::Entry;
use super::key_change::{
    CrossSigningKey, DehydratedDevice, KeyChange, KeySignature, PreKey, Usage, Which,
};

/// What readers are told of a change, in the order of its positions.
pub(super) fn entries(change: &KeyChange) -> Vec<Entry> {
    match change {
        KeyChange::CrossSigning { user, .. } if change.is_private() => vec![Entry::Signed {
            signer: user.clone(),
            users: [user.clone()].into(),
        }],
        KeyChange::Device { user, .. } | KeyChange::CrossSigning { user, .. } => {
            vec![Entry::DeviceList(user.clone())]
        }
        KeyChange::Dehydrated(device) => vec![Entry::DeviceList(device.user.clone())],
        KeyChange::Signatures {
            signer,
            own,
            others,
        } => {
            let mut entries = Vec::new();
            if !own.is_empty() {
                entries.push(Entry::DeviceList(signer.clone()));
            }
            if !others.is_empty() {
                let users = others.iter().map(|one| one.target_user.clone());
                let users: BTreeSet<OwnedUserId> = users.collect();
                entries.push(Entry::Signed {
                    signer: signer.clone(),
                    users: users.into_iter().collect(),
                });
            }
            entries
        }
    }
}

/// Deletes devices with all that is theirs. Sessions, pushers, one-time and fallback keys and
/// dehydrated devices go with the rows that they refer to.
pub(super) async fn delete_devices(
    connection: &mut PgConnection,
    user: &str,
    which: &Which,
) -> Result<(), sqlx::Error> {
    let (these, kept) = which.as_parameters();
    sqlx::query!(
        "WITH gone AS (
           DELETE FROM devices WHERE user_id = $1
             AND CASE WHEN $2::text[] IS NULL THEN device_id IS DISTINCT FROM $3
                      ELSE device_id = ANY($2) END
           RETURNING device_id
         ), messages AS (
           DELETE FROM to_device WHERE user_id = $1 AND device_id IN (SELECT device_id FROM gone)
         ), keys AS (
           DELETE FROM device_keys WHERE user_id = $1 AND device_id IN (SELECT device_id FROM gone)
         ), transactions AS (
           DELETE FROM to_device_txns WHERE user_id = $1 AND device_id IN (SELECT device_id FROM gone)
         )
         DELETE FROM key_signatures WHERE target_user = $1 AND target_kind = 1
           AND target IN (SELECT device_id FROM gone)",
        user,
        these as _,
        kept,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes a change of keys at a position.
pub(super) async fn change(
    connection: &mut PgConnection,
    position: i64,
    change: &KeyChange,
) -> Result<(), sqlx::Error> {
    match change {
        KeyChange::Device { user, device, keys } => {
            device_keys(connection, user.as_str(), device.as_str(), keys).await
        }
        KeyChange::CrossSigning {
            user,
            keys,
            dropped,
            is_first,
        } => {
            // Of a user without keys nothing goes: then a key that is there is a conflict.
            if !is_first {
                drop_keys(connection, user.as_str(), keys, dropped).await?;
            }
            cross_signing(connection, position, user.as_str(), keys).await
        }
        KeyChange::Signatures {
            signer,
            own,
            others,
        } => {
            let all: Vec<&KeySignature> = own.iter().chain(others).collect();
            signatures(connection, position, signer.as_str(), &all).await
        }
        KeyChange::Dehydrated(device) => dehydrated(connection, device).await,
    }
}

/// Signatures of the keys that stood there before are worth nothing for the new ones.
async fn device_keys(
    connection: &mut PgConnection,
    user: &str,
    device: &str,
    keys: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH unsigned AS (
           DELETE FROM key_signatures WHERE target_user = $1 AND target_kind = 1 AND target = $2
         )
         INSERT INTO device_keys (user_id, device_id, keys)
         SELECT user_id, device_id, $3 FROM devices WHERE user_id = $1 AND device_id = $2
         ON CONFLICT (user_id, device_id) DO UPDATE SET keys = excluded.keys",
        user,
        device,
        keys,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// With a key go the signatures that it made, and those on it.
async fn drop_keys(
    connection: &mut PgConnection,
    user: &str,
    keys: &[CrossSigningKey],
    dropped: &[Usage],
) -> Result<(), sqlx::Error> {
    let replaced = keys.iter().map(|key| key.usage);
    let usages = dropped.iter().copied().chain(replaced);
    sqlx::query!(
        "WITH old AS (
           DELETE FROM cross_signing_keys WHERE user_id = $1 AND usage = ANY($2)
           RETURNING key_id
         ), others AS (
           DELETE FROM key_signatures WHERE target_user = $1 AND target_kind = 2
             AND target IN (SELECT key_id FROM old) AND NOT target = ANY($3)
         )
         DELETE FROM key_signatures WHERE signer = $1
           AND signer_key IN (SELECT 'ed25519:' || key_id FROM old WHERE NOT key_id = ANY($3))",
        user,
        &usages.map(|usage| usage as i16).collect::<Vec<_>>(),
        &keys
            .iter()
            .map(|key| key.key_id.as_str())
            .collect::<Vec<_>>() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn cross_signing(
    connection: &mut PgConnection,
    position: i64,
    user: &str,
    keys: &[CrossSigningKey],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO cross_signing_keys (user_id, position, usage, key_id, keys)
         SELECT $1, $2, * FROM UNNEST($3::smallint[], $4::text[], $5::text[])",
        user,
        position,
        &keys.iter().map(|key| key.usage as i16).collect::<Vec<_>>(),
        &keys
            .iter()
            .map(|key| key.key_id.as_str())
            .collect::<Vec<_>>() as _,
        &keys.iter().map(|key| key.keys.as_str()).collect::<Vec<_>>() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn signatures(
    connection: &mut PgConnection,
    position: i64,
    signer: &str,
    all: &[&KeySignature],
) -> Result<(), sqlx::Error> {
    let targets: Vec<(i16, &str)> = all.iter().map(|one| one.target.as_row()).collect();
    sqlx::query!(
        "INSERT INTO key_signatures
           (target_user, target_kind, target, signer, signer_key, signature, position)
         SELECT n.target_user, n.kind, n.target, $1, n.signer_key, n.signature, $2
         FROM UNNEST($3::text[], $4::smallint[], $5::text[], $6::text[], $7::text[])
              AS n (target_user, kind, target, signer_key, signature)
         ON CONFLICT (target_user, target_kind, target, signer, signer_key)
         DO UPDATE SET signature = excluded.signature, position = excluded.position",
        signer,
        position,
        &all.iter()
            .map(|one| one.target_user.as_str())
            .collect::<Vec<_>>() as _,
        &targets.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(),
        &targets
            .iter()
            .map(|(_, target)| *target)
            .collect::<Vec<_>>() as _,
        &all.iter()
            .map(|one| one.signer_key.as_str())
            .collect::<Vec<_>>() as _,
        &all.iter()
            .map(|one| one.signature.as_str())
            .collect::<Vec<_>>() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts a dehydrated device in place of the one there is. A device of that id with sessions is a
/// conflict.
async fn dehydrated(
    connection: &mut PgConnection,
    new: &DehydratedDevice,
) -> Result<(), sqlx::Error> {
    let (user, device) = (new.user.as_str(), new.device.as_str());
    let old = sqlx::query_scalar!(
        "SELECT device_id FROM dehydrated_devices WHERE user_id = $1",
        user
    )
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(old) = old {
        delete_devices(connection, user, &Which::These(vec![old.into()])).await?;
    }
    sqlx::query!(
        "INSERT INTO devices (user_id, device_id, display_name, created_at) VALUES ($1, $2, $3, $4)",
        user,
        device,
        new.display_name,
        i64::try_from(new.created_at_ms).unwrap_or(i64::MAX),
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO dehydrated_devices (user_id, device_id, device_data) VALUES ($1, $2, $3)",
        user,
        device,
        new.device_data,
    )
    .execute(&mut *connection)
    .await?;
    device_keys(connection, user, device, &new.keys).await?;
    pre_keys(connection, new).await
}

async fn pre_keys(
    connection: &mut PgConnection,
    new: &DehydratedDevice,
) -> Result<(), sqlx::Error> {
    let (user, device) = (new.user.as_str(), new.device.as_str());
    let rows = Columns::of(&new.one_time_keys);
    sqlx::query!(
        "INSERT INTO one_time_keys (user_id, device_id, algorithm, key_id, keys, fingerprint)
         SELECT $1, $2, * FROM UNNEST($3::text[], $4::text[], $5::text[], $6::bytea[])",
        user,
        device,
        &rows.algorithms as _,
        &rows.key_ids as _,
        &rows.keys as _,
        &rows.fingerprints as _,
    )
    .execute(&mut *connection)
    .await?;
    let rows = Columns::of(&new.fallback_keys);
    sqlx::query!(
        "INSERT INTO fallback_keys (user_id, device_id, algorithm, key_id, keys, fingerprint)
         SELECT $1, $2, * FROM UNNEST($3::text[], $4::text[], $5::text[], $6::bytea[])",
        user,
        device,
        &rows.algorithms as _,
        &rows.key_ids as _,
        &rows.keys as _,
        &rows.fingerprints as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keys as the columns of a query.
pub(crate) struct Columns<'a> {
    pub(crate) algorithms: Vec<&'a str>,
    pub(crate) key_ids: Vec<&'a str>,
    pub(crate) keys: Vec<&'a str>,
    pub(crate) fingerprints: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    pub(crate) fn of(keys: &'a [PreKey]) -> Self {
        Self {
            algorithms: keys.iter().map(|key| key.algorithm.as_str()).collect(),
            key_ids: keys.iter().map(|key| key.key_id.as_str()).collect(),
            keys: keys.iter().map(|key| key.keys.as_str()).collect(),
            fingerprints: keys.iter().map(|key| key.fingerprint.as_slice()).collect(),
        }
    }
}
