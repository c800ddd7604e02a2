use axum::extract::State;
use causeway_users::Users;
use causeway_users::directory::Person;
use ruma::UserId;
use ruma::api::client::user_directory::search_users::v3::{Request, Response, User};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `POST /_matrix/client/v3/user_directory/search`
pub async fn search(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let limit = u32::try_from(u64::from(request.limit)).unwrap_or(u32::MAX);
    let found = users
        .search_directory(&session.user_id, &request.search_term, limit)
        .await?;
    let results = found.people.into_iter().filter_map(shown).collect();
    Ok(Answer(Response::new(results, found.limited)))
}

fn shown(person: Person) -> Option<User> {
    let mut user = User::new(UserId::parse(person.user_id).ok()?);
    user.display_name = person.display_name;
    user.avatar_url = person.avatar_url.map(Into::into);
    Some(user)
}
