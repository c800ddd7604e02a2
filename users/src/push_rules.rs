//! Push rules, which are the account data `m.push_rules`. Specification: client-server API,
//! "Push Rules".

use ruma::UserId;
use ruma::push::{
    Action, InsertPushRuleError, NewPushRule, RemovePushRuleError, RuleKind, Ruleset,
};
use serde::Deserialize;
use serde_json::json;

use crate::Users;
use crate::account_data::AccountDataError;

const TYPE: &str = "m.push_rules";

/// Why push rules were not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum PushRuleError {
    /// There is no such rule.
    #[error("no such push rule")]
    NotFound,
    /// The rule cannot be put there.
    #[error(transparent)]
    Insert(#[from] InsertPushRuleError),
    /// The rule is the server's, and stays.
    #[error("a rule of the server cannot be removed")]
    ServerDefault,
    /// The account data failed.
    #[error(transparent)]
    AccountData(#[from] AccountDataError),
}

#[derive(Deserialize)]
struct Content {
    global: Ruleset,
}

/// The content of `m.push_rules` that an account begins with.
pub(crate) fn default_rules(user_id: &UserId) -> String {
    json!({ "global": Ruleset::server_default(user_id) }).to_string()
}

impl Users {
    /// The push rules of a user.
    ///
    /// # Errors
    /// The database's.
    pub async fn push_rules(&self, user_id: &UserId) -> Result<Ruleset, PushRuleError> {
        match self.account_data(user_id, None, TYPE).await {
            Ok(content) => Ok(serde_json::from_str(&content).map_or_else(
                |_| Ruleset::server_default(user_id),
                |content: Content| content.global,
            )),
            Err(AccountDataError::NotFound) => Ok(Ruleset::server_default(user_id)),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts a rule among those of its kind, in place of one with the same id. It stands before
    /// or after another one of the user's where that is asked for.
    ///
    /// # Errors
    /// [`PushRuleError::Insert`] says why not.
    pub async fn put_push_rule(
        &self,
        user_id: &UserId,
        rule: NewPushRule,
        before: Option<&str>,
        after: Option<&str>,
    ) -> Result<(), PushRuleError> {
        self.change_rules(user_id, |rules| put(rules, rule, before, after))
            .await
    }

    /// Removes a rule of the user's.
    ///
    /// # Errors
    /// [`PushRuleError::NotFound`] or [`PushRuleError::ServerDefault`].
    pub async fn delete_push_rule(
        &self,
        user_id: &UserId,
        kind: RuleKind,
        rule_id: &str,
    ) -> Result<(), PushRuleError> {
        self.change_rules(user_id, |rules| {
            rules.remove(kind, rule_id).map_err(|error| match error {
                RemovePushRuleError::ServerDefault => PushRuleError::ServerDefault,
                _ => PushRuleError::NotFound,
            })
        })
        .await
    }

    /// Says what a rule does.
    ///
    /// # Errors
    /// [`PushRuleError::NotFound`].
    pub async fn set_push_rule_actions(
        &self,
        user_id: &UserId,
        kind: RuleKind,
        rule_id: &str,
        actions: Vec<Action>,
    ) -> Result<(), PushRuleError> {
        self.change_rules(user_id, |rules| {
            rules
                .set_actions(kind, rule_id, actions)
                .map_err(|_| PushRuleError::NotFound)
        })
        .await
    }

    /// Turns a rule on or off.
    ///
    /// # Errors
    /// [`PushRuleError::NotFound`].
    pub async fn set_push_rule_enabled(
        &self,
        user_id: &UserId,
        kind: RuleKind,
        rule_id: &str,
        enabled: bool,
    ) -> Result<(), PushRuleError> {
        self.change_rules(user_id, |rules| {
            rules
                .set_enabled(kind, rule_id, enabled)
                .map_err(|_| PushRuleError::NotFound)
        })
        .await
    }

    async fn change_rules(
        &self,
        user_id: &UserId,
        change: impl FnOnce(&mut Ruleset) -> Result<(), PushRuleError>,
    ) -> Result<(), PushRuleError> {
        let _turn = self.0.in_turn.turn(user_id).await;
        let mut rules = self.push_rules(user_id).await?;
        change(&mut rules)?;
        let content = json!({ "global": rules }).to_string();
        Ok(self
            .write_account_data(user_id, None, TYPE, content)
            .await?)
    }
}

fn put(
    rules: &mut Ruleset,
    rule: NewPushRule,
    before: Option<&str>,
    after: Option<&str>,
) -> Result<(), PushRuleError> {
    let (kind, rule_id) = (rule.kind(), rule.rule_id().to_owned());
    if before == Some(&*rule_id) || after == Some(&*rule_id) {
        return Err(InsertPushRuleError::UnknownRuleId.into());
    }
    // A rule that moves is taken out first, so that its place is counted without it.
    let moves = before.is_some() || after.is_some();
    let mut was_enabled = true;
    if moves && let Some(old) = rules.get(kind.clone(), &rule_id) {
        was_enabled = old.enabled();
        // A rule of the server cannot be removed, nor replaced, which `insert` says.
        let _ = rules.remove(kind.clone(), &rule_id);
    }
    rules.insert(rule, after, before)?;
    if !was_enabled {
        rules
            .set_enabled(kind, &rule_id, false)
            .map_err(|_| PushRuleError::NotFound)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "push_rules_test.rs"]
mod push_rules_test;
