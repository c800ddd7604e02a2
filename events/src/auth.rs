//! Authorisation (rooms, Authorization rules): may this event stand after this state?

mod ordinary;

use ruma::events::{StateEventType, TimelineEventType};
use ruma::state_res::{
    auth_types_for_event, check_state_dependent_auth_rules, check_state_independent_auth_rules,
};
use ruma::{EventId, UserId};
use serde_json::value::RawValue;

use crate::pdu::Pdu;
use crate::version::RoomVersion;

/// The event is not allowed, and why, in words for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct AuthError {
    /// The rule that was broken.
    pub reason: String,
}

impl From<String> for AuthError {
    fn from(reason: String) -> Self {
        Self { reason }
    }
}

/// Which entries of the room's state an event must name in `auth_events`, as (type, state key),
/// where the room has them (server-server, Auth events selection). The create event is not among
/// them in versions where the room id stands for it.
pub fn auth_types(
    version: RoomVersion,
    event_type: &str,
    sender: &UserId,
    state_key: Option<&str>,
    content: &RawValue,
) -> Result<Vec<(String, String)>, AuthError> {
    match event_type {
        "m.room.create" => Ok(Vec::new()),
        "m.room.member" => Ok(auth_types_for_event(
            &TimelineEventType::RoomMember,
            sender,
            state_key,
            content,
            &version.rules().authorization,
        )?
        .into_iter()
        .map(|(event_type, state_key)| (event_type.to_string(), state_key))
        .collect()),
        _ => {
            let mut types = Vec::with_capacity(3);
            types.push(("m.room.power_levels".to_owned(), String::new()));
            types.push(("m.room.member".to_owned(), sender.to_string()));
            if !version.room_id_is_create_hash() {
                types.push(("m.room.create".to_owned(), String::new()));
            }
            Ok(types)
        }
    }
}

/// Whether the event is allowed after `state`, which is asked for single entries by type and
/// state key. Own events pass it once, with the state before them; received ones up to three
/// times (server-server, Checks performed on receipt of a PDU, 4 to 6), after
/// [`check_auth_events`].
pub fn authorise(
    version: RoomVersion,
    pdu: &Pdu,
    state: impl Fn(&str, &str) -> Option<Pdu>,
) -> Result<(), AuthError> {
    if let Some(verdict) = ordinary::verdict(version, pdu, &state) {
        return verdict;
    }
    authorise_by_ruma(version, pdu, state)
}

/// [`authorise`] without its short way for ordinary events: the measure for that one.
pub fn authorise_by_ruma(
    version: RoomVersion,
    pdu: &Pdu,
    state: impl Fn(&str, &str) -> Option<Pdu>,
) -> Result<(), AuthError> {
    let rules = &version.rules().authorization;
    if pdu.event_type() == "m.room.create" {
        check_create(version, pdu)?;
    }
    let fetch = |event_type: &StateEventType, state_key: &str| {
        state(&event_type.to_string(), state_key).filter(|event| !event.is_rejected())
    };
    Ok(check_state_dependent_auth_rules(rules, pdu, fetch)?)
}

/// The part of the rules that needs no state: the create event itself, and whether `auth_events`
/// names what it may name, all of one room, none rejected, none twice. `find` gives events by id
/// (for version 12 also the create event, which `auth_events` does not name).
pub fn check_auth_events(
    version: RoomVersion,
    pdu: &Pdu,
    find: impl Fn(&EventId) -> Option<Pdu>,
) -> Result<(), AuthError> {
    if pdu.event_type() == "m.room.create" {
        check_create(version, pdu)?;
    }
    check_state_independent_auth_rules(&version.rules().authorization, pdu, find)?;
    Ok(())
}

fn check_create(version: RoomVersion, pdu: &Pdu) -> Result<(), AuthError> {
    #[derive(serde::Deserialize)]
    struct Content {
        #[serde(default = "one")]
        room_version: String,
    }
    fn one() -> String {
        "1".to_owned()
    }
    if pdu.state_key() != Some("") {
        return Err(AuthError {
            reason: "`m.room.create` must have an empty state key".into(),
        });
    }
    let content: Content = pdu.content_as().map_err(|error| error.to_string())?;
    if content.room_version != version.id().as_str() {
        return Err(AuthError {
            reason: format!(
                "`m.room.create` says room version {:?}, the room has {}",
                content.room_version,
                version.id()
            ),
        });
    }
    let none = |_: &EventId| None::<Pdu>;
    check_state_independent_auth_rules(&version.rules().authorization, pdu, none)?;
    Ok(())
}
