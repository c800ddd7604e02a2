use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use causeway_rooms::actions::{AddressProof, SignedInvite};
use causeway_users::Users;
use ruma::{OwnedRoomId, OwnedUserId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Federation;
use crate::error::ApiError;

/// Invites that one address may have waiting; further ones are passed over.
const MAX_INVITES: usize = 20;

/// How long all of them may take: who they are asked of is whom a stranger names.
const MAX_TIME: Duration = Duration::from_secs(60);

/// Largest body, in bytes.
const MAX_BYTES: usize = 128 * 1024;

/// The body of [`on_bind`].
#[derive(Deserialize)]
struct Bound {
    mxid: OwnedUserId,
    invites: Vec<Waiting>,
}

/// An invite that waited for somebody to have the address.
#[derive(Deserialize)]
struct Waiting {
    room_id: OwnedRoomId,
    sender: OwnedUserId,
    signed: AddressProof,
}

/// `PUT /_matrix/federation/v1/3pid/onbind`: an identity server tells that a user of this server has
/// an address now. Anybody can say so; what counts are the proofs, which the rooms' rules check.
pub(crate) async fn on_bind(
    State(federation): State<Federation>,
    State(users): State<Users>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    if body.len() > MAX_BYTES {
        return Err(ApiError::too_large("Too many invites"));
    }
    let bound: Bound =
        serde_json::from_slice(&body).map_err(|error| ApiError::bad_json(error.to_string()))?;
    if !users.is_local(&bound.mxid) {
        return Err(ApiError::not_found("There is no such user on this server"));
    }
    users.profile(&bound.mxid).await?;
    let redeeming = redeem(&federation, bound);
    if tokio::time::timeout(MAX_TIME, redeeming).await.is_err() {
        tracing::info!("not all invites by an address were asked for in time");
    }
    Ok(Json(json!({})))
}

async fn redeem(federation: &Federation, bound: Bound) {
    let waiting = bound.invites.into_iter().take(MAX_INVITES);
    for invite in waiting.filter(|it| it.signed.mxid == bound.mxid) {
        let room = invite.room_id;
        let invite = SignedInvite {
            sender: invite.sender,
            proof: invite.signed,
        };
        if let Err(error) = federation.redeem_invite(&room, invite).await {
            tracing::info!(user = %bound.mxid, %room, %error, "no invite by an address");
        }
    }
}
