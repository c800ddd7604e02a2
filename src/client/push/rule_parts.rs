use axum::extract::State;
use causeway_users::Users;
use causeway_users::push_rules::PushRuleError;
use ruma::api::client::push::{
    get_pushrule_actions, get_pushrule_enabled, set_pushrule_actions, set_pushrule_enabled,
};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions`
pub async fn actions(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<get_pushrule_actions::v3::Request>,
) -> Result<Answer<get_pushrule_actions::v3::Response>, ApiError> {
    let rules = users.push_rules(&session.user_id).await?;
    let rule = rules
        .get(request.kind, &request.rule_id)
        .ok_or(PushRuleError::NotFound)?;
    Ok(Answer(get_pushrule_actions::v3::Response::new(
        rule.actions().to_vec(),
    )))
}

/// `PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions`
pub async fn set_actions(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<set_pushrule_actions::v3::Request>,
) -> Result<Answer<set_pushrule_actions::v3::Response>, ApiError> {
    let (kind, rule_id) = (request.kind, &request.rule_id);
    users
        .set_push_rule_actions(&session.user_id, kind, rule_id, request.actions)
        .await?;
    Ok(Answer(set_pushrule_actions::v3::Response::new()))
}

/// `GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled`
pub async fn enabled(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<get_pushrule_enabled::v3::Request>,
) -> Result<Answer<get_pushrule_enabled::v3::Response>, ApiError> {
    let rules = users.push_rules(&session.user_id).await?;
    let rule = rules
        .get(request.kind, &request.rule_id)
        .ok_or(PushRuleError::NotFound)?;
    Ok(Answer(get_pushrule_enabled::v3::Response::new(
        rule.enabled(),
    )))
}

/// `PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled`
pub async fn set_enabled(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<set_pushrule_enabled::v3::Request>,
) -> Result<Answer<set_pushrule_enabled::v3::Response>, ApiError> {
    let (kind, rule_id) = (request.kind, &request.rule_id);
    users
        .set_push_rule_enabled(&session.user_id, kind, rule_id, request.enabled)
        .await?;
    Ok(Answer(set_pushrule_enabled::v3::Response::new()))
}
