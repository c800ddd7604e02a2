//! Rooms that let in the members of other rooms (client-server, "Restricted rooms").

use std::collections::BTreeSet;

use causeway_store::StoreError;
use causeway_store::graph::is_server_in;
use causeway_store::log::Membership;
use causeway_store::rooms::{find_room, has_joined_any, list_joined_local};
use ruma::{OwnedUserId, RoomId, UserId};
use serde::Deserialize;
use serde_json::Value;

use super::MembershipError;
use crate::{Head, Rooms};

/// Rooms of an `allow` list that are looked at, at most.
const MAX_ALLOWED_ROOMS: usize = 200;

/// Rooms of an `allow` list of which it is asked whether this server is in them, at most.
const MAX_ASKED_ROOMS: usize = 20;

/// Users who are tried as the one who lets somebody in, at most.
const MAX_CANDIDATES: usize = 100;

#[derive(Deserialize)]
struct JoinRules {
    join_rule: String,
    #[serde(default)]
    allow: Vec<Value>,
}

impl JoinRules {
    fn is_restricted(&self) -> bool {
        matches!(self.join_rule.as_str(), "restricted" | "knock_restricted")
    }

    fn allowed_rooms(&self) -> Vec<&str> {
        self.allow
            .iter()
            .filter(|entry| entry["type"] == "m.room_membership")
            .filter_map(|entry| entry["room_id"].as_str())
            .take(MAX_ALLOWED_ROOMS)
            .collect()
    }
}

impl Rooms {
    /// Who lets the user in, where somebody must: `None` if the room's rules do not ask for it,
    /// or the user is invited.
    pub(crate) async fn authoriser(
        &self,
        head: &Head,
        user: &UserId,
        membership: Option<Membership>,
    ) -> Result<Option<OwnedUserId>, MembershipError> {
        if matches!(membership, Some(Membership::Invite | Membership::Join)) {
            return Ok(None);
        }
        let rules = &head.version().rules().authorization;
        let join_rules: Option<JoinRules> = head.content("m.room.join_rules");
        let Some(join_rules) = join_rules.filter(|_| rules.restricted_join_rule) else {
            return Ok(None);
        };
        if !join_rules.is_restricted() {
            return Ok(None);
        }
        let allowed = join_rules.allowed_rooms();
        if !has_joined_any(self.store(), user, &allowed).await? {
            return Err(MembershipError::forbidden(
                "You are in none of the rooms whose members may join this room",
            ));
        }
        let found = self.find_authoriser(head).await?;
        found.map(Some).ok_or(MembershipError::UnableToAuthorise)
    }

    /// Whether users of this server are in one of the rooms whose members may join: only of those
    /// it knows who their members are.
    pub(crate) async fn knows_allowed_rooms(&self, head: &Head) -> Result<bool, StoreError> {
        let join_rules: Option<JoinRules> = head.content("m.room.join_rules");
        let Some(join_rules) = join_rules else {
            return Ok(false);
        };
        for room in join_rules.allowed_rooms().into_iter().take(MAX_ASKED_ROOMS) {
            let Ok(room) = RoomId::parse(room) else {
                continue;
            };
            let own = self.server_name().as_str();
            if let Some(row) = find_room(self.store(), &room).await?
                && is_server_in(self.store(), row.room, own).await?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A joined user of this server who may invite.
    async fn find_authoriser(&self, head: &Head) -> Result<Option<OwnedUserId>, MembershipError> {
        let power = head.power();
        let needed = power.invite();
        let may_invite = |user: &UserId| power.user(user).reaches(needed);
        let candidates: Vec<OwnedUserId> = named_users(head)
            .into_iter()
            .filter(|user| self.is_local(user) && may_invite(user))
            .take(MAX_CANDIDATES)
            .collect();
        let head = self.head_with(head.room_id(), &candidates).await?;
        let is_joined = |user: &OwnedUserId| {
            let member = head.remembered_member(user).flatten();
            member.and_then(crate::StateEntry::membership) == Some(Membership::Join)
        };
        if let Some(found) = candidates.into_iter().find(is_joined) {
            return Ok(Some(found));
        }
        // Nobody who is named: perhaps anybody may invite.
        let limit = i64::try_from(MAX_CANDIDATES).unwrap_or(i64::MAX);
        let joined = list_joined_local(self.store(), head.room(), false, limit).await?;
        Ok(joined.into_iter().find(|user| may_invite(user)))
    }
}

/// The room's creators and those whom its power levels name.
fn named_users(head: &Head) -> BTreeSet<OwnedUserId> {
    #[derive(Deserialize, Default)]
    struct Levels {
        #[serde(default)]
        users: serde_json::Map<String, Value>,
    }
    let levels: Levels = head.content("m.room.power_levels").unwrap_or_default();
    let power = head.power();
    let names = levels.users.keys().chain(power.creators());
    names.filter_map(|name| UserId::parse(name).ok()).collect()
}
