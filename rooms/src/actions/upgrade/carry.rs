//! What an upgrade carries over.

use causeway_events::RoomVersion;
use causeway_store::log::AccountData;
use causeway_store::rooms::list_banned;
use causeway_store::users::account_data;
use causeway_store::{Change, StoreError};
use ruma::{OwnedEventId, RoomId, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Upgrade, UpgradeError, levels, predecessor};
use crate::actions::draft::Content;
use crate::actions::face::member_content;
use crate::actions::initial::{InitialState, single};
use crate::{Head, Rooms, WriteError};

/// State with an empty key that is carried over as it is. State outside the specification stays
/// behind: its meaning may hang on who sent it.
const CARRIED: [&str; 10] = [
    "m.room.join_rules",
    "m.room.history_visibility",
    "m.room.guest_access",
    "m.room.name",
    "m.room.topic",
    "m.room.avatar",
    "m.room.encryption",
    "m.room.server_acl",
    "m.room.canonical_alias",
    "m.room.related_groups",
];

/// Bans that are carried over, at most.
const MAX_BANS: i64 = 10_000;

/// Rooms of a space that are carried over, at most.
const MAX_SPACE_CHILDREN: usize = 5_000;

impl Rooms {
    /// The state of the new room. Its power levels come last, so that whoever upgrades can set
    /// all the rest whatever they say.
    pub(super) async fn carried(
        &self,
        old: &Head,
        upgrade: &Upgrade,
        version: RoomVersion,
        tombstone: Option<&OwnedEventId>,
    ) -> Result<Vec<InitialState>, UpgradeError> {
        let user = &upgrade.user;
        let face = self.face(user).await?;
        let create = create_content(old, upgrade, version, tombstone);
        let levels = levels::carried(old, upgrade, version);
        let first_levels = levels::first(version, user, &levels);
        let mut state = vec![
            InitialState::new("m.room.create", &create)?,
            InitialState::keyed(
                "m.room.member",
                user.as_str(),
                &member_content("join", Some(&face)),
            )?,
            InitialState::new("m.room.power_levels", &first_levels)?,
        ];
        for event_type in CARRIED {
            state.extend(old.state(event_type, "").map(|entry| InitialState {
                event_type: event_type.to_owned(),
                state_key: String::new(),
                content: entry.pdu.content().to_owned(),
            }));
        }
        if old.state("m.room.guest_access", "").is_none() {
            // What held for the old room without an event is said for the new one.
            let forbidden = single("guest_access", "forbidden");
            state.push(InitialState::new("m.room.guest_access", &forbidden)?);
        }
        state.extend(space_children(old));
        state.extend(self.bans(old).await?);
        if levels != first_levels {
            state.push(InitialState::new("m.room.power_levels", &levels)?);
        }
        Ok(state)
    }

    async fn bans(&self, old: &Head) -> Result<Vec<InitialState>, UpgradeError> {
        #[derive(Deserialize)]
        struct Stored {
            content: Box<RawValue>,
        }
        let banned = list_banned(self.store(), old.room(), MAX_BANS).await?;
        let bans = banned.into_iter().filter_map(|(user, json)| {
            let stored: Stored = serde_json::from_str(&json).ok()?;
            Some(InitialState {
                event_type: "m.room.member".to_owned(),
                state_key: user,
                content: stored.content,
            })
        });
        Ok(bans.collect())
    }

    /// Lets a user find a new room as they had the old one: its tags, whether it is a direct
    /// chat, the rules of its notifications. What fails is noted and passed over.
    pub(crate) async fn carry_personal(&self, user: &UserId, old: &RoomId, new: &RoomId) {
        let carrying = async {
            self.carry_tags(user, old, new).await?;
            self.carry_global(user, "m.direct", |content| add_direct(content, old, new))
                .await?;
            self.carry_global(user, "m.push_rules", |content| {
                add_push_rules(content, old, new)
            })
            .await
        };
        if let Err(error) = carrying.await {
            tracing::warn!(%user, %new, %error, "personal settings were not carried over");
        }
    }

    /// The same for whoever joins a room that replaces another one.
    pub(crate) async fn carry_personal_on_join(&self, user: &UserId, new: &Head) {
        #[derive(Deserialize)]
        struct Create {
            predecessor: Option<Predecessor>,
        }
        #[derive(Deserialize)]
        struct Predecessor {
            room_id: ruma::OwnedRoomId,
        }
        #[derive(Deserialize)]
        struct Tombstone {
            replacement_room: Option<ruma::OwnedRoomId>,
        }
        let create: Option<Create> = new.content("m.room.create");
        let Some(predecessor) = create.and_then(|create| create.predecessor) else {
            return;
        };
        // Anybody can claim a predecessor; the old room must say the same.
        let Ok(old) = self.head(&predecessor.room_id).await else {
            return;
        };
        let tombstone: Option<Tombstone> = old.content("m.room.tombstone");
        let replacement = tombstone.and_then(|tombstone| tombstone.replacement_room);
        if replacement.as_deref() == Some(new.room_id()) {
            self.carry_personal(user, old.room_id(), new.room_id())
                .await;
        }
    }

