use axum::extract::State;
use causeway_rooms::Rooms;
use causeway_users::Users;
use ruma::api::client::account::ThirdPartyIdRemovalStatus;
use ruma::api::client::account::deactivate::v3::{Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};
use crate::client::uia;
use crate::server::entrance::Entrance;

/// `POST /_matrix/client/v3/account/deactivate`
pub async fn deactivate(
    State(users): State<Users>,
    State(entrance): State<Entrance>,
    State(rooms): State<Rooms>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let passed = uia::confirm(
        &users,
        &entrance,
        &session,
        "deactivate",
        request.auth.as_ref(),
    )
    .await?;
    let had_addresses = !users.emails_of(&session.user_id).await?.is_empty();
    users.deactivate(&session.user_id, request.erase).await?;
    users.finish_uia(&passed).await?;
    // Whoever deactivates an account closes the window at once: the rooms are left all the same.
    let leaving = tokio::spawn(async move { rooms.leave_all(&session.user_id).await });
    leaving.await.map_err(ApiError::internal)??;
    // At which identity servers addresses were bound is not known here.
    let unbound = if had_addresses {
        ThirdPartyIdRemovalStatus::NoSupport
    } else {
        ThirdPartyIdRemovalStatus::Success
    };
    Ok(Answer(Response::new(unbound)))
}
