//! The statements that write what events of other servers bring along: places for events that had
//! none, what resolving changed, and what is missing.

use sqlx::PgConnection;

use super::Pending;
use super::change::EventRecord;
use super::committer::Places;
use super::write_room::array_text;
use super::write_state::written;
use crate::ids::RoomPlace;

pub(super) async fn all(
    connection: &mut PgConnection,
    rooms: &[Vec<Pending>],
    places: &Places,
) -> Result<(), sqlx::Error> {
    placed(connection, rooms, places).await?;
    resolved(connection, rooms, places).await?;
    missing(connection, rooms, places).await
}

/// Events that were here to authorise others only, and old ones, get their place.
async fn placed(
    connection: &mut PgConnection,
    rooms: &[Vec<Pending>],
    places: &Places,
) -> Result<(), sqlx::Error> {
    let rows: Vec<&EventRecord> = written(rooms, places)
        .flat_map(|batch| &batch.events)
        .filter(|record| record.was_outlier || record.place.is_some())
        .map(AsRef::as_ref)
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let place = |record: &EventRecord| {
        let news = places.get(&record.nid).filter(|_| record.is_news());
        record.place.or(news.copied().map(RoomPlace::live))
    };
    sqlx::query!(
        "UPDATE events e
         SET anchor = w.anchor, anchor_offset = w.anchor_offset, line = w.line, step = w.step, current_line = w.current_line,
             current_step = w.current_step, replaces = w.replaces, flags = w.flags, prev_nids = w.prev_nids::bigint[],
             auth_nids = w.auth_nids::bigint[], json = w.json
         FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::int[], $5::int[], $6::int[], $7::int[],
                     $8::bigint[], $9::smallint[], $10::text[], $11::text[], $12::text[], $13::int[])
             AS w(room_nid, event_nid, anchor, line, step, current_line, current_step, replaces, flags, prev_nids,
                  auth_nids, json, anchor_offset)
         WHERE e.room_nid = w.room_nid AND e.event_nid = w.event_nid",
        &rows.iter().map(|record| record.room.0).collect::<Vec<_>>(),
        &rows.iter().map(|record| record.nid.0).collect::<Vec<_>>(),
        &rows.iter().map(|record| place(record).map(|at| at.anchor)).collect::<Vec<_>>() as _,
        &rows.iter().map(|record| record.state.line).collect::<Vec<_>>(),
        &rows.iter().map(|record| record.state.step).collect::<Vec<_>>(),
        &rows.iter().map(|record| record.current.map(|at| at.line)).collect::<Vec<_>>() as _,
        &rows.iter().map(|record| record.current.map(|at| at.step)).collect::<Vec<_>>() as _,
        &rows.iter().map(|record| record.replaces.as_ref().map(|old| old.nid.0)).collect::<Vec<_>>() as _,
        &rows.iter().map(|record| record.flags).collect::<Vec<_>>(),
        &rows.iter().map(|record| array_text(&record.prev)).collect::<Vec<_>>(),
        &rows.iter().map(|record| array_text(&record.auth)).collect::<Vec<_>>(),
        &rows.iter().map(|record| record.pdu.json()).collect::<Vec<_>>() as _,
        &rows.iter().map(|record| place(record).map_or(0, |at| at.offset)).collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What changed in current states besides what the events themselves say.
async fn resolved(
    connection: &mut PgConnection,
    rooms: &[Vec<Pending>],
    places: &Places,
) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = written(rooms, places)
        .flat_map(|batch| &batch.events)
        .flat_map(|record| record.resolved.iter().map(move |entry| (record, entry)))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO resolved_state (room_nid, position, key_nid, event_nid)
         SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::int[], $4::bigint[])",
        &rows
            .iter()
            .map(|(record, _)| record.room.0)
            .collect::<Vec<_>>(),
        &rows
            .iter()
            .map(|(record, _)| places.get(&record.nid).map_or(0, |place| place.0))
            .collect::<Vec<_>>(),
        &rows
            .iter()
            .map(|(_, entry)| entry.key.0)
            .collect::<Vec<_>>(),
        &rows
            .iter()
            .map(|(_, entry)| entry.event.as_ref().map_or(0, |(nid, _)| nid.0))
            .collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Which events are wanted and not here. Those that came are wanted no more.
async fn missing(
    connection: &mut PgConnection,
    rooms: &[Vec<Pending>],
    places: &Places,
) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = written(rooms, places)
        .flat_map(|batch| batch.missing.iter().map(|missing| (batch.room, missing)))
        .collect();
    if !rows.is_empty() {
        sqlx::query!(
            "INSERT INTO missing_events (room_nid, event_id, wanted_by)
             SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::bigint[]) ON CONFLICT DO NOTHING",
            &rows.iter().map(|(room, _)| room.0).collect::<Vec<_>>(),
            &rows
                .iter()
                .map(|(_, (id, _))| id.as_str())
                .collect::<Vec<_>>() as _,
            &rows.iter().map(|(_, (_, by))| by.0).collect::<Vec<_>>(),
        )
        .execute(&mut *connection)
        .await?;
    }
    let arrived: Vec<&EventRecord> = written(rooms, places)
        .flat_map(|batch| &batch.events)
        .filter(|record| record.was_wanted)
        .map(AsRef::as_ref)
        .collect();
    if arrived.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "DELETE FROM missing_events m USING UNNEST($1::bigint[], $2::text[]) AS w(room_nid, event_id)
         WHERE m.room_nid = w.room_nid AND m.event_id = w.event_id",
        &arrived
            .iter()
            .map(|record| record.room.0)
            .collect::<Vec<_>>(),
        &arrived
            .iter()
            .map(|record| record.pdu.event_id().as_str())
            .collect::<Vec<_>>() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}