    async fn carry_tags(
        &self,
        user: &UserId,
        old: &RoomId,
        new: &RoomId,
    ) -> Result<(), WriteError> {
        let of = async |room: &RoomId| {
            let (user, room) = (user.as_str(), Some(room.as_str()));
            let found = account_data::find(self.store(), user, room, "m.tag").await?;
            Ok::<_, StoreError>(found.filter(|content| content != "{}"))
        };
        let Some(content) = of(old).await? else {
            return Ok(());
        };
        if of(new).await?.is_some() {
            return Ok(());
        }
        let head = self.head(new).await?;
        let room = Some((head.room(), new.to_owned()));
        self.write_account_data(user, room, "m.tag", content).await
    }

    /// Changes a type of global account data, if `change` has something to change.
    async fn carry_global(
        &self,
        user: &UserId,
        event_type: &str,
        change: impl FnOnce(&mut Value) -> bool,
    ) -> Result<(), WriteError> {
        let found = account_data::find(self.store(), user.as_str(), None, event_type).await?;
        let content: Option<Value> = found.and_then(|text| serde_json::from_str(&text).ok());
        let Some(mut content) = content else {
            return Ok(());
        };
        if !change(&mut content) {
            return Ok(());
        }
        self.write_account_data(user, None, event_type, content.to_string())
            .await
    }

    async fn write_account_data(
        &self,
        user: &UserId,
        room: Option<(causeway_store::RoomNid, ruma::OwnedRoomId)>,
        event_type: &str,
        content: String,
    ) -> Result<(), WriteError> {
        let change = Change::AccountData(AccountData {
            user: user.to_owned(),
            room,
            event_type: event_type.to_owned(),
            content,
        });
        let written = self.parts().log.append(change).await;
        written.map(|_| ()).map_err(WriteError::Append)
    }
}

fn create_content(
    old: &Head,
    upgrade: &Upgrade,
    version: RoomVersion,
    tombstone: Option<&OwnedEventId>,
) -> Content {
    let rules = &version.rules().authorization;
    let old_create: Content = old.content("m.room.create").unwrap_or_default();
    let mut create: Content = ["type", "m.federate"]
        .into_iter()
        .filter_map(|field| Some((field.to_owned(), old_create.get(field)?.clone())))
        .collect();
    create.insert("room_version".to_owned(), json!(version.id()));
    if !rules.use_room_create_sender {
        create.insert("creator".to_owned(), json!(upgrade.user));
    }
    if rules.additional_room_creators && !upgrade.additional_creators.is_empty() {
        create.insert(
            "additional_creators".to_owned(),
            json!(upgrade.additional_creators),
        );
    }
    create.insert(
        "predecessor".to_owned(),
        predecessor(old.room_id(), tombstone),
    );
    create
}

fn space_children(old: &Head) -> impl Iterator<Item = InitialState> {
    let children = old.state_of_type("m.space.child").take(MAX_SPACE_CHILDREN);
    children.map(|(state_key, entry)| InitialState {
        event_type: "m.space.child".to_owned(),
        state_key: state_key.to_owned(),
        content: entry.pdu.content().to_owned(),
    })
}

/// Names the new room wherever `m.direct` names the old one.
fn add_direct(content: &mut Value, old: &RoomId, new: &RoomId) -> bool {
    let mut changed = false;
    for rooms in content
        .as_object_mut()
        .into_iter()
        .flat_map(|c| c.values_mut())
    {
        if let Some(rooms) = rooms.as_array_mut() {
            let has = |rooms: &[Value], room: &RoomId| rooms.iter().any(|r| *r == room.as_str());
            if has(rooms, old) && !has(rooms, new) {
                rooms.push(json!(new));
                changed = true;
            }
        }
    }
    changed
}

/// Gives the new room the push rule that the old one has.
fn add_push_rules(content: &mut Value, old: &RoomId, new: &RoomId) -> bool {
    let Some(rules) = content
        .pointer_mut("/global/room")
        .and_then(Value::as_array_mut)
    else {
        return false;
    };
    let of = |rules: &[Value], room: &RoomId| {
        let rule = rules.iter().find(|rule| rule["rule_id"] == room.as_str());
        rule.cloned()
    };
    let (Some(mut rule), None) = (of(rules, old), of(rules, new)) else {
        return false;
    };
    rule["rule_id"] = json!(new);
    rules.push(rule);
    true
}
