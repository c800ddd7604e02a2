//! The statement that writes who follows which thread.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::change::ThreadSubscription;

/// Writes them. Who left a thread after what makes a client follow it stays away: see
/// [`ThreadSubscription::cause`].
pub(super) async fn subscriptions(
    connection: &mut PgConnection,
    rows: &[(i64, &ThreadSubscription)],
) -> Result<(), sqlx::Error> {
    // A statement may touch a row once only: the last one counts.
    let last: HashMap<_, _> = rows
        .iter()
        .map(|row| ((&row.1.user, row.1.room, &row.1.root), row))
        .collect();
    if last.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = last.into_values().collect();
    sqlx::query!(
        "INSERT INTO thread_subscriptions AS t (position, user_id, room_nid, root_id, subscribed, automatic)
         SELECT w.position, w.user_id, w.room_nid, w.root_id, w.subscribed, w.cause IS NOT NULL
         FROM UNNEST($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::boolean[], $6::bigint[])
              AS w(position, user_id, room_nid, root_id, subscribed, cause)
         LEFT JOIN thread_subscriptions o
              ON o.user_id = w.user_id AND o.room_nid = w.room_nid AND o.root_id = w.root_id
         WHERE w.cause IS NULL OR o.position IS NULL OR (NOT o.subscribed AND o.position < w.cause)
         ON CONFLICT (user_id, room_nid, root_id) DO UPDATE SET
             position = excluded.position, subscribed = excluded.subscribed, automatic = excluded.automatic",
        &rows.iter().map(|row| row.0).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.1.user.as_str()).collect::<Vec<_>>() as _,
        &rows.iter().map(|row| row.1.room.0).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.1.root.as_str()).collect::<Vec<_>>() as _,
        &rows.iter().map(|row| row.1.subscribed).collect::<Vec<_>>(),
        &rows
            .iter()
            .map(|row| row.1.cause.map(|cause| cause.0))
            .collect::<Vec<_>>() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}
