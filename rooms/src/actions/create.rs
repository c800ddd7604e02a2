//! Creating rooms (client-server, `POST /createRoom`).

use causeway_events::{BuildError, RoomVersion};
use causeway_store::StoreError;
use causeway_store::rooms::{create_alias, find_alias, set_published};
use ruma::{
    OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomAliasId, RoomId, RoomVersionId, UserId,
};
use serde_json::{Value, json};

use super::draft::{Content, raw};
use super::face::member_content;
use super::initial::{InitialState, default_power_levels, single, topic_content};
use super::membership::MembershipError;
use crate::{Append, Rooms, WriteError};

/// Users that may be invited while a room is made.
const MAX_INVITES: usize = 500;

/// State that may be set while a room is made.
const MAX_INITIAL_STATE: usize = 1_000;

/// A set of choices for a new room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// By invite.
    PrivateChat,
    /// By invite, and those who are invited first have the creator's power.
    TrustedPrivateChat,
    /// Open to all but guests.
    PublicChat,
}

/// A room that a user wants to make.
#[derive(Debug, Clone)]
pub struct CreateRoom {
    /// Who.
    pub creator: OwnedUserId,
    /// The room version, if it is not to be the server's choice.
    pub version: Option<RoomVersionId>,
    /// Whether the room stands in this server's directory.
    pub published: bool,
    /// Which choices; without any it follows from `published`.
    pub preset: Option<Preset>,
    /// The part of an alias before the colon.
    pub alias_name: Option<String>,
    /// The room's name.
    pub name: Option<String>,
    /// The room's topic.
    pub topic: Option<String>,
    /// Who is invited, of this server.
    pub invite: Vec<OwnedUserId>,
    /// Users of other servers whom the caller invites afterwards, with their servers' consent. They
    /// get the power that the preset gives to those who are invited.
    pub invite_elsewhere: Vec<OwnedUserId>,
    /// Whether the invites are to a direct chat.
    pub is_direct: bool,
    /// State to begin with.
    pub initial_state: Vec<InitialState>,
    /// Fields that replace those of the first power levels.
    pub power_override: Content,
    /// Further fields of the create event.
    pub creation_content: Content,
}

/// Why a room was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// This server does not speak the room version.
    #[error("This server does not know the room version {0}")]
    UnsupportedVersion(RoomVersionId),
    /// The alias leads to another room.
    #[error("The alias {0} is taken")]
    AliasInUse(OwnedRoomAliasId),
    /// No alias can have that name.
    #[error("`{0}` cannot be an alias")]
    BadAlias(String),
    /// Something in the request has a form that it cannot have.
    #[error("{0}")]
    BadContent(String),
    /// The state that the room was to have contradicts itself.
    #[error("The room cannot have this state: {0}")]
    InvalidState(String),
    /// The room was made, or not, but somebody cannot be invited.
    #[error(transparent)]
    Invite(#[from] MembershipError),
    /// The room could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<StoreError> for CreateError {
    fn from(error: StoreError) -> Self {
        Self::Write(error.into())
    }
}

fn bad(message: impl Into<String>) -> CreateError {
    CreateError::BadContent(message.into())
}

/// A room about to be made.
struct Plan {
    request: CreateRoom,
    version: RoomVersion,
    preset: Preset,
    alias: Option<OwnedRoomAliasId>,
}

impl CreateRoom {
    /// All who are invited.
    fn invited(&self) -> impl Iterator<Item = &OwnedUserId> {
        self.invite.iter().chain(&self.invite_elsewhere)
    }
}

