//! What `/sync` reads. Every query takes all rooms of an answer at once, so their number is the
//! same for 3 rooms and for 300.
//!
//! Start reading at [`Snapshot`]: an answer is read from one moment of the log.

mod device_lists;
mod events;
mod members;
mod own;
mod presence;
mod rooms;
mod state;
mod visibility;

use sqlx::{PgConnection, Postgres, Transaction};

pub use self::device_lists::{DeviceListQuery, SharedUser, device_lists};
pub use self::events::{
    SyncEvent, TimelineFilter, TimelineRange, behind_gaps, redactions, timelines,
};
pub use self::members::{Hero, heroes, member_counts, members};
pub use self::own::{
    AccountDataRow, ReceiptRow, WaitingMessage, account_data, delete_to_device, receipts, to_device,
};
pub use self::presence::{PresenceRow, load_presence, save_presence};
pub use self::rooms::{OnlineRoom, OnlineUser, RoomOfUser, joined_rooms, load_online, rooms_of};
pub use self::state::{
    StateRange, current_state, outside_states, state_between, states_at, stripped_state,
};
pub use self::visibility::{SightRow, SightWish, current_among, sights};

use crate::ids::Position;
use crate::meter::timed;
use crate::{Store, StoreError};

/// One moment of the log: whatever is read through it is the state right after `position`.
#[derive(Debug)]
pub struct Snapshot {
    tx: Transaction<'static, Postgres>,
    position: Position,
}

impl Snapshot {
    /// Takes the moment that is now.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn open(store: &Store) -> Result<Self, StoreError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        let mut tx = timed(store.pool().begin_with(begin)).await?;
        // The first query fixes the snapshot. The row of the head is locked until a batch
        // commits, so the number and what is visible belong together.
        let position =
            timed(sqlx::query_scalar!("SELECT position FROM log_head").fetch_one(&mut *tx)).await?;
        Ok(Self {
            tx,
            position: Position(position),
        })
    }

    /// The last position that is visible.
    pub fn position(&self) -> Position {
        self.position
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}
