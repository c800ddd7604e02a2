//! What the log wants to know about an event besides the event.

use causeway_events::Pdu;
use causeway_store::log::{HeadRow, MemberChange, Membership, Relation};
use ruma::{OwnedEventId, ServerName, UserId};
use serde::Deserialize;

use crate::head::membership;

/// `m.relates_to`, where the event has one that names a type and an event.
pub(crate) fn relation(pdu: &Pdu) -> Option<Relation> {
    #[derive(Deserialize)]
    struct Content {
        #[serde(rename = "m.relates_to")]
        relates_to: Option<RelatesTo>,
    }
    #[derive(Deserialize)]
    struct RelatesTo {
        rel_type: Option<String>,
        event_id: Option<OwnedEventId>,
    }
    // Most events relate to nothing: do not parse them to find that out.
    if !pdu.content_json().contains("m.relates_to") || pdu.state_key().is_some() {
        return None;
    }
    let relates_to = pdu.content_as::<Content>().ok()?.relates_to?;
    let relation = Relation {
        parent: relates_to.event_id?,
        rel_type: relates_to.rel_type?,
    };
    let is_storable = is_storable(relation.parent.as_str()) && is_storable(&relation.rel_type);
    is_storable.then_some(relation)
}

/// What a member event does; `None` for other events.
pub(crate) fn member_change(
    pdu: &Pdu,
    before: Option<Membership>,
    server: &ServerName,
) -> Option<MemberChange> {
    #[derive(Deserialize, Default)]
    struct Content {
        #[serde(default)]
        displayname: Option<serde_json::Value>,
        #[serde(default)]
        avatar_url: Option<serde_json::Value>,
    }
    if pdu.event_type() != "m.room.member" {
        return None;
    }
    let user = UserId::parse(pdu.state_key()?).ok()?;
    let content: Content = pdu.content_as().unwrap_or_default();
    let text = |value: Option<serde_json::Value>| {
        let text = value.as_ref().and_then(|v| v.as_str());
        text.filter(|text| is_storable(text)).map(str::to_owned)
    };
    Some(MemberChange {
        before,
        after: membership(pdu).unwrap_or(Membership::Leave),
        is_local: user.server_name() == server,
        display_name: text(content.displayname),
        avatar_url: text(content.avatar_url),
        user,
    })
}

/// The database keeps no text with a zero character.
fn is_storable(text: &str) -> bool {
    !text.contains('\0')
}

/// Keeps the counts of members.
pub(crate) fn count(row: &mut HeadRow, change: &MemberChange) {
    let is = |membership: Option<Membership>, what: Membership| i32::from(membership == Some(what));
    let delta = |what| is(Some(change.after), what) - is(change.before, what);
    row.joined_members += delta(Membership::Join);
    row.invited_members += delta(Membership::Invite);
}
