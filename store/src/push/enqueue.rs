//! Queueing for push gateways: part of the effect of a batch.

use sqlx::PgConnection;

use super::items::ReadUpTo;
use super::queue::NewQueued;
use super::write::Redacted;
use crate::ids::Position;
use crate::meter::timed;

/// Queues notifications. Pushers that are gone by now are passed over.
pub(super) async fn queue(
    connection: &mut PgConnection,
    rows: &[NewQueued],
    now: Position,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    timed(
        sqlx::query!(
            "WITH new AS (
                 SELECT w.* FROM UNNEST($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                                        $7::text[], $8::text[])
                     AS w(user_id, app_id, pushkey, position, room_nid, event_nid, thread_id, actions)
             ), due AS (
                 UPDATE pushers p SET due = $9
                 FROM (SELECT DISTINCT user_id, app_id, pushkey FROM new) w
                 WHERE p.user_id = w.user_id AND p.app_id = w.app_id AND p.pushkey = w.pushkey
                 RETURNING p.user_id, p.app_id, p.pushkey
             )
             INSERT INTO push_queue (user_id, app_id, pushkey, position, room_nid, event_nid, thread_id, actions)
             SELECT n.user_id, n.app_id, n.pushkey, n.position, n.room_nid, n.event_nid, n.thread_id, n.actions
             FROM new n JOIN due d ON d.user_id = n.user_id AND d.app_id = n.app_id AND d.pushkey = n.pushkey",
            &rows.iter().map(|row| row.pusher.user.as_str()).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| row.pusher.app_id.as_str()).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| row.pusher.pushkey.as_str()).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| row.position.0).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.room.0).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.event.0).collect::<Vec<_>>(),
            &rows.iter().map(|row| &*row.thread).collect::<Vec<_>>() as _,
            &rows.iter().map(|row| &*row.actions).collect::<Vec<_>>() as _,
            now.0,
        )
        .execute(connection),
    )
    .await?;
    Ok(())
}

/// What was redacted is not told any more.
pub(super) async fn without_redacted(
    connection: &mut PgConnection,
    rows: &[Redacted],
) -> Result<(), sqlx::Error> {
    timed(
        sqlx::query!(
            "DELETE FROM push_queue q USING UNNEST($1::bigint[], $2::bigint[]) AS w(room_nid, position)
             WHERE q.room_nid = w.room_nid AND q.position = w.position",
            &rows.iter().map(|row| row.room.0).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.position.0).collect::<Vec<_>>(),
        )
        .execute(connection),
    )
    .await?;
    Ok(())
}

/// What somebody has read is not told any more, and pushers are to show the new number.
pub(super) async fn after_reading(
    connection: &mut PgConnection,
    rows: &[ReadUpTo],
    now: Position,
) -> Result<(), sqlx::Error> {
    let rooms: Vec<i64> = rows.iter().map(|row| row.room.0).collect();
    let users: Vec<&str> = rows.iter().map(|row| row.user.as_str()).collect();
    timed(
        sqlx::query!(
            "WITH w AS (
                 SELECT DISTINCT w.room_nid, w.user_id FROM UNNEST($1::bigint[], $2::text[]) AS w(room_nid, user_id)
             ), due AS (
                 UPDATE pushers p SET due = $3
                 WHERE p.user_id IN (SELECT user_id FROM w) AND (p.told_unread > 0 OR p.due IS NOT NULL)
             )
             DELETE FROM push_queue q USING w, push_marks m
             WHERE q.user_id = w.user_id AND q.room_nid = w.room_nid
               AND m.room_nid = w.room_nid AND m.user_id = w.user_id AND m.position >= q.position
               AND (m.thread_id = '' OR m.thread_id = q.thread_id)",
            &rooms,
            &users as _,
            now.0,
        )
        .execute(connection),
    )
    .await?;
    Ok(())
}
