use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use causeway_media::{About, Media};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use ruma::OwnedServerName;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::body::discard;
use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::parameters::{InPath, InQuery};
use crate::server::entrance::Entrance;
use crate::server::record::RequestRecord;

/// The parameters of an upload.
#[derive(Deserialize)]
pub struct Parameters {
    filename: Option<String>,
}

/// `POST /_matrix/media/v3/upload`. The body goes to the disk as it comes.
pub async fn upload(
    State(media): State<Media>,
    State(entrance): State<Entrance>,
    Extension(record): Extension<Arc<RequestRecord>>,
    session: Session,
    InQuery(parameters): InQuery<Parameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    entrance.check_request(&record)?;
    if let Err(error) = check_length(&media, &session, &headers).await {
        discard(&headers, body).await;
        return Err(error);
    }
    let about = about(&headers, parameters);
    let uri = media
        .upload(&session.user_id, about, body.into_data_stream())
        .await?;
    Ok(Json(json!({ "content_uri": uri })))
}

/// `PUT /_matrix/media/v3/upload/{serverName}/{mediaId}`
#[expect(clippy::too_many_arguments, reason = "each is a part of the request")]
pub async fn upload_reserved(
    State(media): State<Media>,
    State(entrance): State<Entrance>,
    Extension(record): Extension<Arc<RequestRecord>>,
    session: Session,
    InPath((origin, id)): InPath<(OwnedServerName, String)>,
    InQuery(parameters): InQuery<Parameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    entrance.check_request(&record)?;
    if let Err(error) = check_length(&media, &session, &headers).await {
        discard(&headers, body).await;
        return Err(error);
    }
    let about = about(&headers, parameters);
    let place = (&*origin, id.as_str());
    media
        .upload_reserved(&session.user_id, place, about, body.into_data_stream())
        .await?;
    Ok(Json(json!({})))
}

/// Refuses at once what is announced as too large.
async fn check_length(
    media: &Media,
    session: &Session,
    headers: &HeaderMap,
) -> Result<(), ApiError> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    let announced = announced.and_then(|length| length.parse::<u64>().ok());
    let announced = announced.unwrap_or(0);
    Ok(media.check_announced(&session.user_id, announced).await?)
}

fn about(headers: &HeaderMap, parameters: Parameters) -> About {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    About {
        content_type: content_type.map(str::to_owned),
        file_name: parameters.filename,
    }
}
