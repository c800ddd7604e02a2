//! Identity keys of devices, cross-signing keys, and what was signed with them, read. They are
//! written by the log.

use crate::log::Usage;
use crate::{Store, StoreError, meter};

/// Devices in one answer, at most.
pub const MAX_DEVICES: i64 = 50_000;

/// Signatures in one answer, at most.
pub const MAX_SIGNATURES: i64 = 200_000;

/// The keys of a device.
#[derive(Clone, Debug)]
pub struct DeviceKeys {
    /// Whose.
    pub user_id: String,
    /// Of which device.
    pub device_id: String,
    /// The object that the device uploaded, as JSON.
    pub keys: String,
    /// What the device is called.
    pub display_name: Option<String>,
}

/// The keys of devices: pairs of user and device, where no device means all that the user has.
/// One query.
///
/// # Errors
/// The database's.
pub async fn devices(
    store: &Store,
    wanted: &[(&str, Option<&str>)],
) -> Result<Vec<DeviceKeys>, StoreError> {
    let rows = meter::timed(
        sqlx::query!(
            r#"SELECT k.user_id, k.device_id, k.keys, d.display_name AS "display_name?"
               FROM UNNEST($1::text[], $2::text[]) AS w (user_id, device_id)
               JOIN device_keys k ON k.user_id = w.user_id
                AND (w.device_id IS NULL OR k.device_id = w.device_id)
               LEFT JOIN devices d ON d.user_id = k.user_id AND d.device_id = k.device_id
               LIMIT $3"#,
            &wanted.iter().map(|(user, _)| *user).collect::<Vec<_>>() as _,
            &wanted.iter().map(|(_, device)| *device).collect::<Vec<_>>() as _,
            MAX_DEVICES,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let devices = rows.into_iter().map(|row| DeviceKeys {
        user_id: row.user_id,
        device_id: row.device_id,
        keys: row.keys,
        display_name: row.display_name,
    });
    Ok(devices.collect())
}

/// A cross-signing key.
#[derive(Clone, Debug)]
pub struct UserKey {
    /// Whose.
    pub user_id: String,
    /// What it is for.
    pub usage: Usage,
    /// The public key.
    pub key_id: String,
    /// The object as it was uploaded, as JSON.
    pub keys: String,
}

/// The cross-signing keys of users. One query.
///
/// # Errors
/// The database's.
pub async fn cross_signing(store: &Store, users: &[&str]) -> Result<Vec<UserKey>, StoreError> {
    let rows = meter::timed(
        sqlx::query!(
            "SELECT user_id, usage, key_id, keys FROM cross_signing_keys WHERE user_id = ANY($1)",
            users as _,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let keys = rows.into_iter().map(|row| {
        let usage = match row.usage {
            1 => Usage::Master,
            2 => Usage::SelfSigning,
            3 => Usage::UserSigning,
            _ => {
                return Err(StoreError::Corrupt {
                    table: "cross_signing_keys",
                    id: row.user_id,
                });
            }
        };
        Ok(UserKey {
            user_id: row.user_id,
            usage,
            key_id: row.key_id,
            keys: row.keys,
        })
    });
    keys.collect()
}

/// A signature of a key.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Whose key was signed.
    pub target_user: String,
    /// Whether it is the key of a device.
    pub is_device: bool,
    /// The device's id, or the public key.
    pub target: String,
    /// Who signed.
    pub signer: String,
    /// With which key.
    pub signer_key: String,
    /// The signature.
    pub signature: String,
}

/// The signatures of the keys of users that `reader` may see: those that users made of their own
/// keys, and those that the reader made. One query.
///
/// # Errors
/// The database's.
pub async fn signatures(
    store: &Store,
    users: &[&str],
    reader: &str,
) -> Result<Vec<Signature>, StoreError> {
    let rows = meter::timed(
        sqlx::query!(
            "SELECT target_user, target_kind, target, signer, signer_key, signature
             FROM key_signatures
             WHERE target_user = ANY($1) AND (signer = target_user OR signer = $2) LIMIT $3",
            users as _,
            reader,
            MAX_SIGNATURES,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let signatures = rows.into_iter().map(|row| Signature {
        target_user: row.target_user,
        is_device: row.target_kind == 1,
        target: row.target,
        signer: row.signer,
        signer_key: row.signer_key,
        signature: row.signature,
    });
    Ok(signatures.collect())
}

/// Whether a user has a device of one of these ids, with keys or without.
///
/// # Errors
/// The database's.
pub async fn any_device(store: &Store, user_id: &str, ids: &[&str]) -> Result<bool, StoreError> {
    Ok(meter::timed(
        sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM devices WHERE user_id = $1 AND device_id = ANY($2))
               AS "any!""#,
            user_id,
            ids as _,
        )
        .fetch_one(store.pool()),
    )
    .await?)
}

/// The position of the newest change of a user's devices or keys; 0 where there was none.
///
/// # Errors
/// The database's.
pub async fn newest_change(store: &Store, user_id: &str) -> Result<i64, StoreError> {
    Ok(meter::timed(
        sqlx::query_scalar!(
            r#"SELECT coalesce(max(position), 0) AS "position!" FROM device_list_changes
               WHERE user_id = $1"#,
            user_id,
        )
        .fetch_one(store.pool()),
    )
    .await?)
}
