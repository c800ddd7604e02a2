//! Push rules, evaluated. Specification: client-server API, "Push Rules".

use std::collections::BTreeMap;
use std::sync::Arc;

use causeway_events::Pdu;
use causeway_events::client::{ClientEvent, Format, Unsigned};
use causeway_events::power::PowerLevels;
use futures::FutureExt;
use ruma::power_levels::NotificationPowerLevels;
use ruma::push::{
    Action, FlattenedJson, PredefinedOverrideRuleId, PushConditionPowerLevelsCtx,
    PushConditionRoomCtx, Ruleset,
};
use ruma::room_version_rules::RoomPowerLevelsRules;
use ruma::serde::Raw;
use ruma::{Int, OwnedUserId, UserId, user_id};
use serde::Deserialize;

/// Rules of one user that are looked at, at most; the first of each kind.
pub const MAX_RULES: usize = 1_000;

/// Longest pattern that matches anything, in bytes.
pub const MAX_PATTERN_BYTES: usize = 512;

/// The default rules of a user of this server.
pub type Defaults = Arc<dyn Fn(&UserId) -> Ruleset + Send + Sync>;

/// An event notifies somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it is to be highlighted.
    pub highlight: bool,
    /// What the rule does, as JSON.
    pub actions: Arc<str>,
}

/// An event, ready to be held against the rules of many users.
#[derive(Debug)]
pub struct Stage {
    event: FlattenedJson,
    context: PushConditionRoomCtx,
}

/// Stands for everybody who has the default rules and is not mentioned. No server is called this.
fn everybody() -> OwnedUserId {
    user_id!("@everybody:invalid").to_owned()
}

impl Stage {
    /// Prepares an event of a room with `joined` members. Without `levels` nobody may notify the
    /// whole room.
    pub fn new(pdu: &Pdu, joined: u32, levels: Option<&PowerLevels>) -> Self {
        let client = ClientEvent::new(pdu).to_json(Format::Full, &Unsigned::default());
        let event = Raw::<serde_json::Value>::from_json_string(client)
            .unwrap_or_else(|_| Raw::from_json(serde_json::value::RawValue::NULL.to_owned()));
        let context = PushConditionRoomCtx::new(
            pdu.room_id().to_owned(),
            joined.into(),
            everybody(),
            String::new(),
        );
        let context = match levels {
            Some(levels) => context.with_power_levels(who_may_notify(pdu.sender(), levels)),
            None => context,
        };
        Self {
            event: FlattenedJson::from_raw(&event),
            context,
        }
    }

    /// What the event means to a user with these rules. `None` if it does not notify them.
    pub fn outcome(
        &mut self,
        rules: &Ruleset,
        user: &UserId,
        display_name: Option<&str>,
    ) -> Option<Outcome> {
        self.context.user_id = user.to_owned();
        self.context.user_display_name = display_name.unwrap_or_default().to_owned();
        let rule = rules.iter().take(MAX_RULES).find(|rule| {
            // No condition waits for anything.
            let applies = rule.applies(&self.event, &self.context);
            applies.now_or_never().unwrap_or(false)
        })?;
        outcome_of(rule.actions())
    }

    /// What the event means to everybody with default rules who is not addressed by name.
    pub fn outcome_for_everybody(&mut self, rules: &Ruleset) -> Option<Outcome> {
        self.outcome(rules, &everybody(), None)
    }
}

fn outcome_of(actions: &[Action]) -> Option<Outcome> {
    if !actions.iter().any(Action::should_notify) {
        return None;
    }
    Some(Outcome {
        highlight: actions.iter().any(Action::is_highlight),
        actions: serde_json::to_string(actions)
            .unwrap_or_else(|_| r#"["notify"]"#.to_owned())
            .into(),
    })
}

/// Ruma compares the sender's power with the room's demand: both are worked out here already, by
/// the same rules that let the sender write.
fn who_may_notify(sender: &UserId, levels: &PowerLevels) -> PushConditionPowerLevelsCtx {
    let may = levels.user(sender).reaches(levels.notification("room"));
    let mut needed = NotificationPowerLevels::new();
    needed.room = Int::from(1_u8);
    let power = BTreeMap::from([(sender.to_owned(), Int::from(u8::from(may)))]);
    let rules = ruma::RoomVersionId::V11.rules().map(|rules| {
        RoomPowerLevelsRules::new(&rules.authorization, std::iter::empty::<OwnedUserId>())
    });
    let rules = rules.expect("ruma knows room version 11");
    PushConditionPowerLevelsCtx::new(power, Int::from(0_u8), needed, rules)
}

/// The default rules without those that name the user.
pub fn for_everybody(defaults: &Defaults) -> Ruleset {
    let mut rules = defaults(&everybody());
    for named in [
        PredefinedOverrideRuleId::InviteForMe,
        PredefinedOverrideRuleId::IsUserMention,
    ] {
        rules.override_.shift_remove(named.as_str());
    }
    rules
}

#[derive(Deserialize)]
struct Content {
    global: Ruleset,
}

/// The rules that a user's `m.push_rules` holds, with the default rules of today in them. Patterns
/// that are too long match nothing.
pub fn read(content: &str, user: &UserId, defaults: &Defaults) -> Ruleset {
    let Ok(Content { global: mut rules }) = serde_json::from_str(content) else {
        return defaults(user);
    };
    rules.update_with_server_default(defaults(user));
    rules
        .content
        .retain(|rule| rule.pattern.len() <= MAX_PATTERN_BYTES);
    let is_short = |rule: &ruma::push::ConditionalPushRule| {
        rule.conditions.iter().all(|condition| match condition {
            ruma::push::PushCondition::EventMatch(data) => data.pattern.len() <= MAX_PATTERN_BYTES,
            _ => true,
        })
    };
    rules.override_.retain(is_short);
    rules.underride.retain(is_short);
    rules
}

/// Whether a user's `m.push_rules` says nothing but the default rules.
pub fn are_default(content: &str, user: &UserId, defaults: &Defaults) -> bool {
    let value = |rules: &Ruleset| serde_json::to_value(rules).ok();
    serde_json::from_str::<Content>(content)
        .is_ok_and(|content| value(&content.global) == value(&defaults(user)))
}

#[cfg(test)]
#[path = "rules_test.rs"]
mod rules_test;
