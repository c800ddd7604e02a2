use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use causeway_federation::Federation;
use causeway_federation::ask::RemoteClaims;
use causeway_users::Users;
use causeway_users::keys::{ClaimedKeys, Claims};
use ruma::api::client::keys::claim_keys::v3::Request;
use serde_json::value::to_raw_value;

use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/keys/claim`
pub async fn claim(
    State(users): State<Users>,
    State(federation): State<Option<Federation>>,
    _: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Json<ClaimedKeys>, ApiError> {
    let mut claims: Claims = request
        .one_time_keys
        .into_iter()
        .map(|(user, devices)| {
            let devices = devices.into_iter();
            let devices = devices.map(|(device, algorithm)| (device, algorithm.to_string()));
            (user, devices.collect())
        })
        .collect();
    let mut remote = Claims::new();
    if federation.is_some() {
        remote = claims
            .extract_if(.., |user, _| !users.is_local(user))
            .collect();
    }
    let mut claimed = users.claim_keys(claims).await?;
    if let Some(federation) = federation.filter(|_| !remote.is_empty()) {
        add(&mut claimed, federation.remote_claims(remote).await)?;
    }
    Ok(Json(claimed))
}

fn add(claimed: &mut ClaimedKeys, taken: RemoteClaims) -> Result<(), ApiError> {
    claimed.failures.extend(taken.failures);
    for (user, devices) in taken.one_time_keys {
        let places = claimed.one_time_keys.entry(user).or_default();
        for (device, keys) in devices {
            let keys = keys.into_iter().map(|(name, key)| {
                let key = to_raw_value(&key).map_err(ApiError::internal)?;
                Ok((name, key))
            });
            places.insert(device, keys.collect::<Result<BTreeMap<_, _>, ApiError>>()?);
        }
    }
    Ok(())
}
