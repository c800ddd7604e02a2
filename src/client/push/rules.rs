use axum::Json;
use axum::extract::{Path, State};
use causeway_users::Users;
use causeway_users::push_rules::PushRuleError;
use ruma::api::client::push::{
    delete_pushrule, get_pushrule, get_pushrules_all, get_pushrules_global_scope, set_pushrule,
};
use ruma::push::RuleKind;
use serde_json::Value;

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `GET /_matrix/client/v3/pushrules/`
pub async fn all(
    State(users): State<Users>,
    session: Session,
    _: Ruma<get_pushrules_all::v3::Request>,
) -> Result<Answer<get_pushrules_all::v3::Response>, ApiError> {
    let rules = users.push_rules(&session.user_id).await?;
    Ok(Answer(get_pushrules_all::v3::Response::new(rules)))
}

/// `GET /_matrix/client/v3/pushrules/global/`
pub async fn global(
    State(users): State<Users>,
    session: Session,
    _: Ruma<get_pushrules_global_scope::v3::Request>,
) -> Result<Answer<get_pushrules_global_scope::v3::Response>, ApiError> {
    let rules = users.push_rules(&session.user_id).await?;
    Ok(Answer(get_pushrules_global_scope::v3::Response::new(rules)))
}

/// `GET /_matrix/client/v3/pushrules/global/{kind}/`: the rules of one kind, which the specification
/// once had and clients still ask for.
pub async fn kind(
    State(users): State<Users>,
    session: Session,
    Path(kind): Path<RuleKind>,
) -> Result<Json<Value>, ApiError> {
    let rules = users.push_rules(&session.user_id).await?;
    let mut rules = serde_json::to_value(rules).map_err(ApiError::internal)?;
    match rules.get_mut(kind.as_str()) {
        Some(of_kind) => Ok(Json(of_kind.take())),
        None => Err(no_such_place()),
    }
}

/// Whatever else is asked of push rules: a scope, a kind or an attribute that there is not.
pub async fn elsewhere(_: Session) -> ApiError {
    no_such_place()
}

fn no_such_place() -> ApiError {
    ApiError::invalid_param("There are no push rules at this place")
}

/// `GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}`
pub async fn get(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<get_pushrule::v3::Request>,
) -> Result<Answer<get_pushrule::v3::Response>, ApiError> {
    let rules = users.push_rules(&session.user_id).await?;
    let rule = rules
        .get(request.kind, &request.rule_id)
        .ok_or(PushRuleError::NotFound)?;
    Ok(Answer(get_pushrule::v3::Response::new(rule.into())))
}

/// `PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}`
pub async fn put(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<set_pushrule::v3::Request>,
) -> Result<Answer<set_pushrule::v3::Response>, ApiError> {
    let (before, after) = (request.before.as_deref(), request.after.as_deref());
    users
        .put_push_rule(&session.user_id, request.rule, before, after)
        .await?;
    Ok(Answer(set_pushrule::v3::Response::new()))
}

/// `DELETE /_matrix/client/v3/pushrules/global/{kind}/{ruleId}`
pub async fn delete(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<delete_pushrule::v3::Request>,
) -> Result<Answer<delete_pushrule::v3::Response>, ApiError> {
    users
        .delete_push_rule(&session.user_id, request.kind, &request.rule_id)
        .await?;
    Ok(Answer(delete_pushrule::v3::Response::new()))
}
