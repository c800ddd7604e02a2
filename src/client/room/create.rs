use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_rooms::actions::{CreateRoom, InitialState, Preset};
use ruma::api::client::room::Visibility;
use ruma::api::client::room::create_room::v3::{Request, Response, RoomPreset};
use ruma::serde::Raw;
use serde::de::DeserializeOwned;

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/createRoom`.
pub async fn create(
    State(rooms): State<Rooms>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    if !request.invite_3pid.is_empty() {
        return Err(ApiError::no_third_party_invites());
    }
    let room_id = rooms
        .create(CreateRoom {
            creator: session.user_id,
            version: request.room_version,
            published: published(&request.visibility)?,
            preset: request.preset.map(preset).transpose()?,
            alias_name: request.room_alias_name,
            name: request.name,
            topic: request.topic,
            invite: request.invite,
            is_direct: request.is_direct,
            initial_state: initial_state(&request.initial_state)?,
            power_override: optional(request.power_level_content_override.as_ref())?,
            creation_content: optional(request.creation_content.as_ref())?,
        })
        .await?;
    Ok(Answer(Response::new(room_id)))
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
