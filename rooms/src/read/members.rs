//! Members of a room.

use causeway_events::Membership;
use causeway_store::log::Membership as Stored;
use causeway_store::timeline::{
    MemberInfo, current_members, joined_members, state_events_at, state_ref_before,
};
use ruma::RoomId;

use super::messages::token;
use super::show::ALL_MEMBERSHIPS;
use super::{Asker, ReadError, Reader};

/// What `/members` is asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct MembersQuery<'a> {
    /// At which token; now, if nothing is said.
    pub at: Option<&'a str>,
    /// Members with this membership.
    pub membership: Option<&'a str>,
    /// Members without this membership.
    pub not_membership: Option<&'a str>,
}

impl MembersQuery<'_> {
    /// The two conditions are alternatives (client-server, `GET /rooms/{roomId}/members`).
    fn wants(&self, word: &str) -> bool {
        match (self.membership, self.not_membership) {
            (None, None) => true,
            (wanted, unwanted) => {
                wanted == Some(word) || unwanted.is_some_and(|unwanted| unwanted != word)
            }
        }
    }
}

impl Reader {
    /// Member events, as JSON.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn members(
        &self,
        room_id: &RoomId,
        query: MembersQuery<'_>,
        asker: &Asker,
    ) -> Result<Vec<String>, ReadError> {
        let at = token(query.at, "at")?;
        let room = self.enter(room_id, asker).await?;
        let at = at.map(|at| at.min(room.end_token()));
        let past = match at {
            Some(at) => state_ref_before(&self.store, room.nid, at).await?,
            None => room.visible_state(),
        };
        let Some(past) = past else {
            if at.is_some() {
                return Ok(Vec::new());
            }
            let wanted: Vec<Stored> = ALL_MEMBERSHIPS
                .into_iter()
                .filter(|membership| query.wants(membership.word()))
                .collect();
            let rows = current_members(&self.store, room.nid, &wanted).await?;
            return self.show_state(&room, &rows);
        };
        let mut rows = state_events_at(&self.store, room.nid, past, Some("m.room.member")).await?;
        rows.retain(|row| {
            row.pdu(room.version)
                .ok()
                .and_then(|pdu| Membership::of(&pdu))
                .is_some_and(|membership| query.wants(membership.as_str()))
        });
        self.show_state(&room, &rows)
    }

    /// Who has joined, for those who have joined themselves.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn joined_members(
        &self,
        room_id: &RoomId,
        asker: &Asker,
    ) -> Result<Vec<MemberInfo>, ReadError> {
        let room = self.enter_joined(room_id, asker).await?;
        Ok(joined_members(&self.store, room.nid).await?)
    }
}
