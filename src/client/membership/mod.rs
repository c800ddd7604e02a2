//! Who is in a room: joining, leaving, inviting, removing.

mod ban;
mod elsewhere;
mod forget;
mod invite;
mod join;
mod join_by_id;
mod kick;
mod knock;
mod leave;
mod unban;

use causeway_rooms::actions::ChangeMember;
use ruma::{OwnedRoomId, OwnedUserId};

use super::extract::Session;

pub use ban::ban;
pub use forget::forget;
pub use invite::{invite, invite_addresses};
pub use join::join;
pub use join_by_id::join_by_id;
pub use kick::kick;
pub use knock::knock;
pub use leave::leave;
pub use unban::unban;

/// What a user asks for who invites, removes or bans another one, or lifts a ban.
fn change(
    session: Session,
    room: OwnedRoomId,
    target: OwnedUserId,
    reason: Option<String>,
) -> ChangeMember {
    ChangeMember {
        room,
        sender: session.user_id,
        target,
        reason,
    }
}
