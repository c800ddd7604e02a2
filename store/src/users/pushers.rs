//! Pushers: where notifications go.

use super::{MAX_OWN_ROWS, db_ms};
use crate::{Store, StoreError, meter};

/// A pusher. `data` is a JSON object as text.
#[derive(Clone, Debug)]
#[expect(
    missing_docs,
    reason = "the fields are those of POST /pushers/set in the specification"
)]
pub struct Pusher {
    pub app_id: String,
    pub pushkey: String,
    pub device_id: String,
    pub kind: String,
    pub app_display_name: String,
    pub device_display_name: String,
    pub profile_tag: Option<String>,
    pub lang: String,
    pub data: String,
    /// The host that it reports to.
    pub gateway: String,
}

/// Sets a pusher of a user. With `only_user`, the same key of other users goes, because the
/// device has changed hands.
///
/// # Errors
/// The database's.
pub async fn set(
    store: &Store,
    user_id: &str,
    pusher: &Pusher,
    only_user: bool,
    now_ms: u64,
) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!(
            "WITH others AS (
               DELETE FROM pushers
               WHERE $12 AND app_id = $2 AND pushkey = $3 AND user_id <> $1
             )
             INSERT INTO pushers (user_id, app_id, pushkey, device_id, kind, app_display_name,
                                  device_display_name, profile_tag, lang, data, created_at, gateway)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $13)
             ON CONFLICT (user_id, app_id, pushkey) DO UPDATE
             SET device_id = EXCLUDED.device_id, kind = EXCLUDED.kind,
                 app_display_name = EXCLUDED.app_display_name,
                 device_display_name = EXCLUDED.device_display_name,
                 profile_tag = EXCLUDED.profile_tag, lang = EXCLUDED.lang, data = EXCLUDED.data,
                 gateway = EXCLUDED.gateway, failures = 0, retry_at = 0",
            user_id,
            pusher.app_id,
            pusher.pushkey,
            pusher.device_id,
            pusher.kind,
            pusher.app_display_name,
            pusher.device_display_name,
            pusher.profile_tag,
            pusher.lang,
            pusher.data,
            db_ms(now_ms),
            only_user,
            pusher.gateway,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// Removes a pusher of a user, if it is there.
///
/// # Errors
/// The database's.
pub async fn delete(
    store: &Store,
    user_id: &str,
    app_id: &str,
    pushkey: &str,
) -> Result<(), StoreError> {
    meter::timed(
        sqlx::query!(
            "DELETE FROM pushers WHERE user_id = $1 AND app_id = $2 AND pushkey = $3",
            user_id,
            app_id,
            pushkey,
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// All pushers of a user.
///
/// # Errors
/// The database's.
pub async fn list(store: &Store, user_id: &str) -> Result<Vec<Pusher>, StoreError> {
    Ok(meter::timed(
        sqlx::query_as!(
            Pusher,
            "SELECT app_id, pushkey, device_id, kind, app_display_name, device_display_name,
                    profile_tag, lang, data, gateway
             FROM pushers WHERE user_id = $1 ORDER BY created_at, pushkey LIMIT $2",
            user_id,
            MAX_OWN_ROWS,
        )
        .fetch_all(store.pool()),
    )
    .await?)
}
