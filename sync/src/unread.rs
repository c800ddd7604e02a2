//! What is unread, where memory does not know it.

use causeway_store::push;

use crate::answer::Answer;
use crate::engine::{Inner, SyncError, SyncRequest};
use crate::hub::Unread;

/// Asks the database for the counts of rooms that memory does not know. One query, or none.
pub(crate) async fn ask(
    inner: &Inner,
    request: &SyncRequest,
    answer: &mut Answer,
) -> Result<(), SyncError> {
    let user = &request.user_id;
    let asked = answer
        .joined
        .iter()
        .filter(|room| room.unread == Unread::Ask);
    let pairs: Vec<_> = asked.map(|room| (room.nid, user.as_str())).collect();
    if pairs.is_empty() {
        return Ok(());
    }
    // Boxed: it is not to weigh on those who wait.
    let mut found = Box::pin(push::counts(&inner.store, &pairs)).await?;
    let told = answer.next.counted().0;
    let mut hub = inner.hub.lock();
    for room in answer
        .joined
        .iter_mut()
        .filter(|room| room.unread == Unread::Ask)
    {
        let counts = found
            .rooms
            .remove(&(user.to_string(), room.nid))
            .unwrap_or_default();
        if hub
            .rooms
            .get(&room.nid)
            .is_some_and(|it| it.online.contains(user))
        {
            hub.counts
                .put(room.nid, user, counts.clone(), found.position.0, told);
        }
        room.unread = Unread::Known(counts);
    }
    Ok(())
}
