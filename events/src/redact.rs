//! Redaction (rooms, Redactions): what remains of an event whose content is taken away.

use ruma::CanonicalJsonObject;
use ruma::canonical_json::{redact_content_in_place, redact_in_place};

use crate::pdu::Pdu;
use crate::version::RoomVersion;

/// The event with everything removed that its room version does not keep. Its id stays, and so
/// do its signatures valid.
pub fn redact(version: RoomVersion, pdu: &Pdu) -> Pdu {
    let mut object = pdu.to_object();
    let redacted = redact_object(version, &mut object)
        .ok()
        .and_then(|()| serde_json::to_string(&object).ok())
        .and_then(|json| Pdu::from_stored(version, pdu.owned_event_id().clone(), json).ok());
    redacted
        .expect("redaction keeps every field that makes an event well-formed")
        .with_rejected(pdu.is_rejected())
}

/// Redacts a whole event in place.
pub(crate) fn redact_object(
    version: RoomVersion,
    object: &mut CanonicalJsonObject,
) -> Result<(), String> {
    redact_in_place(object, &version.rules().redaction, None).map_err(|error| error.to_string())
}

/// Whether redaction empties the content of events of this type, in every version.
pub(crate) fn is_emptied(event_type: &str) -> bool {
    !matches!(
        event_type,
        "m.room.member"
            | "m.room.create"
            | "m.room.join_rules"
            | "m.room.power_levels"
            | "m.room.history_visibility"
            | "m.room.redaction"
            | "m.room.aliases"
            | "m.room.server_acl"
    )
}

/// Appends what redaction leaves of a content, as canonical JSON.
pub(crate) fn write_redacted_content(
    version: RoomVersion,
    event_type: &str,
    content: &str,
    out: &mut Vec<u8>,
) -> Result<(), serde_json::Error> {
    if is_emptied(event_type) {
        out.extend_from_slice(b"{}");
        return Ok(());
    }
    let mut object: CanonicalJsonObject = serde_json::from_str(content)?;
    redact_content_in_place(&mut object, &version.rules().redaction, event_type);
    serde_json::to_writer(out, &object)
}
