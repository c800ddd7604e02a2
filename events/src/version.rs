//! Room versions as data: one table, nothing else knows a version by its number.

use ruma::{RoomVersionId, room_version_rules::RoomVersionRules};

/// One row of the table of room versions.
#[derive(Debug)]
struct Row {
    id: RoomVersionId,
    rules: RoomVersionRules,
    stable: bool,
}

const fn stable(id: RoomVersionId, rules: RoomVersionRules) -> Row {
    Row {
        id,
        rules,
        stable: true,
    }
}

static TABLE: [Row; 12] = [
    stable(RoomVersionId::V1, RoomVersionRules::V1),
    stable(RoomVersionId::V2, RoomVersionRules::V2),
    stable(RoomVersionId::V3, RoomVersionRules::V3),
    stable(RoomVersionId::V4, RoomVersionRules::V4),
    stable(RoomVersionId::V5, RoomVersionRules::V5),
    stable(RoomVersionId::V6, RoomVersionRules::V6),
    stable(RoomVersionId::V7, RoomVersionRules::V7),
    stable(RoomVersionId::V8, RoomVersionRules::V8),
    stable(RoomVersionId::V9, RoomVersionRules::V9),
    stable(RoomVersionId::V10, RoomVersionRules::V10),
    stable(RoomVersionId::V11, RoomVersionRules::V11),
    stable(RoomVersionId::V12, RoomVersionRules::V12),
];

/// A room version that this server speaks, with its rules. Two words, copied freely.
#[derive(Clone, Copy)]
pub struct RoomVersion(&'static Row);

impl RoomVersion {
    /// The version of this id, or `None` if this server does not speak it
    /// (`M_UNSUPPORTED_ROOM_VERSION` for clients, `M_INCOMPATIBLE_ROOM_VERSION` for servers).
    pub fn find(id: &RoomVersionId) -> Option<Self> {
        TABLE.iter().find(|row| row.id == *id).map(Self)
    }

    /// All versions that this server speaks, oldest first.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(Self)
    }

    /// The version's id, as in `m.room.create`.
    pub fn id(self) -> &'static RoomVersionId {
        &self.0.id
    }

    /// What differs between versions.
    pub fn rules(self) -> &'static RoomVersionRules {
        &self.0.rules
    }

    /// Whether `/capabilities` lists it as `stable` (otherwise `unstable`).
    pub fn is_stable(self) -> bool {
        self.0.stable
    }

    /// Whether the room id is the hash of the create event, which then has no `room_id` and is
    /// named in no `auth_events` (since version 12).
    pub fn room_id_is_create_hash(self) -> bool {
        self.0.rules.authorization.room_create_event_id_as_room_id
    }

    /// Whether events carry their own `event_id` (versions 1 and 2).
    pub fn event_id_is_field(self) -> bool {
        self.0.rules.event_format.require_event_id
    }
}

impl PartialEq for RoomVersion {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for RoomVersion {}

impl std::fmt::Debug for RoomVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RoomVersion({})", self.0.id)
    }
}
