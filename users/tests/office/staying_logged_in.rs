use causeway_store::Position;
use causeway_store::log::Which;
use causeway_store::{Change, Log};
use causeway_users::sessions::{DeviceWish, SessionError, TokenError};
use ruma::device_id;

use crate::{IP, Office, device, office};

fn refreshable(id: &str) -> DeviceWish {
    DeviceWish {
        refresh_token: true,
        ..device(id)
    }
}

async fn position(office: &Office) -> Position {
    office.log.position()
}

#[tokio::test]
async fn an_expired_token_asks_for_a_soft_logout() {
    let office = office().await;
    let alice = office.register("alice").await;
    let login = office
        .users
        .begin_session(&alice.user_id, refreshable("R"))
        .await
        .unwrap();
    assert_eq!(login.tokens.expires_in_ms, Some(300_000));
    assert!(office.works(&login).await);
    office.clock.advance_ms(300_000);
    let expired = office
        .users
        .authenticate(login.tokens.access.expose(), IP.into())
        .await;
    assert!(matches!(expired, Err(TokenError::Expired)));
    assert!(office.works(&alice).await, "a token without an end stays");
}

#[tokio::test]
async fn the_old_tokens_work_until_the_new_ones_are_used() {
    let office = office().await;
    let alice = office.register("alice").await;
    let old = office
        .users
        .begin_session(&alice.user_id, refreshable("R"))
        .await
        .unwrap();
    let refresh = old.tokens.refresh.clone().unwrap();
    let lost = office.users.refresh(refresh.expose()).await.unwrap();
    assert!(office.works(&old).await, "the answer may have been lost");
    let new = office.users.refresh(refresh.expose()).await.unwrap();
    let lost_token = lost.access.expose();
    assert!(
        office
            .users
            .authenticate(lost_token, IP.into())
            .await
            .is_err(),
        "never used, replaced"
    );
    assert!(
        office
            .users
            .authenticate(new.access.expose(), IP.into())
            .await
            .is_ok()
    );
    assert!(!office.works(&old).await, "the new token is in use");
    let again = office.users.refresh(refresh.expose()).await;
    assert!(matches!(again, Err(SessionError::UnknownRefreshToken)));
    let next = new.refresh.unwrap();
    let third = office.users.refresh(next.expose()).await.unwrap();
    assert!(
        office
            .users
            .authenticate(third.access.expose(), IP.into())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_logout_ends_the_device_its_tokens_and_tells_the_log() {
    let office = office().await;
    let alice = office.register("alice").await;
    let other = office
        .users
        .begin_session(&alice.user_id, refreshable("R"))
        .await
        .unwrap();
    assert!(office.works(&other).await);
    let before = position(&office).await;
    office
        .users
        .logout(&alice.user_id, device_id!("R"))
        .await
        .unwrap();
    assert!(!office.works(&other).await);
    let refresh = other.tokens.refresh.unwrap();
    assert!(office.users.refresh(refresh.expose()).await.is_err());
    assert!(office.works(&alice).await);
    let ids: Vec<String> = office
        .users
        .devices(&alice.user_id)
        .await
        .unwrap()
        .into_iter()
        .map(|device| device.device_id)
        .collect();
    assert_eq!(ids, [alice.device_id.as_str()]);
    assert!(position(&office).await > before, "readers heard of it");
}

#[tokio::test]
async fn changing_the_password_ends_the_others_where_that_is_wanted() {
    let office = office().await;
    let alice = office.register("alice").await;
    let other = office
        .users
        .begin_session(&alice.user_id, device("B"))
        .await
        .unwrap();
    let keep = Some(&*alice.device_id);
    office
        .users
        .set_password(&alice.user_id, "new".to_owned().into(), false, keep)
        .await
        .unwrap();
    assert!(office.works(&other).await);
    office
        .users
        .set_password(&alice.user_id, "next".to_owned().into(), true, keep)
        .await
        .unwrap();
    assert!(!office.works(&other).await);
    assert!(office.works(&alice).await);
}

#[tokio::test]
async fn a_known_token_costs_no_query() {
    let office = office().await;
    let alice = office.register("alice").await;
    let ((), first) = causeway_store::meter::scope(async {
        assert!(office.works(&alice).await);
    })
    .await;
    assert_eq!(first.queries, 1);
    let ((), second) = causeway_store::meter::scope(async {
        assert!(office.works(&alice).await);
    })
    .await;
    assert_eq!(second.queries, 0);
}

#[tokio::test]
async fn a_session_that_ended_elsewhere_is_forgotten_here() {
    let office = office().await;
    let alice = office.register("alice").await;
    assert!(office.works(&alice).await);
    let which = Which::These(vec![alice.device_id.clone()]);
    let (other_node, _) = Log::start(&office.store).await.unwrap();
    let gone = Change::DevicesGone {
        user: alice.user_id.clone(),
        which: which.clone(),
    };
    other_node.append(gone).await.unwrap();
    assert!(office.works(&alice).await, "nobody told this node");
    office.users.sessions_ended(&alice.user_id, &which);
    assert!(!office.works(&alice).await);
}

#[tokio::test]
async fn when_a_device_was_seen_is_known_at_once_and_written_later() {
    let office = office().await;
    let alice = office.register("alice").await;
    assert!(office.works(&alice).await);
    let seen = |office: &Office| {
        let (users, alice) = (office.users.clone(), alice.clone());
        async move {
            users
                .device(&alice.user_id, &alice.device_id)
                .await
                .unwrap()
        }
    };
    assert_eq!(seen(&office).await.last_seen_at, Some(crate::START_MS));
    office.users.flush_seen().await.unwrap();
    let written = seen(&office).await;
    assert_eq!(written.last_seen_at, Some(crate::START_MS));
    assert_eq!(written.last_seen_ip.as_deref(), Some("192.0.2.1"));
    office.clock.advance_ms(30_000);
    assert!(office.works(&alice).await);
    assert_eq!(
        seen(&office).await.last_seen_at,
        Some(crate::START_MS),
        "not every request"
    );
    office.clock.advance_ms(30_000);
    assert!(office.works(&alice).await);
    assert_eq!(
        seen(&office).await.last_seen_at,
        Some(crate::START_MS + 60_000)
    );
}

#[tokio::test]
async fn device_ids_have_limits() {
    let office = office().await;
    let alice = office.register("alice").await;
    for id in ["", &"x".repeat(513), "a\0b"] {
        let refused = office.users.begin_session(&alice.user_id, device(id)).await;
        assert!(matches!(refused, Err(SessionError::BadDevice)), "{id:?}");
    }
}
