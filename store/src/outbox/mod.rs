//! What goes to other servers: the reader `federation` of the log, and how far each server is.
//!
//! Nothing is written for an event: a server that takes what it is sent has all that lies before the
//! reader's cursor. Only one that fails has a row of its own, saying from where on it lacks things.

mod destinations;
mod entries;
mod missed;
mod moments;

pub use destinations::{Destination, delete_to_device, list_destinations, put_destination};
pub use entries::{Batch, Item, OutEvent, OutMessage, batch_of, load_batch};
pub use missed::{Missed, load_missed, servers_of_user};
pub use moments::{servers_of_rooms, servers_of_users};

use crate::ids::Position;
use crate::meter::timed;
use crate::{Store, StoreError};

const READER: &str = "federation";

/// Where the reader is. One that has never run begins at the log's end.
///
/// # Errors
/// If the database does not answer.
pub async fn begin(store: &Store) -> Result<Position, StoreError> {
    let position = timed(
        sqlx::query_scalar!(
            "INSERT INTO log_readers (name, position) SELECT $1, position FROM log_head
             ON CONFLICT (name) DO UPDATE SET position = log_readers.position RETURNING position",
            READER
        )
        .fetch_one(store.pool()),
    )
    .await?;
    Ok(Position(position))
}

/// Moves the reader's cursor on; never back.
///
/// # Errors
/// If the database does not answer.
pub async fn advance(store: &Store, to: Position) -> Result<(), StoreError> {
    timed(
        sqlx::query!(
            "UPDATE log_readers SET position = $2 WHERE name = $1 AND position < $2",
            READER,
            to.0
        )
        .execute(store.pool()),
    )
    .await?;
    Ok(())
}

/// Forgets the reader, where this server speaks to no other: the log need not wait for it.
///
/// # Errors
/// If the database does not answer.
pub async fn forget(store: &Store) -> Result<(), StoreError> {
    timed(sqlx::query!("DELETE FROM log_readers WHERE name = $1", READER).execute(store.pool()))
        .await?;
    Ok(())
}
