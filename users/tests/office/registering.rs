use causeway_store::users::registration::create_token;
use causeway_users::registration::{RegisterError, RegisterWish, Registered};
use causeway_users::secret::Secret;
use causeway_users::settings::Term;
use causeway_users::shared_secret::{SharedSecretError, SharedSecretRequest};
use causeway_users::uia::UiaError;
use serde_json::json;

use crate::{auth, challenge, device, done, office, office_with, wish};

#[tokio::test]
async fn one_step_makes_an_account_and_a_second_of_that_name_is_refused() {
    let office = office().await;
    let login = office.register("Alice").await;
    assert_eq!(login.user_id, "@alice:example.org");
    assert!(office.works(&login).await);
    let again = office.users.register(wish("alice", "pw"), None).await;
    assert!(matches!(again, Err(RegisterError::Taken)));
    assert!(matches!(
        office.users.check_available("ALICE").await,
        Err(RegisterError::Taken)
    ));
    assert!(office.users.check_available("bob").await.is_ok());
}

#[tokio::test]
async fn a_session_remembers_what_was_sent_first() {
    let office = office().await;
    let mut first = wish("alice", "übers3kr1t");
    first.device = device("XYZZY");
    first.device.display_name = Some("phone".to_owned());
    let asked = challenge(office.users.register(first, None).await.unwrap());
    let dummy = auth(json!({ "type": "m.login.dummy", "session": asked.session }));
    let login = done(
        office
            .users
            .register(RegisterWish::default(), Some(&dummy))
            .await
            .unwrap(),
    );
    assert_eq!(
        (login.user_id.as_str(), login.device_id.as_str()),
        ("@alice:example.org", "XYZZY")
    );
    let shown = office
        .users
        .device(&login.user_id, &login.device_id)
        .await
        .unwrap();
    assert_eq!(shown.display_name.as_deref(), Some("phone"));
}

#[tokio::test]
async fn a_session_that_did_its_work_gives_the_same_account_again() {
    let office = office().await;
    let nameless = || RegisterWish {
        password: Some(Secret::new("pw")),
        ..RegisterWish::default()
    };
    let asked = challenge(office.users.register(nameless(), None).await.unwrap());
    let dummy = auth(json!({ "type": "m.login.dummy", "session": asked.session }));
    let first = done(
        office
            .users
            .register(nameless(), Some(&dummy))
            .await
            .unwrap(),
    );
    let second = done(
        office
            .users
            .register(nameless(), Some(&dummy))
            .await
            .unwrap(),
    );
    assert_eq!(first.user_id, second.user_id);
    assert_ne!(first.tokens.access.expose(), second.tokens.access.expose());
}

