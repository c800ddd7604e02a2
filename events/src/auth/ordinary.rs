//! The rules for events that are no part of the rules themselves: messages, topics, reactions.
//! They are nearly all that is sent, so what they are held against is read once per event of the
//! state, not once per message.

use serde::Deserialize;

use super::AuthError;
use crate::membership::Membership;
use crate::pdu::Pdu;
use crate::power::{Level, PowerLevels};
use crate::version::RoomVersion;

/// Whether the event is allowed; `None` if that is not as simple: a type with rules of its own,
/// or something in the state that cannot be read.
pub(super) fn verdict(
    version: RoomVersion,
    pdu: &Pdu,
    state: impl Fn(&str, &str) -> Option<Pdu>,
) -> Option<Result<(), AuthError>> {
    let rules = &version.rules().authorization;
    match pdu.event_type() {
        "m.room.create" | "m.room.member" | "m.room.power_levels" | "m.room.third_party_invite" => {
            return None;
        }
        "m.room.aliases" if rules.special_case_room_aliases => return None,
        "m.room.redaction" if rules.special_case_room_redaction => return None,
        _ => {}
    }
    let create = state("m.room.create", "").filter(|create| !create.is_rejected())?;
    let sender = pdu.sender();
    if !federates(&create)? && create.sender().server_name() != sender.server_name() {
        return refuse("the room is closed to other servers");
    }
    let member = state("m.room.member", sender.as_str()).filter(|member| !member.is_rejected());
    let membership = match &member {
        Some(member) => Membership::of(member)?,
        None => Membership::Leave,
    };
    if membership != Membership::Join {
        return refuse("the sender has not joined the room");
    }
    let levels = state("m.room.power_levels", "").filter(|levels| !levels.is_rejected());
    let power = PowerLevels::read(version, Some(&create), levels.as_ref());
    if power.is_malformed() || power.creators().is_empty() {
        return None;
    }
    let needed = power.for_event(pdu.event_type(), pdu.state_key().is_some());
    let has = power.user(sender);
    if !has.reaches(needed) {
        let has = if let Level::Int(level) = has {
            level
        } else {
            0
        };
        return refuse(format!(
            "sending `{}` takes power {needed}, the sender has {has}",
            pdu.event_type()
        ));
    }
    if pdu
        .state_key()
        .is_some_and(|key| key.starts_with('@') && key != sender.as_str())
    {
        return refuse("the state key is the id of another user");
    }
    Some(Ok(()))
}

fn refuse(reason: impl Into<String>) -> Option<Result<(), AuthError>> {
    Some(Err(AuthError {
        reason: reason.into(),
    }))
}

/// `m.federate` of the create event; `None` where it is no boolean.
fn federates(create: &Pdu) -> Option<bool> {
    #[derive(Deserialize)]
    struct Content {
        #[serde(rename = "m.federate")]
        federate: Option<bool>,
    }
    create
        .content_as::<Content>()
        .ok()
        .map(|content| content.federate.unwrap_or(true))
}
