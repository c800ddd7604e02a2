//! What other servers ask of our rooms.

use causeway_events::Pdu;
use causeway_rooms::receive::Outcome;
use causeway_rooms::serve::{Asked, ServeError};
use causeway_store::log::Membership;
use causeway_store::meter;
use causeway_store::timeline::Direction;
use ruma::{OwnedServerName, RoomVersionId, ServerName, server_name};
use serde_json::{Value, json};

use crate::sim::{Nid, Room, user};
use crate::stand::{OURS, Stand, add_join, id_of, joined, say, set};

fn domain() -> &'static ServerName {
    server_name!("domain")
}

fn ids(pdus: &[Pdu]) -> Vec<String> {
    let mut ids: Vec<String> = pdus.iter().map(|pdu| pdu.event_id().to_string()).collect();
    ids.sort_unstable();
    ids
}

fn named(room: &Room, nids: impl IntoIterator<Item = Nid>) -> Vec<String> {
    let mut ids: Vec<String> = nids
        .into_iter()
        .map(|n| room.events[n].event_id().to_string())
        .collect();
    ids.sort_unstable();
    ids
}

/// Completes a template as its user's server does.
fn sign(room: &Room, event: &Value) -> Pdu {
    let object = event.to_string();
    let mut object = serde_json::from_str(&object).unwrap();
    let rules = &room.version.rules().redaction;
    let name = room.key.server_name().as_str();
    ruma::signatures::hash_and_sign_event(name, room.key.pair(), &mut object, rules).unwrap();
    let json = serde_json::to_string(&object).unwrap();
    Pdu::from_stranger(room.version, &json).unwrap()
}

fn asked(event: Pdu, membership: Membership) -> Asked {
    Asked {
        event,
        membership,
        origin: domain().to_owned(),
        omits_members: false,
    }
}

/// A chain is what walking from the state gives.
fn check_chain(room: &Room, at: Nid, given: &[Pdu]) {
    let chain = room.walked_chain(room.states[at].values().copied());
    let (mut expected, mut given) = (named(room, chain), ids(given));
    if room.version.room_id_is_create_hash() {
        // There the create event authorises everything without being named.
        let create = room.events[0].event_id().to_string();
        given.retain(|id| *id != create);
        expected.retain(|id| *id != create);
    }
    assert_eq!(given, expected);
}

#[tokio::test]
async fn a_user_of_another_server_joins_and_leaves_through_us() {
    for version in ["3", "9", "11", "12"] {
        let stand = Stand::open().await;
        let (room, join) = joined(&stand, version).await;
        let room_id = id_of(&room);
        let bob = user(1);
        let none = [RoomVersionId::V1];
        let template = |membership, versions: &'static [RoomVersionId]| {
            stand
                .rooms
                .membership_template(room_id, &bob, membership, versions)
        };
        let wrong = stand
            .rooms
            .membership_template(room_id, &bob, Membership::Join, &none)
            .await;
        assert!(
            matches!(wrong, Err(ServeError::IncompatibleVersion(_))),
            "{wrong:?}"
        );
        let never = template(Membership::Leave, &[]).await;
        assert!(matches!(never, Err(ServeError::Forbidden(_))), "{never:?}");
        let template = template(Membership::Join, &[]).await.unwrap();
        let event: Value = serde_json::from_str(template.event.get()).unwrap();
        assert_eq!(event["prev_events"], json!([room.events[join].event_id()]));
        assert_eq!(event.get("signatures"), None);
        let pdu = sign(&room, &event);
        let admitted = stand
            .rooms
            .accept_membership(room_id, asked(pdu.clone(), Membership::Join))
            .await
            .unwrap();
        assert_eq!(
            ids(&admitted.state),
            named(&room, room.states[join].values().copied())
        );
        check_chain(&room, join, &admitted.auth_chain);
        let again = stand
            .rooms
            .accept_membership(room_id, asked(pdu, Membership::Join))
            .await
            .unwrap();
        assert_eq!(ids(&again.state), ids(&admitted.state));
        assert_eq!(stand.rooms.head(room_id).await.unwrap().joined_members(), 3);
        let leave = stand
            .rooms
            .membership_template(room_id, &bob, Membership::Leave, &[])
            .await;
        let leave: Value = serde_json::from_str(leave.unwrap().event.get()).unwrap();
        let leave = sign(&room, &leave);
        stand
            .rooms
            .accept_membership(room_id, asked(leave, Membership::Leave))
            .await
            .unwrap();
        assert_eq!(stand.rooms.head(room_id).await.unwrap().joined_members(), 2);
    }
}

