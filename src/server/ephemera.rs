//! What other servers say of the moment: who types, who is there.

use causeway_federation::Ephemera;
use causeway_federation::outbox::{Outbox, Presence};
use causeway_store::Clock;
use causeway_sync::{Fleeting, State, Sync};
use futures::future::BoxFuture;
use ruma::{RoomId, ServerName, UserId};
use tokio::sync::mpsc;

/// How long somebody of another server types without saying so again, in milliseconds.
const TYPING_MS: u64 = 30_000;

/// Tells it to those who wait in this process.
pub struct Moment(pub Sync);

impl Ephemera for Moment {
    fn typing<'a>(
        &'a self,
        room: &'a RoomId,
        user: &'a UserId,
        is_typing: bool,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let until = is_typing.then_some(TYPING_MS);
            if let Err(error) = self.0.set_typing(room, user, until).await {
                tracing::debug!(%room, %user, %error, "nobody is told who types");
            }
        })
    }

    fn presence<'a>(
        &'a self,
        user: &'a UserId,
        state: &'a str,
        status_msg: Option<String>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let state = State::from_word(state);
            if let Err(error) = self.0.hear_presence(user, state, status_msg).await {
                tracing::debug!(%user, %error, "nobody is told who is there");
            }
        })
    }
}

/// Tells other servers of what users of this one do, until there is nothing more.
pub async fn let_out(
    mut fleeting: mpsc::Receiver<Fleeting>,
    outbox: Outbox,
    ours: &ServerName,
    clock: Clock,
) {
    while let Some(moment) = fleeting.recv().await {
        match moment {
            Fleeting::Typing {
                room,
                user,
                is_typing,
            } if user.server_name() == ours => outbox.tell_typing(room, user, is_typing),
            Fleeting::Presence { user, presence } if user.server_name() == ours => {
                let now_ms = clock.now_ms();
                let told = Presence {
                    presence: presence.state.as_str(),
                    is_active: presence.is_currently_active(now_ms),
                    last_active_ms: presence.last_active_ms,
                    status_msg: presence.status_msg,
                };
                outbox.tell_presence(user, told);
            }
            // Of users of others, their servers tell.
            Fleeting::Typing { .. } | Fleeting::Presence { .. } => {}
        }
    }
}
