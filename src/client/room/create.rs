use axum::extract::State;
use causeway_federation::Federation;
use causeway_federation::join::RemoteInvite;
use causeway_identity::IdentityServers;
use causeway_rooms::Rooms;
use causeway_rooms::actions::{CreateRoom, InitialState, Preset};
use ruma::api::client::room::Visibility;
use ruma::api::client::room::create_room::v3::{Request, Response, RoomPreset};
use ruma::serde::Raw;
use ruma::{OwnedUserId, RoomId, UserId};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::membership::invite_addresses;

/// Most addresses that are invited with the making of a room: an identity server is asked for each.
const MAX_ADDRESSES: usize = 20;

/// `POST /_matrix/client/v3/createRoom`.
pub async fn create(
    State(rooms): State<Rooms>,
    State(federation): State<Option<Federation>>,
    State(identity): State<IdentityServers>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    if request.invite_3pid.len() > MAX_ADDRESSES {
        return Err(ApiError::invalid_param("There are too many addresses"));
    }
    let inviter = session.clone();
    let mut invite = request.invite;
    invite.sort();
    invite.dedup();
    let (invite, invite_elsewhere): (Vec<_>, Vec<_>) = invite
        .into_iter()
        .partition(|user| federation.is_none() || rooms.is_local(user));
    let elsewhere = invite_elsewhere.clone();
    let (creator, is_direct) = (session.user_id.clone(), request.is_direct);
    let room_id = rooms
        .create(CreateRoom {
            creator: session.user_id,
            version: request.room_version,
            published: published(&request.visibility)?,
            preset: request.preset.map(preset).transpose()?,
            alias_name: request.room_alias_name,
            name: request.name,
            topic: request.topic,
            invite,
            invite_elsewhere,
            is_direct: request.is_direct,
            initial_state: initial_state(&request.initial_state)?,
            power_override: optional(request.power_level_content_override.as_ref())?,
            creation_content: optional(request.creation_content.as_ref())?,
        })
        .await?;
    if let Some(federation) = &federation {
        invite_all(federation, &room_id, &creator, elsewhere, is_direct).await?;
    }
    let (addresses, federation) = (&request.invite_3pid, federation.as_ref());
    invite_addresses(&rooms, federation, &identity, &inviter, &room_id, addresses).await?;
    Ok(Answer(Response::new(room_id)))
}

/// Invites users of other servers into a room that was just made. The first who cannot be invited ends
/// it; the room stays.
async fn invite_all(
    federation: &Federation,
    room: &RoomId,
    sender: &UserId,
    targets: Vec<OwnedUserId>,
    is_direct: bool,
) -> Result<(), ApiError> {
    let content: Map<String, Value> = is_direct
        .then(|| ("is_direct".to_owned(), true.into()))
        .into_iter()
        .collect();
    for target in targets {
        let invite = RemoteInvite {
            room: room.to_owned(),
            sender: sender.to_owned(),
            target,
            content: content.clone(),
        };
        federation.invite(invite).await?;
    }
    Ok(())
}

fn published(visibility: &Visibility) -> Result<bool, ApiError> {
    match visibility {
        Visibility::Public => Ok(true),
        Visibility::Private => Ok(false),
        _ => Err(ApiError::bad_json("`visibility` is `public` or `private`")),
    }
}

fn preset(preset: RoomPreset) -> Result<Preset, ApiError> {
    match preset {
        RoomPreset::PrivateChat => Ok(Preset::PrivateChat),
        RoomPreset::PublicChat => Ok(Preset::PublicChat),
        RoomPreset::TrustedPrivateChat => Ok(Preset::TrustedPrivateChat),
        other => Err(ApiError::bad_json(format!("`{other}` is no preset"))),
    }
}

fn initial_state<T>(given: &[Raw<T>]) -> Result<Vec<InitialState>, ApiError> {
    given.iter().map(read).collect()
}

fn optional<T, U: DeserializeOwned + Default>(given: Option<&Raw<T>>) -> Result<U, ApiError> {
    given.map_or_else(|| Ok(U::default()), read)
}

fn read<T, U: DeserializeOwned>(given: &Raw<T>) -> Result<U, ApiError> {
    serde_json::from_str(given.json().get()).map_err(|error| ApiError::bad_json(error.to_string()))
}
