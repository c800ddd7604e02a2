//! Memberships in rooms that nobody of this server is in.

use causeway_rooms::receive::{Outcome, OutsideMembership, ReceiveError};
use causeway_store::log::Membership;
use causeway_store::sync::{Snapshot, outside_states};
use serde_json::json;

use crate::sim::{Nid, Room, user};
use crate::stand::{OURS, Stand, add_join, expected, id_of, say, set, version};

fn invited() -> (Room, Nid) {
    let mut room = Room::new(version("11"));
    let closed = set(
        &mut room,
        &[3],
        0,
        "m.room.join_rules",
        json!({"join_rule": "invite"}),
    );
    let id = user(OURS);
    let invite = json!({"membership": "invite"});
    let invite = room
        .add(&[closed], 0, "m.room.member", Some(id.as_str()), invite)
        .unwrap();
    (room, invite)
}

fn outside(room: &Room, event: Nid) -> OutsideMembership {
    let name = json!({"type": "m.room.name", "state_key": "", "sender": user(0), "content": {"name": "Far"}});
    OutsideMembership {
        room_id: id_of(room).to_owned(),
        version: room.version,
        event: room.events[event].clone(),
        stripped: vec![serde_json::value::to_raw_value(&name).unwrap()],
    }
}

async fn membership(stand: &Stand, room: &Room) -> Option<Membership> {
    let member = stand.rooms.member(id_of(room), &user(OURS)).await.unwrap();
    member.and_then(|member| member.membership())
}

#[tokio::test]
async fn an_invite_is_told_once_and_can_be_taken() {
    let stand = Stand::open().await;
    let (mut room, invite) = invited();
    let start = stand.log.position();
    assert!(
        stand
            .rooms
            .receive_outside(outside(&room, invite))
            .await
            .unwrap()
    );
    assert!(
        !stand
            .rooms
            .receive_outside(outside(&room, invite))
            .await
            .unwrap()
    );
    assert_eq!(stand.log.position().0, start.0 + 1);
    assert_eq!(membership(&stand, &room).await, Some(Membership::Invite));
    let mut snapshot = Snapshot::open(&stand.store).await.unwrap();
    let nid = stand.nid(id_of(&room)).await;
    let told = outside_states(&mut snapshot, user(OURS).as_str(), &[nid])
        .await
        .unwrap();
    assert!(told[0].1.contains("\"Far\""), "{told:?}");
    drop(snapshot);
    let join = add_join(&mut room, &[invite], OURS);
    stand.import(&room, join).await;
    assert_eq!(membership(&stand, &room).await, Some(Membership::Join));
    assert_eq!(
        stand.current(id_of(&room)).await,
        expected(&room, &room.states[join])
    );
    let next = say(&mut room, &[join], 0, "welcome");
    assert_eq!(stand.take(&room, next).await, Outcome::Accepted);
    let late = stand.rooms.receive_outside(outside(&room, invite)).await;
    assert!(matches!(late, Err(ReceiveError::AlreadyIn)));
}

#[tokio::test]
async fn an_invite_can_be_declined_with_and_without_the_other_server() {
    let stand = Stand::open().await;
    let (mut room, invite) = invited();
    stand
        .rooms
        .receive_outside(outside(&room, invite))
        .await
        .unwrap();
    stand
        .rooms
        .leave_outside(id_of(&room), &user(OURS))
        .await
        .unwrap();
    assert_eq!(membership(&stand, &room).await, Some(Membership::Leave));
    let twice = stand.rooms.leave_outside(id_of(&room), &user(OURS)).await;
    assert!(matches!(twice, Err(ReceiveError::NotAMembership)));
    let id = user(OURS);
    let leave = json!({"membership": "leave"});
    let leave = room
        .add(&[invite], OURS, "m.room.member", Some(id.as_str()), leave)
        .unwrap();
    stand
        .rooms
        .receive_outside(outside(&room, leave))
        .await
        .unwrap();
    assert_eq!(membership(&stand, &room).await, Some(Membership::Leave));
}

#[tokio::test]
async fn only_memberships_of_our_users_come_in_this_way() {
    let stand = Stand::open().await;
    let (mut room, invite) = invited();
    for event in [0, 1, 2] {
        let refused = stand.rooms.receive_outside(outside(&room, event)).await;
        assert!(
            matches!(refused, Err(ReceiveError::NotAMembership)),
            "{event}"
        );
    }
    let mut wrong = outside(&room, invite);
    wrong.room_id = "!elsewhere:domain".try_into().unwrap();
    let refused = stand.rooms.receive_outside(wrong).await;
    assert!(matches!(refused, Err(ReceiveError::NotAMembership)));
    let hello = say(&mut room, &[invite], 0, "hello");
    assert_eq!(hello, invite + 1);
}