#[tokio::test]
async fn what_is_no_join_of_the_asking_server_is_not_let_in() {
    let stand = Stand::open().await;
    let (room, _) = joined(&stand, "11").await;
    let room_id = id_of(&room);
    let template = stand
        .rooms
        .membership_template(room_id, &user(1), Membership::Join, &[])
        .await
        .unwrap();
    let event: Value = serde_json::from_str(template.event.get()).unwrap();
    let pdu = sign(&room, &event);
    let other: OwnedServerName = "elsewhere".try_into().unwrap();
    let forged = Asked {
        origin: other,
        ..asked(pdu.clone(), Membership::Join)
    };
    let refused = stand.rooms.accept_membership(room_id, forged).await;
    assert!(
        matches!(refused, Err(ServeError::Forbidden(_))),
        "{refused:?}"
    );
    let refused = stand
        .rooms
        .accept_membership(room_id, asked(pdu, Membership::Leave))
        .await;
    assert!(
        matches!(refused, Err(ServeError::BadEvent(_))),
        "{refused:?}"
    );
    let mut message = event.clone();
    message["type"] = json!("m.room.message");
    let message = sign(&room, &message);
    let refused = stand
        .rooms
        .accept_membership(room_id, asked(message, Membership::Join))
        .await;
    assert!(
        matches!(refused, Err(ServeError::BadEvent(_))),
        "{refused:?}"
    );
    let mut lost = event;
    lost["prev_events"] = json!(["$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]);
    let lost = sign(&room, &lost);
    let refused = stand
        .rooms
        .accept_membership(room_id, asked(lost, Membership::Join))
        .await;
    assert!(
        matches!(refused, Err(ServeError::Missing(_))),
        "{refused:?}"
    );
}

/// A room that forked and came together again: the forks, what follows on both, and the last event.
async fn spoken() -> (Stand, Room, [Nid; 5]) {
    let stand = Stand::open().await;
    let (mut room, join) = joined(&stand, "11").await;
    let topic = set(&mut room, &[join], 0, "m.room.topic", json!({"topic": "t"}));
    let bob = add_join(&mut room, &[join], 1);
    let both = say(&mut room, &[topic, bob], 1, "both");
    let last = say(&mut room, &[both], 0, "last");
    stand.receive(&room, &[topic, bob, both, last]).await;
    (stand, room, [join, topic, bob, both, last])
}

#[tokio::test]
async fn events_states_and_chains_are_what_the_model_has() {
    let (stand, room, [join, _, bob, both, last]) = spoken().await;
    let (id, rooms) = (id_of(&room), &stand.rooms);
    let event = |n: Nid| room.events[n].event_id();
    let (state, chain) = rooms.serve_state(id, event(last), domain()).await.unwrap();
    let before = || room.states[both].values().copied();
    assert_eq!(ids(&state), named(&room, before()));
    assert_eq!(ids(&chain), named(&room, room.walked_chain(before())));
    let (state_ids, spent) = meter::scope(rooms.serve_state_ids(id, event(last), domain())).await;
    let state_ids = state_ids.unwrap();
    assert_eq!(state_ids.state.len(), state.len());
    assert_eq!(state_ids.auth_chain.len(), chain.len());
    assert!(spent.queries <= 10, "{}", spent.queries);
    let (state, _) = rooms.serve_state(id, event(bob), domain()).await.unwrap();
    assert_eq!(
        ids(&state),
        named(&room, room.states[join].values().copied())
    );
    let chain = rooms
        .serve_auth_chain(id, event(both), domain())
        .await
        .unwrap();
    assert_eq!(
        ids(&chain),
        named(&room, room.walked_chain(room.auth_numbers(both)))
    );
}

#[tokio::test]
async fn pages_and_servers_are_what_the_model_has() {
    let (stand, room, [join, topic, bob, both, last]) = spoken().await;
    let (id, rooms) = (id_of(&room), &stand.rooms);
    let event = |n: Nid| room.events[n].event_id();
    let from = [room.events[both].owned_event_id().clone()];
    let page = rooms.serve_backfill(id, &from, 3, domain()).await.unwrap();
    assert_eq!(page[0].event_id(), event(both));
    assert_eq!(ids(&page), named(&room, [topic, bob, both]));
    let (earliest, latest) = (
        [room.events[join].owned_event_id().clone()],
        [room.events[last].owned_event_id().clone()],
    );
    let missing = rooms
        .serve_missing(id, &earliest, &latest, (10, 0), domain())
        .await
        .unwrap();
    assert_eq!(ids(&missing), named(&room, [topic, bob, both]));
    assert_eq!(
        missing.last().unwrap().event_id(),
        event(both),
        "oldest first"
    );
    let one = rooms
        .serve_missing(id, &earliest, &latest, (1, 0), domain())
        .await
        .unwrap();
    assert_eq!(ids(&one), named(&room, [both]));
    let near = rooms
        .serve_event_near(id, 0, Direction::Forward, domain())
        .await
        .unwrap();
    assert!(near.1 > 0);
    let stranger = server_name!("stranger");
    let refused = rooms.serve_event(event(last), stranger).await;
    assert!(matches!(refused, Err(ServeError::NotInRoom)), "{refused:?}");
    // Those besides ours.
    let nid = stand.nid(id).await;
    assert_eq!(rooms.other_servers(nid, 10).await.unwrap(), [domain()]);
    assert!(rooms.other_servers(nid, 0).await.unwrap().is_empty());
    let of_domain = rooms
        .rooms_of_server(domain(), causeway_store::RoomNid(0), 10)
        .await
        .unwrap();
    assert_eq!(of_domain.len(), 1);
}

#[tokio::test]
async fn what_was_said_in_private_reaches_other_servers_blank() {
    let stand = Stand::open().await;
    let (mut room, join) = joined(&stand, "10").await;
    let secret = json!({"history_visibility": "joined"});
    let closed = set(&mut room, &[join], 0, "m.room.history_visibility", secret);
    let before = say(&mut room, &[closed], 0, "before they came");
    let id = user(101);
    let elsewhere = ruma::UserId::parse("@late:elsewhere").unwrap();
    assert_ne!(id, elsewhere);
    stand.receive(&room, &[closed, before]).await;
    let template = stand
        .rooms
        .membership_template(id_of(&room), &elsewhere, Membership::Join, &[])
        .await
        .unwrap();
    let event: Value = serde_json::from_str(template.event.get()).unwrap();
    let join = sign(&room, &event);
    assert_eq!(stand.take_pdu(&join).await, Outcome::Accepted);
    let late = server_name!("elsewhere");
    let hidden = stand
        .rooms
        .serve_event(room.events[before].event_id(), late)
        .await
        .unwrap();
    assert_eq!(hidden.content_json(), "{}");
    let shown = stand
        .rooms
        .serve_event(room.events[before].event_id(), domain())
        .await
        .unwrap();
    assert!(shown.content_json().contains("before they came"));
    let page = stand
        .rooms
        .serve_backfill(id_of(&room), &[join.owned_event_id().clone()], 10, late)
        .await
        .unwrap();
    assert!(
        page.iter()
            .all(|pdu| !pdu.json().contains("before they came"))
    );
}

#[tokio::test]
async fn restricted_rooms_let_in_who_is_in_the_other_room() {
    let stand = Stand::open().await;
    let (mut room, join) = joined(&stand, "11").await;
    let allow = |other: &str| json!({"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": other}]});
    let unknown = set(
        &mut room,
        &[join],
        0,
        "m.room.join_rules",
        allow("!unknown:domain"),
    );
    let levels = json!({"users": {user(0): 100, user(OURS): 50}, "invite": 50});
    let levels = set(&mut room, &[unknown], 0, "m.room.power_levels", levels);
    stand.receive(&room, &[unknown, levels]).await;
    let bob = user(1);
    let template = || {
        stand
            .rooms
            .membership_template(id_of(&room), &bob, Membership::Join, &[])
    };
    let refused = template().await;
    assert!(
        matches!(refused, Err(ServeError::UnableToAuthorise)),
        "{refused:?}"
    );
    // The room itself as the one whose members may come.
    let own = set(
        &mut room,
        &[levels],
        0,
        "m.room.join_rules",
        allow("!room:domain"),
    );
    stand.take(&room, own).await;
    let refused = stand
        .rooms
        .membership_template(id_of(&room), &bob, Membership::Join, &[])
        .await;
    assert!(
        matches!(refused, Err(ServeError::Forbidden(_))),
        "{refused:?}"
    );
    // Who is in the room already needs nobody.
    let creator = user(0);
    let template = stand
        .rooms
        .membership_template(id_of(&room), &creator, Membership::Join, &[]);
    let event: Value = serde_json::from_str(template.await.unwrap().event.get()).unwrap();
    let authoriser = event["content"].get("join_authorised_via_users_server");
    assert_eq!(authoriser, None);
}

#[tokio::test]
async fn our_signature_stands_beside_that_of_the_other_server() {
    let (stand, room, [_, _, came, ..]) = spoken().await;
    let pdu = room.events[came].clone();
    let signed = stand.rooms.co_sign(&pdu).unwrap();
    let json: Value = serde_json::from_str(signed.json()).unwrap();
    assert!(json["signatures"]["other"].is_object() && json["signatures"]["domain"].is_object());
    assert_eq!(signed.event_id(), pdu.event_id());
}
