//! Push rules, which are the account data `m.push_rules`. Specification: client-server API,
//! "Push Rules".

use ruma::UserId;
use ruma::push::{
    Action, ConditionalPushRule, ConditionalPushRuleInit, EventMatchConditionData,
    InsertPushRuleError, NewPushRule, PushCondition, RemovePushRuleError, RuleKind, Ruleset,
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
    /// The user has [`MAX_OWN_RULES`] rules already.
    #[error("there are too many push rules")]
    TooMany,
    /// A pattern is longer than [`MAX_PATTERN_BYTES`].
    #[error("a pattern has at most 512 bytes")]
    LongPattern,
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

/// Rules of their own that a user may have, at most, of all kinds.
pub const MAX_OWN_RULES: usize = 500;

/// Longest pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 512;

/// The push rules that an account begins with (client-server API, "Predefined Rules"). With
/// `encrypted_events` one more, which pushes all encrypted events to clients that judge them by
/// themselves (MSC4028).
pub fn defaults(user_id: &UserId, encrypted_events: bool) -> Ruleset {
    let mut rules = Ruleset::server_default(user_id);
    if encrypted_events {
        let is_encrypted = EventMatchConditionData::new("type".into(), "m.room.encrypted".into());
        let rule = ConditionalPushRule::from(ConditionalPushRuleInit {
            actions: vec![Action::Notify],
            default: true,
            enabled: true,
            rule_id: ".org.matrix.msc4028.encrypted_event".to_owned(),
            conditions: vec![PushCondition::EventMatch(is_encrypted)],
        });
        // Right behind the rule that turns everything off.
        rules.override_.shift_insert(1, rule);
    }
    rules
}

impl Users {
    /// The push rules of a user.
    ///
    /// # Errors
    /// The database's.
    pub async fn push_rules(&self, user_id: &UserId) -> Result<Ruleset, PushRuleError> {
        let defaults = self.default_rules(user_id);
        match self.account_data(user_id, None, TYPE).await {
            Ok(content) => {
                let Ok(Content { global: mut rules }) = serde_json::from_str(&content) else {
                    return Ok(defaults);
                };
                // The default rules are those of today, with what the user changed in them.
                rules.update_with_server_default(defaults);
                Ok(rules)
            }
            Err(AccountDataError::NotFound) => Ok(defaults),
            Err(error) => Err(error.into()),
        }
    }

    /// The push rules that an account begins with.
    pub(crate) fn default_rules(&self, user_id: &UserId) -> Ruleset {
        defaults(user_id, self.settings().push_encrypted_events)
    }

    /// The same, as the content of `m.push_rules`.
    pub(crate) fn default_rules_content(&self, user_id: &UserId) -> String {
        json!({ "global": self.default_rules(user_id) }).to_string()
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
                .set_actions(kind, rule_id, meaningful(actions))
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
    let own = rules.iter().filter(|rule| !rule.is_server_default());
    if own.count() >= MAX_OWN_RULES {
        return Err(PushRuleError::TooMany);
    }
    if has_long_pattern(&rule) {
        return Err(PushRuleError::LongPattern);
    }
    let rule = with_meaningful_actions(rule);
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

/// Without the actions of older specifications, which mean nothing any more (client-server API,
/// "Historical Actions").
fn meaningful(mut actions: Vec<Action>) -> Vec<Action> {
    actions.retain(|action| {
        let action = serde_json::to_value(action).unwrap_or_default();
        action != "dont_notify" && action != "coalesce"
    });
    actions
}

fn with_meaningful_actions(mut rule: NewPushRule) -> NewPushRule {
    let actions = match &mut rule {
        NewPushRule::Override(rule) | NewPushRule::Underride(rule) => &mut rule.actions,
        NewPushRule::Content(rule) => &mut rule.actions,
        NewPushRule::Room(rule) => &mut rule.actions,
        NewPushRule::Sender(rule) => &mut rule.actions,
        _ => return rule,
    };
    *actions = meaningful(std::mem::take(actions));
    rule
}

fn has_long_pattern(rule: &NewPushRule) -> bool {
    let conditions = match rule {
        NewPushRule::Content(rule) => return rule.pattern.len() > MAX_PATTERN_BYTES,
        NewPushRule::Override(rule) | NewPushRule::Underride(rule) => &rule.conditions,
        _ => return false,
    };
    conditions.iter().any(|condition| match condition {
        PushCondition::EventMatch(data) => data.pattern.len() > MAX_PATTERN_BYTES,
        _ => false,
    })
}

#[cfg(test)]
#[path = "push_rules_test.rs"]
mod push_rules_test;