#[tokio::test]
async fn inhibit_login_begins_no_session() {
    let office = office().await;
    let quiet = RegisterWish {
        inhibit_login: true,
        ..wish("alice", "pw")
    };
    let dummy = auth(json!({ "type": "m.login.dummy" }));
    let registered = office.users.register(quiet, Some(&dummy)).await.unwrap();
    let Registered::Done {
        user_id,
        login: None,
    } = registered
    else {
        panic!("logged in")
    };
    assert!(office.users.devices(&user_id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_token_with_one_use_lets_one_in() {
    let office = office_with(|settings| settings.registration.require_token = true).await;
    assert!(
        create_token(&office.store, "ticket", Some(1), None)
            .await
            .unwrap()
    );
    assert!(
        office
            .users
            .registration_token_is_valid("ticket")
            .await
            .unwrap()
    );
    let with = |token: &str| auth(json!({ "type": "m.login.registration_token", "token": token }));
    let wrong = office
        .users
        .register(wish("alice", "pw"), Some(&with("other")))
        .await
        .unwrap();
    assert_eq!(challenge(wrong).errcode, Some("M_FORBIDDEN"));
    done(
        office
            .users
            .register(wish("alice", "pw"), Some(&with("ticket")))
            .await
            .unwrap(),
    );
    assert!(
        !office
            .users
            .registration_token_is_valid("ticket")
            .await
            .unwrap()
    );
    let spent = office
        .users
        .register(wish("bob", "pw"), Some(&with("ticket")))
        .await
        .unwrap();
    assert_eq!(challenge(spent).errcode, Some("M_FORBIDDEN"));
}

#[tokio::test]
async fn two_who_pay_with_the_last_use_at_once_get_one_account() {
    let office = office_with(|settings| settings.registration.require_token = true).await;
    create_token(&office.store, "ticket", Some(1), None)
        .await
        .unwrap();
    let ticket = auth(json!({ "type": "m.login.registration_token", "token": "ticket" }));
    let (one, two) = tokio::join!(
        office.users.register(wish("alice", "pw"), Some(&ticket)),
        office.users.register(wish("bob", "pw"), Some(&ticket)),
    );
    let made = [&one, &two]
        .iter()
        .filter(|made| matches!(made, Ok(Registered::Done { .. })))
        .count();
    assert_eq!(made, 1, "{one:?} {two:?}");
}

#[tokio::test]
async fn terms_are_shown_and_agreed_to_after_the_token() {
    let office = office_with(|settings| {
        settings.registration.require_token = true;
        settings.registration.terms = vec![Term {
            id: "privacy_policy".to_owned(),
            version: "1.2".to_owned(),
            language: "en".to_owned(),
            name: "Privacy".to_owned(),
            url: "https://example.org/privacy".to_owned(),
        }];
    })
    .await;
    create_token(&office.store, "ticket", None, None)
        .await
        .unwrap();
    let asked = challenge(
        office
            .users
            .register(wish("alice", "pw"), None)
            .await
            .unwrap(),
    );
    let body = serde_json::to_value(&asked).unwrap();
    assert_eq!(
        body["params"]["m.login.terms"]["policies"]["privacy_policy"]["en"]["name"],
        "Privacy"
    );
    let session = &asked.session;
    let ticket = auth(
        json!({ "type": "m.login.registration_token", "token": "ticket", "session": session }),
    );
    let next = challenge(
        office
            .users
            .register(wish("alice", "pw"), Some(&ticket))
            .await
            .unwrap(),
    );
    assert_eq!(next.completed, ["m.login.registration_token"]);
    let terms = auth(json!({ "type": "m.login.terms", "session": session }));
    done(
        office
            .users
            .register(wish("alice", "pw"), Some(&terms))
            .await
            .unwrap(),
    );
}

#[tokio::test]
async fn a_session_expires_and_serves_nothing_else() {
    let office = office().await;
    let asked = challenge(
        office
            .users
            .register(wish("alice", "pw"), None)
            .await
            .unwrap(),
    );
    let dummy = auth(json!({ "type": "m.login.dummy", "session": asked.session }));
    office.clock.advance_ms(900_001);
    let late = challenge(
        office
            .users
            .register(wish("alice", "pw"), Some(&dummy))
            .await
            .unwrap(),
    );
    assert_ne!(late.session, asked.session);
    assert_eq!(late.errcode, Some("M_UNKNOWN"));
}

#[tokio::test]
async fn closed_means_closed_and_guests_only_where_they_are_let_in() {
    let office = office_with(|settings| settings.registration = Default::default()).await;
    let refused = office.users.register(wish("alice", "pw"), None).await;
    assert!(matches!(refused, Err(RegisterError::Closed)));
    assert!(matches!(
        office.users.register_guest(None).await,
        Err(RegisterError::Closed)
    ));
    let office = crate::office().await;
    let guest = office.users.register_guest(None).await.unwrap();
    let session = office
        .users
        .authenticate(guest.tokens.access.expose(), crate::IP.into())
        .await
        .unwrap();
    assert!(session.is_guest);
}

#[tokio::test]
async fn the_shared_secret_makes_administrators_and_its_nonce_works_once() {
    let secret = Some(Secret::new("reg_secret"));
    let office = office_with(|settings| settings.registration.shared_secret = secret).await;
    let wrong = SharedSecretRequest {
        nonce: office.users.shared_secret_nonce().await.unwrap(),
        username: "root".to_owned(),
        password: Secret::new("pw"),
        admin: true,
        user_type: None,
        mac: "0".repeat(40),
    };
    let refused = office.users.register_with_secret(wrong.clone()).await;
    assert!(matches!(refused, Err(SharedSecretError::BadMac)));
    let refused = office.users.register_with_secret(wrong).await;
    assert!(matches!(refused, Err(SharedSecretError::BadNonce)));
}

#[tokio::test]
async fn a_registration_session_is_no_good_for_somebody_who_is_logged_in() {
    use causeway_users::uia::{Flows, Purpose, Stage};
    let office = office().await;
    let alice = office.register("alice").await;
    let asked = challenge(
        office
            .users
            .register(wish("bob", "pw"), None)
            .await
            .unwrap(),
    );
    let purpose = Purpose {
        action: "deactivate",
        user_id: Some(&alice.user_id),
        flows: Flows::one([Stage::Password]),
        request: json!({}),
    };
    let other = auth(json!({ "session": asked.session }));
    let refused = office.users.authenticate_for(purpose, Some(&other)).await;
    assert!(matches!(refused, Err(UiaError::OtherPurpose)));
}
