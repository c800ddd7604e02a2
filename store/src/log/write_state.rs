//! The statements that write what state events, relations and redactions change.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::Pending;
use super::batch::room_of;
use super::change::{EventRecord, RoomBatch};
use super::committer::Places;
use super::{write_graph, write_members};
use crate::ids::RoomPlace;

/// Whether the rooms change anything but their events.
pub(super) fn is_needed(rooms: &[Vec<Pending>]) -> bool {
    batches(rooms).any(|batch| {
        batch.creation.is_some()
            || !batch.lines.is_empty()
            || !batch.steps.is_empty()
            || !batch.current.is_empty()
            || !batch.redacted.is_empty()
            || !batch.missing.is_empty()
            || batch.events.iter().any(|event| {
                event.relation.is_some()
                    || event.member.is_some()
                    || event.redacts.is_some()
                    || !event.resolved.is_empty()
                    || event.was_wanted
                    || event.was_outlier
                    || event.place.is_some()
            })
    })
}

fn batches(rooms: &[Vec<Pending>]) -> impl Iterator<Item = &RoomBatch> {
    rooms.iter().flatten().filter_map(room_of)
}

/// Batches of the rooms whose events were written.
pub(super) fn written<'a>(
    rooms: &'a [Vec<Pending>],
    places: &'a Places,
) -> impl Iterator<Item = &'a RoomBatch> {
    batches(rooms).filter(|batch| {
        batch
            .events
            .first()
            .is_none_or(|event| places.contains_key(&event.nid))
    })
}

