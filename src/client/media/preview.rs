use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use causeway_media::Media;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::error::ApiError;
use crate::client::extract::Session;
use crate::client::parameters::InQuery;
use crate::server::entrance::Entrance;
use crate::server::record::RequestRecord;

/// The parameters of a preview.
#[derive(Deserialize)]
pub struct Parameters {
    url: String,
    /// A point in time of which the preview is wanted. A page is only known as it is now.
    #[serde(rename = "ts")]
    _ts: Option<i64>,
}

/// `GET /_matrix/client/v1/media/preview_url`, and the older `/_matrix/media/v3/preview_url`.
pub async fn preview(
    State(media): State<Media>,
    State(entrance): State<Entrance>,
    Extension(record): Extension<Arc<RequestRecord>>,
    _: Session,
    InQuery(parameters): InQuery<Parameters>,
) -> Result<Json<Box<RawValue>>, ApiError> {
    entrance.check_request(&record)?;
    let preview = media.preview(&parameters.url).await?;
    let preview = RawValue::from_string(preview.as_ref().to_owned());
    Ok(Json(preview.map_err(ApiError::internal)?))
}
