//! The statements that write everything but room events.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::PgConnection;

use super::change::{
    AccountData, Change, ProfileField, Receipt, ThreadSubscription, ToDevice, ToDeviceTransaction,
};
use super::entry::{Entry, LogEntry};
use super::key_change::{KeyChange, Which};
use super::{Pending, write_keys, write_threads};
use crate::ids::Position;

/// The changes of a batch by kind, each with its position.
#[derive(Default)]
struct Kinds<'a> {
    receipts: Vec<(i64, &'a Receipt)>,
    account_data: Vec<(i64, &'a AccountData)>,
    to_device: Vec<(i64, &'a ToDevice)>,
    outgoing: Vec<(i64, &'a ToDevice)>,
    transactions: Vec<&'a ToDeviceTransaction>,
    device_lists: Vec<(i64, &'a str)>,
    gone: Vec<(&'a str, &'a Which)>,
    keys: Vec<(i64, &'a KeyChange)>,
    profiles: Vec<&'a ProfileField>,
    threads: Vec<(i64, &'a ThreadSubscription)>,
    /// Rows of `log`: position, kind, room, user.
    log: Vec<(i64, i16, Option<i64>, &'a str)>,
}

/// Reserves positions and writes; gives the position before the first change.
pub(super) async fn all(
    connection: &mut PgConnection,
    others: &[Pending],
) -> Result<Position, sqlx::Error> {
    let count: usize = others.iter().map(|item| item.change.entries()).sum();
    if count == 0 {
        return Ok(Position(0));
    }
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let head = sqlx::query_scalar!(
        "UPDATE log_head SET position = position + $1 RETURNING position",
        count
    )
    .fetch_one(&mut *connection)
    .await?;
    let kinds = Kinds::sort(others, head - count);
    log(connection, &kinds).await?;
    receipts(connection, &kinds.receipts).await?;
    account_data(connection, &kinds.account_data).await?;
    // Devices that go take all with them, so they are first: what follows finds them gone.
    for (user, which) in &kinds.gone {
        write_keys::delete_devices(connection, user, which).await?;
    }
    for (position, change) in &kinds.keys {
        write_keys::change(connection, *position, change).await?;
    }
    transactions(connection, &kinds.transactions).await?;
    to_device(connection, &kinds.to_device).await?;
    outgoing(connection, &kinds.outgoing).await?;
    device_lists(connection, &kinds.device_lists).await?;
    profiles(connection, &kinds.profiles).await?;
    write_threads::subscriptions(connection, &kinds.threads).await?;
    Ok(Position(head - count))
}

impl<'a> Kinds<'a> {
    fn sort(others: &'a [Pending], base: i64) -> Self {
        let mut kinds = Self::default();
        let mut position = base;
        for item in others {
            kinds.push(&item.change, &mut position);
        }
        kinds
    }

    fn push(&mut self, change: &'a Change, position: &mut i64) {
        match change {
            // Rooms are written by `write_room`.
            Change::Room(_) => {}
            Change::Receipts(receipts) => {
                for receipt in receipts {
                    *position += 1;
                    self.receipts.push((*position, receipt));
                    self.log
                        .push((*position, 2, Some(receipt.room.0), receipt.user.as_str()));
                }
            }
            Change::AccountData(data) => {
                *position += 1;
                self.account_data.push((*position, data));
                self.log.push((
                    *position,
                    3,
                    data.room.as_ref().map(|(room, _)| room.0),
                    data.user.as_str(),
                ));
            }
            Change::ToDevice(batch) => {
                self.transactions.extend(&batch.transaction);
                for message in &batch.messages {
                    *position += 1;
                    self.to_device.push((*position, message));
                    self.log.push((*position, 4, None, message.user.as_str()));
                }
                for message in &batch.outgoing {
                    *position += 1;
                    self.outgoing.push((*position, message));
                    self.log.push((*position, 4, None, message.user.as_str()));
                }
            }
            Change::DeviceList(user) => self.push_device_list(user.as_str(), position),
            Change::DevicesGone { user, which } => {
                *position += 1;
                self.gone.push((user.as_str(), which));
                self.log.push((*position, 6, None, user.as_str()));
                self.push_device_list(user.as_str(), position);
            }
            Change::Keys(change) => self.push_keys(change, position),
            Change::OneTimeKeys(devices) => {
                for (user, _) in devices {
                    *position += 1;
                    self.log.push((*position, 8, None, user.as_str()));
                }
            }
            Change::Profile(field) => {
                *position += 1;
                self.profiles.push(field);
                self.log.push((*position, 7, None, field.user.as_str()));
            }
            Change::ThreadSubscription(it) => {
                *position += 1;
                self.threads.push((*position, it));
                self.log
                    .push((*position, 10, Some(it.room.0), it.user.as_str()));
            }
        }
    }
}

impl<'a> Kinds<'a> {
    fn push_device_list(&mut self, user: &'a str, position: &mut i64) {
        *position += 1;
        self.device_lists.push((*position, user));
        self.log.push((*position, 5, None, user));
    }

    fn push_keys(&mut self, change: &'a KeyChange, position: &mut i64) {
        match change {
            KeyChange::CrossSigning { user, .. } if change.is_private() => {
                *position += 1;
                self.log.push((*position, 9, None, user.as_str()));
            }
            KeyChange::Device { user, .. } | KeyChange::CrossSigning { user, .. } => {
                self.push_device_list(user.as_str(), position);
            }
            KeyChange::Dehydrated(device) => self.push_device_list(device.user.as_str(), position),
            KeyChange::Signatures {
                signer,
                own,
                others,
            } => {
                if !own.is_empty() {
                    self.push_device_list(signer.as_str(), position);
                }
                if !others.is_empty() {
                    *position += 1;
                    self.log.push((*position, 9, None, signer.as_str()));
                }
            }
        }
        self.keys.push((*position, change));
    }
}

/// Adds the entries of a change for readers; moves `position` to the last of them.
pub(super) fn push_entries(entries: &mut Vec<LogEntry>, change: &Change, position: &mut i64) {
    let mut push = |entry: Entry| {
        *position += 1;
        entries.push(LogEntry {
            position: Position(*position),
            entry,
        });
    };
    match change {
        Change::Room(_) => {}
        Change::Receipts(receipts) => {
            receipts
                .iter()
                .for_each(|receipt| push(Entry::Receipt(Arc::new(receipt.clone()))));
        }
        Change::AccountData(data) => push(Entry::AccountData(Arc::new(data.clone()))),
        Change::ToDevice(batch) => {
            batch
                .messages
                .iter()
                .chain(&batch.outgoing)
                .for_each(|message| push(Entry::ToDevice(Arc::new(message.clone()))));
        }
        Change::DeviceList(user) => push(Entry::DeviceList(user.clone())),
        Change::DevicesGone { user, which } => {
            push(Entry::SessionsEnded {
                user: user.clone(),
                which: which.clone(),
            });
            push(Entry::DeviceList(user.clone()));
        }
        Change::Keys(change) => write_keys::entries(change).into_iter().for_each(push),
        Change::OneTimeKeys(devices) => {
            devices.iter().for_each(|(user, device)| {
                push(Entry::OneTimeKeys {
                    user: user.clone(),
                    device: device.clone(),
                });
            });
        }
        Change::Profile(field) => push(Entry::Profile {
            user: field.user.clone(),
            field: field.field.clone(),
        }),
        Change::ThreadSubscription(it) => push(Entry::ThreadSubscription {
            user: it.user.clone(),
            room: it.room,
        }),
    }
}

async fn log(connection: &mut PgConnection, kinds: &Kinds<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO log (position, kind, room_nid, user_id)
         SELECT * FROM UNNEST($1::bigint[], $2::smallint[], $3::bigint[], $4::text[])",
        &kinds.log.iter().map(|row| row.0).collect::<Vec<_>>(),
        &kinds.log.iter().map(|row| row.1).collect::<Vec<_>>(),
        &kinds.log.iter().map(|row| row.2).collect::<Vec<_>>() as _,
        &kinds.log.iter().map(|row| row.3).collect::<Vec<_>>() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn receipts(
    connection: &mut PgConnection,
    rows: &[(i64, &Receipt)],
) -> Result<(), sqlx::Error> {
    // A statement may touch a row once only: the last one counts.
    let last: HashMap<_, _> = rows
        .iter()
        .map(|row| {
            (
                (
                    row.1.room,
                    &row.1.user,
                    &row.1.receipt_type,
                    &row.1.thread_id,
                ),
                row,
            )
        })
        .collect();
    if last.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = last.into_values().collect();
    sqlx::query!(
        "INSERT INTO receipts (position, room_nid, user_id, type, thread_id, event_id, event_anchor, ts)
         SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[])
         ON CONFLICT (room_nid, user_id, type, thread_id) DO UPDATE SET
             position = excluded.position, event_id = excluded.event_id,
             event_anchor = excluded.event_anchor, ts = excluded.ts",
        &rows.iter().map(|row| row.0).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.1.room.0).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.1.user.as_str()).collect::<Vec<_>>() as _,
        &rows.iter().map(|row| row.1.receipt_type.as_str()).collect::<Vec<_>>() as _,
        &rows.iter().map(|row| row.1.thread_id.as_str()).collect::<Vec<_>>() as _,
        &rows.iter().map(|row| row.1.event_id.as_str()).collect::<Vec<_>>() as _,
        &rows.iter().map(|row| row.1.event_anchor).collect::<Vec<_>>() as _,
        &rows.iter().map(|row| i64::try_from(row.1.ts_ms).unwrap_or(i64::MAX)).collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn account_data(
    connection: &mut PgConnection,
    rows: &[(i64, &AccountData)],
) -> Result<(), sqlx::Error> {
    let room = |data: &AccountData| data.room.as_ref().map_or(0, |(room, _)| room.0);
    let last: HashMap<_, _> = rows
        .iter()
        .map(|row| ((room(row.1), &row.1.user, &row.1.event_type), row))
        .collect();
    if last.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = last.into_values().collect();
    sqlx::query!(
        "INSERT INTO account_data (position, room_nid, user_id, type, content)
         SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[])
         ON CONFLICT (user_id, room_nid, type) DO UPDATE SET
             position = excluded.position, content = excluded.content",
        &rows.iter().map(|row| row.0).collect::<Vec<_>>(),
        &rows.iter().map(|row| room(row.1)).collect::<Vec<_>>(),
        &rows
            .iter()
            .map(|row| row.1.user.as_str())
            .collect::<Vec<_>>() as _,
        &rows
            .iter()
            .map(|row| row.1.event_type.as_str())
            .collect::<Vec<_>>() as _,
        &rows
            .iter()
            .map(|row| row.1.content.as_str())
            .collect::<Vec<_>>() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn to_device(
    connection: &mut PgConnection,
    rows: &[(i64, &ToDevice)],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    // A device may have gone since the message was addressed.
    sqlx::query!(
        "INSERT INTO to_device (position, user_id, device_id, message)
         SELECT n.* FROM UNNEST($1::bigint[], $2::text[], $3::text[], $4::text[])
                         AS n (position, user_id, device_id, message)
         JOIN devices d ON d.user_id = n.user_id AND d.device_id = n.device_id",
        &rows.iter().map(|row| row.0).collect::<Vec<_>>(),
        &rows
            .iter()
            .map(|row| row.1.user.as_str())
            .collect::<Vec<_>>() as _,
        &rows
            .iter()
            .map(|row| row.1.device.as_str())
            .collect::<Vec<_>>() as _,
        &rows
            .iter()
            .map(|row| row.1.message.as_str())
            .collect::<Vec<_>>() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Messages that wait for another server.
async fn outgoing(
    connection: &mut PgConnection,
    rows: &[(i64, &ToDevice)],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = || rows.iter();
    sqlx::query!(
        "INSERT INTO to_device_out (server, position, user_id, device_id, message)
         SELECT * FROM UNNEST($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[])",
        &rows()
            .map(|row| row.1.user.server_name().as_str())
            .collect::<Vec<_>>() as _,
        &rows().map(|row| row.0).collect::<Vec<_>>(),
        &rows().map(|row| row.1.user.as_str()).collect::<Vec<_>>() as _,
        &rows().map(|row| row.1.device.as_str()).collect::<Vec<_>>() as _,
        &rows().map(|row| row.1.message.as_str()).collect::<Vec<_>>() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A transaction that is there already is an error: then nothing of the batch is written, and the
/// committer writes each change on its own.
async fn transactions(
    connection: &mut PgConnection,
    rows: &[&ToDeviceTransaction],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO to_device_txns (user_id, device_id, txn_id, sent_at)
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::bigint[])",
        &rows.iter().map(|row| row.user.as_str()).collect::<Vec<_>>() as _,
        &rows
            .iter()
            .map(|row| row.device.as_str())
            .collect::<Vec<_>>() as _,
        &rows
            .iter()
            .map(|row| row.txn_id.as_str())
            .collect::<Vec<_>>() as _,
        &rows
            .iter()
            .map(|row| i64::try_from(row.sent_at_ms).unwrap_or(i64::MAX))
            .collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn device_lists(
    connection: &mut PgConnection,
    rows: &[(i64, &str)],
) -> Result<(), sqlx::Error> {
    let last: HashMap<&str, i64> = rows
        .iter()
        .map(|(position, user)| (*user, *position))
        .collect();
    if last.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO device_list_changes (user_id, position)
         SELECT * FROM UNNEST($1::text[], $2::bigint[])
         ON CONFLICT (user_id) DO UPDATE SET position = excluded.position",
        &last.keys().copied().collect::<Vec<_>>() as _,
        &last.values().copied().collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn profiles(
    connection: &mut PgConnection,
    rows: &[&ProfileField],
) -> Result<(), sqlx::Error> {
    let last: HashMap<_, &ProfileField> = rows
        .iter()
        .map(|row| ((&row.user, &row.field), *row))
        .collect();
    let (set, gone): (Vec<&ProfileField>, Vec<&ProfileField>) =
        last.into_values().partition(|row| row.value.is_some());
    if !gone.is_empty() {
        sqlx::query!(
            "DELETE FROM profiles p USING UNNEST($1::text[], $2::text[]) AS g(user_id, field)
             WHERE p.user_id = g.user_id AND p.field = g.field",
            &gone.iter().map(|row| row.user.as_str()).collect::<Vec<_>>() as _,
            &gone
                .iter()
                .map(|row| row.field.as_str())
                .collect::<Vec<_>>() as _,
        )
        .execute(&mut *connection)
        .await?;
    }
    if !set.is_empty() {
        sqlx::query!(
            "INSERT INTO profiles (user_id, field, value)
             SELECT * FROM UNNEST($1::text[], $2::text[], $3::jsonb[])
             ON CONFLICT (user_id, field) DO UPDATE SET value = excluded.value",
            &set.iter().map(|row| row.user.as_str()).collect::<Vec<_>>() as _,
            &set.iter().map(|row| row.field.as_str()).collect::<Vec<_>>() as _,
            &set.iter()
                .filter_map(|row| row.value.clone())
                .collect::<Vec<_>>() as _,
        )
        .execute(connection)
        .await?;
    }
    Ok(())
}
