//! Devices: what a person signed in with. They are deleted by the log.

use super::{MAX_OWN_ROWS, db_ms, from_db_ms};
use crate::{Store, StoreError, meter};

/// Most devices whose last sight one flush writes.
pub const MAX_SEEN_BATCH: usize = 4_096;

/// A device.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its id, unique for its user.
    pub device_id: String,
    /// What its user calls it.
    pub display_name: Option<String>,
    /// When it last made a request, in milliseconds.
    pub last_seen_at: Option<u64>,
    /// From which address.
    pub last_seen_ip: Option<String>,
    /// With which program, as it calls itself.
    pub last_seen_user_agent: Option<String>,
}

/// A device's last sign of life.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Whose device.
    pub user_id: String,
    /// Which one.
    pub device_id: String,
    /// When, in milliseconds.
    pub at_ms: u64,
    /// From which address, if that is known.
    pub ip: Option<String>,
    /// With which program, as it calls itself.
    pub user_agent: Option<String>,
}

/// All devices of a user.
///
/// # Errors
/// The database's.
pub async fn list(store: &Store, user_id: &str) -> Result<Vec<Device>, StoreError> {
    let rows = meter::timed(
        sqlx::query!(
            "SELECT device_id, display_name, last_seen_at, last_seen_ip, last_seen_user_agent
             FROM devices WHERE user_id = $1 ORDER BY created_at, device_id LIMIT $2",
            user_id,
            MAX_OWN_ROWS,
        )
        .fetch_all(store.pool()),
    )
    .await?;
    let devices = rows.into_iter().map(|row| Device {
        device_id: row.device_id,
        display_name: row.display_name,
        last_seen_at: row.last_seen_at.map(from_db_ms),
        last_seen_ip: row.last_seen_ip,
        last_seen_user_agent: row.last_seen_user_agent,
    });
    Ok(devices.collect())
}

/// One device of a user.
///
/// # Errors
/// The database's.
pub async fn find(
    store: &Store,
    user_id: &str,
    device_id: &str,
) -> Result<Option<Device>, StoreError> {
    let row = meter::timed(
        sqlx::query!(
            "SELECT device_id, display_name, last_seen_at, last_seen_ip, last_seen_user_agent
             FROM devices WHERE user_id = $1 AND device_id = $2",
            user_id,
            device_id,
        )
        .fetch_optional(store.pool()),
    )
    .await?;
    Ok(row.map(|row| Device {
        device_id: row.device_id,
        display_name: row.display_name,
        last_seen_at: row.last_seen_at.map(from_db_ms),
        last_seen_ip: row.last_seen_ip,
        last_seen_user_agent: row.last_seen_user_agent,
    }))
}

/// Gives a device another name. Answers whether it exists.
///
/// # Errors
/// The database's.
pub async fn rename(
    store: &Store,
    user_id: &str,
    device_id: &str,
    display_name: &str,
) -> Result<bool, StoreError> {
    let done = meter::timed(
        sqlx::query!(
            "UPDATE devices SET display_name = $3 WHERE user_id = $1 AND device_id = $2",
            user_id,
            device_id,
            display_name,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Which of these devices a user has.
///
/// # Errors
/// The database's.
pub async fn existing(
    store: &Store,
    user_id: &str,
    device_ids: &[String],
) -> Result<Vec<String>, StoreError> {
    Ok(meter::timed(
        sqlx::query_scalar!(
            "SELECT device_id FROM devices WHERE user_id = $1 AND device_id = ANY($2)",
            user_id,
            device_ids,
        )
        .fetch_all(store.pool()),
    )
    .await?)
}

/// Writes when devices were last seen, in one statement; devices that are gone are passed over.
/// At most [`MAX_SEEN_BATCH`] of `seen` are written.
///
/// # Errors
/// The database's.
pub async fn write_seen(store: &Store, seen: &[Seen]) -> Result<(), StoreError> {
    let seen = &seen[..seen.len().min(MAX_SEEN_BATCH)];
    let users: Vec<String> = seen.iter().map(|one| one.user_id.clone()).collect();
    let devices: Vec<String> = seen.iter().map(|one| one.device_id.clone()).collect();
    let times: Vec<i64> = seen.iter().map(|one| db_ms(one.at_ms)).collect();
    let ips: Vec<Option<String>> = seen.iter().map(|one| one.ip.clone()).collect();
    let agents: Vec<Option<String>> = seen.iter().map(|one| one.user_agent.clone()).collect();
    meter::timed(
        sqlx::query!(
            "UPDATE devices SET last_seen_at = s.at, last_seen_ip = coalesce(s.ip, last_seen_ip),
                    last_seen_user_agent = coalesce(s.user_agent, last_seen_user_agent)
             FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[])
                  AS s (user_id, device_id, at, ip, user_agent)
             WHERE devices.user_id = s.user_id AND devices.device_id = s.device_id",
            &users,
            &devices,
            &times,
            &ips as &[Option<String>],
            &agents as &[Option<String>],
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}
