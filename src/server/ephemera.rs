//! What other servers say of the moment: who types, who is there.

use causeway_federation::Ephemera;
use causeway_sync::{State, Sync};
use futures::future::BoxFuture;
use ruma::{RoomId, UserId};

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
            if let Err(error) = self.0.set_presence(user, state, status_msg).await {
                tracing::debug!(%user, %error, "nobody is told who is there");
            }
        })
    }
}