impl Rooms {
    /// Makes a room: all its first state at once, then the invites.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub async fn create(&self, request: CreateRoom) -> Result<OwnedRoomId, CreateError> {
        let plan = self.plan(request).await?;
        let state = self.first_state(&plan).await?;
        let creator = &plan.request.creator;
        let made = self.make_room(plan.version, creator, &state).await;
        let room_id = made.map_err(|error| match error {
            WriteError::Forbidden(error) => CreateError::InvalidState(error.reason),
            WriteError::Build(BuildError::Content(reason)) => CreateError::BadContent(reason),
            error => CreateError::Write(error),
        })?;
        self.register(&room_id, &plan).await?;
        self.invite_first(&room_id, &plan.request).await?;
        Ok(room_id)
    }

    /// Checks what can be checked before anything is written.
    async fn plan(&self, mut request: CreateRoom) -> Result<Plan, CreateError> {
        let version = match &request.version {
            None => self.default_version(),
            Some(id) => {
                RoomVersion::find(id).ok_or_else(|| CreateError::UnsupportedVersion(id.clone()))?
            }
        };
        let invites = request.invited().count();
        if request.initial_state.len() > MAX_INITIAL_STATE || invites > MAX_INVITES {
            return Err(bad("Too much state, or too many invites, for a new room"));
        }
        let default = if request.published {
            Preset::PublicChat
        } else {
            Preset::PrivateChat
        };
        request.invite.retain(|user| *user != request.creator);
        request.invite.sort();
        request.invite.dedup();
        self.check_first_invites(&request.creator, &request.invite)
            .await?;
        let alias = self.free_alias(request.alias_name.as_deref()).await?;
        Ok(Plan {
            preset: request.preset.unwrap_or(default),
            version,
            alias,
            request,
        })
    }

    async fn check_first_invites(
        &self,
        creator: &UserId,
        users: &[OwnedUserId],
    ) -> Result<(), CreateError> {
        if let Some(remote) = users.iter().find(|user| !self.is_local(user)) {
            return Err(MembershipError::Unreachable(remote.clone()).into());
        }
        if users.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = users.iter().map(|user| user.as_str()).collect();
        self.check_invites(creator, &names).await?;
        Ok(())
    }

    async fn free_alias(
        &self,
        name: Option<&str>,
    ) -> Result<Option<OwnedRoomAliasId>, CreateError> {
        let Some(name) = name else { return Ok(None) };
        let bad_alias = || CreateError::BadAlias(name.to_owned());
        if name.is_empty() || name.contains(|c: char| c == ':' || c == '#' || c.is_whitespace()) {
            return Err(bad_alias());
        }
        let alias = RoomAliasId::parse(format!("#{name}:{}", self.server_name()))
            .map_err(|_| bad_alias())?;
        if find_alias(self.store(), &alias).await?.is_some() {
            return Err(CreateError::AliasInUse(alias));
        }
        Ok(Some(alias))
    }

    /// All state of the room before anybody is invited, in the specification's order.
    async fn first_state(&self, plan: &Plan) -> Result<Vec<InitialState>, CreateError> {
        let Plan { request, .. } = plan;
        let face = self.face(&request.creator).await?;
        let (create, creators) = create_content(plan)?;
        let creator = request.creator.as_str();
        let mut state = vec![
            InitialState::new("m.room.create", &create)?,
            InitialState::keyed(
                "m.room.member",
                creator,
                &member_content("join", Some(&face)),
            )?,
            power_levels(plan, &creators)?,
        ];
        if let Some(alias) = &plan.alias {
            let content = single("alias", alias.as_str());
            state.push(InitialState::new("m.room.canonical_alias", &content)?);
        }
        for (event_type, content) in preset_state(plan.preset) {
            if !request
                .initial_state
                .iter()
                .any(|state| state.is(event_type))
            {
                state.push(InitialState::new(event_type, &content)?);
            }
        }
        for initial in &request.initial_state {
            if matches!(&*initial.event_type, "m.room.create" | "m.room.member") {
                let reason = format!("`{}` cannot be given", initial.event_type);
                return Err(CreateError::InvalidState(reason));
            }
            let overridden = (initial.is("m.room.name") && request.name.is_some())
                || (initial.is("m.room.topic") && request.topic.is_some())
                || initial.is("m.room.power_levels");
            if !overridden {
                state.push(initial.clone());
            }
        }
        if let Some(name) = &request.name {
            let content = single("name", name.as_str());
            state.push(InitialState::new("m.room.name", &content)?);
        }
        if let Some(topic) = &request.topic {
            state.push(InitialState::new("m.room.topic", &topic_content(topic))?);
        }
        Ok(state)
    }

    /// The alias, and the place in the directory.
    async fn register(&self, room_id: &RoomId, plan: &Plan) -> Result<(), CreateError> {
        let head = self.head(room_id).await.map_err(WriteError::from)?;
        if let Some(alias) = &plan.alias {
            let creator = &plan.request.creator;
            if !create_alias(self.store(), alias, head.room(), creator).await? {
                // Somebody was faster. Nobody shall be left in a room with a false alias.
                self.leave(room_id, creator, None).await?;
                return Err(CreateError::AliasInUse(alias.clone()));
            }
        }
        if plan.request.published {
            set_published(self.store(), head.room(), true).await?;
        }
        Ok(())
    }

    async fn invite_first(
        &self,
        room_id: &RoomId,
        request: &CreateRoom,
    ) -> Result<(), CreateError> {
        if request.invite.is_empty() {
            return Ok(());
        }
        let faces = self.faces(&request.invite).await?;
        let invites = request.invite.iter().map(|user| {
            let mut content = member_content("invite", faces.get(user.as_str()));
            if request.is_direct {
                content.insert("is_direct".to_owned(), json!(true));
            }
            let (key, sender) = (user.as_str(), &request.creator);
            Ok(self.state_event("m.room.member", key, sender, raw(&content)?))
        });
        let append = Append {
            drafts: invites.collect::<Result<_, WriteError>>()?,
            ..Append::default()
        };
        self.append(room_id, append).await?;
        Ok(())
    }
}

