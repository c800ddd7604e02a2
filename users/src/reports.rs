//! Reports to the moderators. Specification: client-server API, "Reporting Content".

use causeway_store::StoreError;
use causeway_store::users::accounts;
use causeway_store::users::reports::{self as store, Report};
use ruma::{EventId, RoomId, UserId};

use crate::Users;

/// Longest reason, in bytes; what stands behind it is dropped.
pub const MAX_REASON_BYTES: usize = 4_096;

/// Why a report was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// What was reported does not exist, or the reporter cannot see it.
    #[error("what was reported does not exist, or you cannot see it")]
    NotFound,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Users {
    /// Takes a report of a room.
    ///
    /// # Errors
    /// [`ReportError::NotFound`] for a room that this server does not know.
    pub async fn report_room(
        &self,
        reporter: &UserId,
        room_id: &RoomId,
        reason: Option<&str>,
    ) -> Result<(), ReportError> {
        let (by, room) = (reporter.as_str(), room_id.as_str());
        if !store::reportable(self.store(), by, room, None)
            .await?
            .room_exists
        {
            return Err(ReportError::NotFound);
        }
        let report = Report {
            room_id: Some(room),
            ..about(reporter, reason)
        };
        Ok(store::create(self.store(), report, self.now_ms()).await?)
    }

    /// Takes a report of an event.
    ///
    /// # Errors
    /// [`ReportError::NotFound`] for an event that does not exist, or in a room the reporter
    /// never was in.
    pub async fn report_event(
        &self,
        reporter: &UserId,
        room_id: &RoomId,
        event_id: &EventId,
        reason: Option<&str>,
    ) -> Result<(), ReportError> {
        let (by, room, event) = (reporter.as_str(), room_id.as_str(), event_id.as_str());
        let seen = store::reportable(self.store(), by, room, Some(event)).await?;
        if !seen.was_member || !seen.event_exists {
            return Err(ReportError::NotFound);
        }
        let report = Report {
            room_id: Some(room),
            event_id: Some(event),
            ..about(reporter, reason)
        };
        Ok(store::create(self.store(), report, self.now_ms()).await?)
    }

    /// Takes a report of a user. Users of other servers need not be known here.
    ///
    /// # Errors
    /// [`ReportError::NotFound`] for a user of this server who does not exist.
    pub async fn report_user(
        &self,
        reporter: &UserId,
        user_id: &UserId,
        reason: Option<&str>,
    ) -> Result<(), ReportError> {
        if self.is_local(user_id)
            && accounts::find(self.store(), user_id.as_str())
                .await?
                .is_none()
        {
            return Err(ReportError::NotFound);
        }
        let report = Report {
            user_id: Some(user_id.as_str()),
            ..about(reporter, reason)
        };
        Ok(store::create(self.store(), report, self.now_ms()).await?)
    }
}

fn about<'a>(reporter: &'a UserId, reason: Option<&'a str>) -> Report<'a> {
    let reason = reason.map(|text| &text[..text.floor_char_boundary(MAX_REASON_BYTES)]);
    Report {
        reporter: reporter.as_str(),
        room_id: None,
        event_id: None,
        user_id: None,
        score: None,
        reason,
    }
}
