//! The statements that write memberships, and whose servers are in a room.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::Pending;
use super::change::{MemberChange, Membership};
use super::committer::Places;
use super::write_state::written;
use crate::ids::{EventNid, KeyNid, RoomNid};

/// A membership that changes.
struct Row<'a> {
    room: RoomNid,
    change: &'a MemberChange,
    key: KeyNid,
    /// The member event that stands now, and its sender; `None` if none does.
    event: Option<(EventNid, &'a str)>,
    /// The position of the event that brought the change.
    position: i64,
}

pub(super) async fn all(
    connection: &mut PgConnection,
    rooms: &[Vec<Pending>],
    places: &Places,
) -> Result<(), sqlx::Error> {
    let changes = changes(rooms, places);
    if changes.is_empty() {
        return Ok(());
    }
    servers(connection, &changes).await?;
    // The last change of a member counts: a statement may touch a row once only.
    let mut last: HashMap<(RoomNid, &str), &Row<'_>> = HashMap::new();
    for row in &changes {
        last.insert((row.room, row.change.user.as_str()), row);
    }
    let (set, gone): (Vec<&Row<'_>>, Vec<&Row<'_>>) =
        last.into_values().partition(|row| row.event.is_some());
    members(connection, &set).await?;
    without(connection, &gone).await
}

/// All changes of memberships, in order.
fn changes<'a>(rooms: &'a [Vec<Pending>], places: &'a Places) -> Vec<Row<'a>> {
    let mut changes = Vec::new();
    for batch in written(rooms, places) {
        for record in &batch.events {
            let position = places.get(&record.nid).map_or(0, |at| at.0);
            let own = record.member.as_ref().map(|change| Row {
                room: batch.room,
                change,
                key: record.key.unwrap_or_default(),
                event: Some((record.nid, record.pdu.sender().as_str())),
                position,
            });
            changes.extend(own);
            let resolved = record.resolved.iter().filter_map(|resolved| {
                let event = resolved.event.as_ref();
                Some(Row {
                    room: batch.room,
                    change: resolved.member.as_ref()?,
                    key: resolved.key,
                    event: event.map(|(nid, pdu)| (*nid, pdu.sender().as_str())),
                    position,
                })
            });
            changes.extend(resolved);
        }
    }
    changes
}

async fn members(connection: &mut PgConnection, rows: &[&Row<'_>]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let events = || rows.iter().filter_map(|row| row.event);
    sqlx::query!(
        "INSERT INTO memberships (room_nid, user_id, membership, is_local, was_joined, key_nid, event_nid, sender,
                                  position, display_name, avatar_url)
         SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::smallint[], $4::boolean[], $5::boolean[], $6::int[],
                              $7::bigint[], $8::text[], $9::bigint[], $10::text[], $11::text[])
         ON CONFLICT (room_nid, user_id) DO UPDATE SET
             membership = excluded.membership, forgotten = false,
             was_joined = memberships.was_joined OR excluded.was_joined,
             event_nid = excluded.event_nid, sender = excluded.sender, position = excluded.position,
             display_name = excluded.display_name, avatar_url = excluded.avatar_url",
        &rows.iter().map(|row| row.room.0).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.change.user.as_str()).collect::<Vec<_>>() as _,
        &rows.iter().map(|row| row.change.after as i16).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.change.is_local).collect::<Vec<_>>(),
        &rows.iter().map(|row| was_joined(row.change)).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.key.0).collect::<Vec<_>>(),
        &events().map(|(nid, _)| nid.0).collect::<Vec<_>>(),
        &events().map(|(_, sender)| sender).collect::<Vec<_>>() as _,
        &rows.iter().map(|row| row.position).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.change.display_name.as_deref()).collect::<Vec<_>>() as _,
        &rows.iter().map(|row| row.change.avatar_url.as_deref()).collect::<Vec<_>>() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn was_joined(member: &MemberChange) -> bool {
    member.after == Membership::Join || member.before == Some(Membership::Join)
}

/// Members of whom the room knows nothing any more.
async fn without(connection: &mut PgConnection, rows: &[&Row<'_>]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "DELETE FROM memberships m USING UNNEST($1::bigint[], $2::text[]) AS g(room_nid, user_id)
         WHERE m.room_nid = g.room_nid AND m.user_id = g.user_id",
        &rows.iter().map(|row| row.room.0).collect::<Vec<_>>(),
        &rows
            .iter()
            .map(|row| row.change.user.as_str())
            .collect::<Vec<_>>() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Counts the members of each server.
async fn servers(connection: &mut PgConnection, changes: &[Row<'_>]) -> Result<(), sqlx::Error> {
    let mut counts: HashMap<(i64, &str), i32> = HashMap::new();
    for row in changes {
        let joined = |what: Option<Membership>| i32::from(what == Some(Membership::Join));
        let delta = joined(Some(row.change.after)) - joined(row.change.before);
        if delta != 0 {
            let server = row.change.user.server_name().as_str();
            *counts.entry((row.room.0, server)).or_default() += delta;
        }
    }
    counts.retain(|_, delta| *delta != 0);
    if counts.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO room_servers (room_nid, server, joined)
         SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::int[])
         ON CONFLICT (room_nid, server) DO UPDATE SET joined = room_servers.joined + excluded.joined",
        &counts.keys().map(|(room, _)| *room).collect::<Vec<_>>(),
        &counts.keys().map(|(_, server)| *server).collect::<Vec<_>>() as _,
        &counts.values().copied().collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}