/// Writes rows of rooms that are new here, with a head of version 0.
pub(super) async fn rooms(
    connection: &mut PgConnection,
    rooms: &[Vec<Pending>],
) -> Result<(), sqlx::Error> {
    let new: Vec<_> = batches(rooms)
        .filter_map(|batch| batch.creation.as_ref().map(|new| (batch.room, new)))
        .collect();
    if new.is_empty() {
        return Ok(());
    }
    let nids: Vec<i64> = new.iter().map(|(room, _)| room.0).collect();
    let ids: Vec<&str> = new.iter().map(|(_, new)| new.room_id.as_str()).collect();
    let versions: Vec<&str> = new.iter().map(|(_, new)| new.version.as_str()).collect();
    let times: Vec<i64> = new
        .iter()
        .map(|(_, new)| i64::try_from(new.created_at_ms).unwrap_or(i64::MAX))
        .collect();
    sqlx::query!(
        "INSERT INTO rooms (room_nid, room_id, version, created_at)
         SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::text[], $4::bigint[])",
        &nids,
        &ids as _,
        &versions as _,
        &times,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO room_heads (room_nid, version, depth, extremities, line, step, next_line, joined_members, invited_members)
         SELECT nid, 0, 0, '{}', 0, 0, 0, 0, 0 FROM UNNEST($1::bigint[]) AS n(nid)",
        &nids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes all that belongs to the events at `places`.
pub(super) async fn all(
    connection: &mut PgConnection,
    rooms: &[Vec<Pending>],
    places: &Places,
) -> Result<(), sqlx::Error> {
    states(connection, rooms, places).await?;
    current(connection, rooms, places).await?;
    write_members::all(connection, rooms, places).await?;
    write_graph::all(connection, rooms, places).await?;
    relations(connection, rooms, places).await?;
    redactions(connection, rooms, places).await
}

async fn states(
    connection: &mut PgConnection,
    rooms: &[Vec<Pending>],
    places: &Places,
) -> Result<(), sqlx::Error> {
    let lines: Vec<_> = written(rooms, places)
        .flat_map(|b| b.lines.iter().map(|line| (b.room.0, line)))
        .collect();
    if !lines.is_empty() {
        sqlx::query!(
            "INSERT INTO state_lines (room_nid, line, parent_line, parent_step, height)
             SELECT * FROM UNNEST($1::bigint[], $2::int[], $3::int[], $4::int[], $5::int[])",
            &lines.iter().map(|(room, _)| *room).collect::<Vec<_>>(),
            &lines.iter().map(|(_, line)| line.line).collect::<Vec<_>>(),
            &lines
                .iter()
                .map(|(_, line)| line.parent.map(|parent| parent.line))
                .collect::<Vec<_>>() as _,
            &lines
                .iter()
                .map(|(_, line)| line.parent.map(|parent| parent.step))
                .collect::<Vec<_>>() as _,
            &lines
                .iter()
                .map(|(_, line)| line.height)
                .collect::<Vec<_>>(),
        )
        .execute(&mut *connection)
        .await?;
    }
    let steps: Vec<_> = written(rooms, places)
        .flat_map(|b| b.steps.iter().map(|step| (b.room.0, step)))
        .collect();
    if steps.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO state_changes (room_nid, line, step, key_nid, event_nid)
         SELECT * FROM UNNEST($1::bigint[], $2::int[], $3::int[], $4::int[], $5::bigint[])",
        &steps.iter().map(|(room, _)| *room).collect::<Vec<_>>(),
        &steps
            .iter()
            .map(|(_, step)| step.at.line)
            .collect::<Vec<_>>(),
        &steps
            .iter()
            .map(|(_, step)| step.at.step)
            .collect::<Vec<_>>(),
        &steps.iter().map(|(_, step)| step.key.0).collect::<Vec<_>>(),
        &steps
            .iter()
            .map(|(_, step)| step.event.0)
            .collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn current(
    connection: &mut PgConnection,
    rooms: &[Vec<Pending>],
    places: &Places,
) -> Result<(), sqlx::Error> {
    // The last change of a key counts: a statement may touch a row once only.
    let mut last = HashMap::new();
    for batch in written(rooms, places) {
        for entry in &batch.current {
            last.insert((batch.room.0, entry.key.0), entry.event);
        }
    }
    let (gone, set): (Vec<_>, Vec<_>) = last.into_iter().partition(|(_, event)| event.is_none());
    if !gone.is_empty() {
        sqlx::query!(
            "DELETE FROM current_state c USING UNNEST($1::bigint[], $2::int[]) AS g(room_nid, key_nid)
             WHERE c.room_nid = g.room_nid AND c.key_nid = g.key_nid",
            &gone.iter().map(|((room, _), _)| *room).collect::<Vec<_>>(),
            &gone.iter().map(|((_, key), _)| *key).collect::<Vec<_>>(),
        )
        .execute(&mut *connection)
        .await?;
    }
    if !set.is_empty() {
        sqlx::query!(
            "INSERT INTO current_state (room_nid, key_nid, event_nid)
             SELECT * FROM UNNEST($1::bigint[], $2::int[], $3::bigint[])
             ON CONFLICT (room_nid, key_nid) DO UPDATE SET event_nid = excluded.event_nid",
            &set.iter().map(|((room, _), _)| *room).collect::<Vec<_>>(),
            &set.iter().map(|((_, key), _)| *key).collect::<Vec<_>>(),
            &set.iter()
                .filter_map(|(_, event)| event.map(|event| event.0))
                .collect::<Vec<_>>(),
        )
        .execute(connection)
        .await?;
    }
    Ok(())
}

async fn relations(
    connection: &mut PgConnection,
    rooms: &[Vec<Pending>],
    places: &Places,
) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = written(rooms, places)
        .flat_map(|batch| &batch.events)
        .filter_map(|record| record.relation.as_ref().map(|relation| (record, relation)))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let place = |record: &EventRecord| {
        let live = places.get(&record.nid).copied().unwrap_or_default();
        record.place.unwrap_or(RoomPlace::live(live))
    };
    sqlx::query!(
        "INSERT INTO relations (room_nid, child_nid, parent_id, rel_type, type, sender, anchor,
                                anchor_offset)
         SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
                              $8::int[])",
        &rows.iter().map(|(record, _)| record.room.0).collect::<Vec<_>>(),
        &rows.iter().map(|(record, _)| record.nid.0).collect::<Vec<_>>(),
        &rows.iter().map(|(_, relation)| relation.parent.as_str()).collect::<Vec<_>>() as _,
        &rows.iter().map(|(_, relation)| relation.rel_type.as_str()).collect::<Vec<_>>() as _,
        &rows.iter().map(|(record, _)| record.pdu.event_type()).collect::<Vec<_>>() as _,
        &rows.iter().map(|(record, _)| record.pdu.sender().as_str()).collect::<Vec<_>>() as _,
        &rows.iter().map(|(record, _)| place(record).anchor).collect::<Vec<_>>(),
        &rows.iter().map(|(record, _)| place(record).offset).collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn redactions(
    connection: &mut PgConnection,
    rooms: &[Vec<Pending>],
    places: &Places,
) -> Result<(), sqlx::Error> {
    let wishes: Vec<_> = written(rooms, places)
        .flat_map(|batch| &batch.events)
        .filter_map(|record| record.redacts.as_ref().map(|target| (record, target)))
        .collect();
    if !wishes.is_empty() {
        sqlx::query!(
            "INSERT INTO redactions (room_nid, target_id, redaction_nid)
             SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::bigint[])",
            &wishes
                .iter()
                .map(|(record, _)| record.room.0)
                .collect::<Vec<_>>(),
            &wishes
                .iter()
                .map(|(_, target)| target.as_str())
                .collect::<Vec<_>>() as _,
            &wishes
                .iter()
                .map(|(record, _)| record.nid.0)
                .collect::<Vec<_>>(),
        )
        .execute(&mut *connection)
        .await?;
    }
    let blanked: HashMap<_, _> = written(rooms, places)
        .flat_map(|batch| {
            batch
                .redacted
                .iter()
                .map(|event| ((batch.room.0, event.target.0), event))
        })
        .collect();
    if blanked.is_empty() {
        return Ok(());
    }
    let room: Vec<i64> = blanked.keys().map(|(room, _)| *room).collect();
    let target: Vec<i64> = blanked.keys().map(|(_, target)| *target).collect();
    sqlx::query!(
        "UPDATE events e SET json = r.json, flags = e.flags | 8
         FROM UNNEST($1::bigint[], $2::bigint[], $3::text[]) AS r(room_nid, event_nid, json)
         WHERE e.room_nid = r.room_nid AND e.event_nid = r.event_nid",
        &room,
        &target,
        &blanked
            .values()
            .map(|event| event.json.as_str())
            .collect::<Vec<_>>() as _,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE memberships m SET display_name = NULL, avatar_url = NULL
         FROM UNNEST($1::bigint[], $2::bigint[]) AS t(room_nid, event_nid)
         WHERE m.room_nid = t.room_nid AND m.event_nid = t.event_nid",
        &room,
        &target,
    )
    .execute(&mut *connection)
    .await?;
    // A redacted event relates to nothing any more.
    sqlx::query!(
        "DELETE FROM relations r USING UNNEST($1::bigint[], $2::bigint[]) AS t(room_nid, event_nid)
         WHERE r.room_nid = t.room_nid AND r.child_nid = t.event_nid",
        &room,
        &target,
    )
    .execute(connection)
    .await?;
    Ok(())
}
