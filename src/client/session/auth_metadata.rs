use crate::client::error::ApiError;

/// `GET /_matrix/client/v1/auth_metadata`: this server has no OAuth, which clients learn from the
/// answer (client-server, "Server metadata discovery").
pub async fn auth_metadata() -> ApiError {
    ApiError::unrecognized_path()
}