/// The content of the create event, and who the room's creators are.
fn create_content(plan: &Plan) -> Result<(Content, Vec<OwnedUserId>), CreateError> {
    let Plan {
        request, version, ..
    } = plan;
    let rules = &version.rules().authorization;
    let mut content = request.creation_content.clone();
    let mut creators = vec![request.creator.clone()];
    content.insert("room_version".to_owned(), json!(version.id()));
    content.remove("creator");
    if !rules.use_room_create_sender {
        content.insert("creator".to_owned(), json!(request.creator));
    }
    if rules.additional_room_creators {
        let mut additional = additional_creators(&content)?;
        if plan.preset == Preset::TrustedPrivateChat {
            let invited = request.invited();
            let new: Vec<OwnedUserId> = invited
                .filter(|user| !additional.contains(user))
                .cloned()
                .collect();
            additional.extend(new);
        }
        if !additional.is_empty() {
            content.insert("additional_creators".to_owned(), json!(additional));
        }
        creators.extend(additional);
    }
    Ok((content, creators))
}

fn additional_creators(content: &Content) -> Result<Vec<OwnedUserId>, CreateError> {
    let Some(given) = content.get("additional_creators") else {
        return Ok(Vec::new());
    };
    let given = given
        .as_array()
        .ok_or_else(|| bad("`additional_creators` is no list"))?;
    let user = |value: &Value| value.as_str().and_then(|user| UserId::parse(user).ok());
    let users: Option<Vec<OwnedUserId>> = given.iter().map(user).collect();
    users.ok_or_else(|| bad("`additional_creators` names somebody who is no user"))
}

/// The first power levels: those of `initial_state`, or the usual ones with what replaces them.
fn power_levels(plan: &Plan, creators: &[OwnedUserId]) -> Result<InitialState, CreateError> {
    let Plan {
        request,
        version,
        preset,
        ..
    } = plan;
    let given = request
        .initial_state
        .iter()
        .find(|state| state.is("m.room.power_levels"));
    let mut levels = match given {
        Some(given) => serde_json::from_str(given.content.get())
            .map_err(|error| bad(format!("power levels: {error}")))?,
        None => usual_power_levels(*version, *preset, request),
    };
    levels.extend(request.power_override.clone());
    if version
        .rules()
        .authorization
        .explicitly_privilege_room_creators
        && let Some(Value::Object(users)) = levels.get("users")
        && let Some(creator) = creators
            .iter()
            .find(|user| users.contains_key(user.as_str()))
    {
        return Err(bad(format!(
            "{creator} is a creator, whose power has no level"
        )));
    }
    Ok(InitialState::new("m.room.power_levels", &levels)?)
}

fn usual_power_levels(version: RoomVersion, preset: Preset, request: &CreateRoom) -> Content {
    let mut levels = default_power_levels(version, &request.creator);
    if preset != Preset::PublicChat {
        levels.insert("invite".to_owned(), json!(0));
    }
    let creators_are_infinite = version
        .rules()
        .authorization
        .explicitly_privilege_room_creators;
    if preset == Preset::TrustedPrivateChat
        && !creators_are_infinite
        && let Some(Value::Object(users)) = levels.get_mut("users")
    {
        for user in request.invited() {
            users.insert(user.to_string(), json!(100));
        }
    }
    levels
}

/// That guests are forbidden to join, as in public rooms, is what holds without an event.
fn preset_state(preset: Preset) -> Vec<(&'static str, Content)> {
    let (join_rule, lets_guests_in) = match preset {
        Preset::PrivateChat | Preset::TrustedPrivateChat => ("invite", true),
        Preset::PublicChat => ("public", false),
    };
    let mut state = vec![
        ("m.room.join_rules", single("join_rule", join_rule)),
        (
            "m.room.history_visibility",
            single("history_visibility", "shared"),
        ),
    ];
    if lets_guests_in {
        state.push(("m.room.guest_access", single("guest_access", "can_join")));
    }
    state
}
