use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use causeway_rooms::read::Reader;
use ruma::api::client::membership::joined_members::v3::Request;
use serde::Serialize;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::room_json::asker;

/// The answer.
#[derive(Debug, Serialize)]
pub struct JoinedMembers {
    joined: BTreeMap<String, Profile>,
}

#[derive(Debug, Serialize)]
struct Profile {
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<String>,
}

/// `GET /_matrix/client/v3/rooms/{roomId}/joined_members`.
pub async fn joined_members(
    State(reader): State<Reader>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Json<JoinedMembers>, ApiError> {
    let members = reader
        .joined_members(&request.room_id, &asker(session))
        .await?;
    let profiles = members.into_iter().map(|member| {
        let profile = Profile {
            display_name: member.display_name,
            avatar_url: member.avatar_url,
        };
        (member.user_id, profile)
    });
    Ok(Json(JoinedMembers {
        joined: profiles.collect(),
    }))
}
