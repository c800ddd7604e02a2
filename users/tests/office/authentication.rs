use causeway_users::login::{Credentials, LoginError};
use causeway_users::secret::Secret;
use causeway_users::uia::{Flows, Passed, Purpose, Stage, UiaError, Verdict};
use ruma::UserId;
use ruma::api::client::uiaa::AuthData;
use serde_json::{Value, json};

use crate::{Office, auth, device, office};

fn password(user: &str, password: &str) -> Credentials {
    Credentials::Password {
        user: user.to_owned(),
        password: Secret::new(password),
    }
}

#[tokio::test]
async fn localpart_whole_id_and_capitals_all_name_the_user() {
    let office = office().await;
    office.register("alice").await;
    for name in ["alice", "@alice:example.org", "Alice", "@ALICE:example.org"] {
        let login = office
            .users
            .login(password(name, "pw"), device("A"))
            .await
            .unwrap();
        assert_eq!(login.user_id, "@alice:example.org", "{name}");
    }
    for (name, secret) in [
        ("alice", "wrong"),
        ("bob", "pw"),
        ("@alice:other.org", "pw"),
        ("", "pw"),
        ("@", "pw"),
    ] {
        let refused = office
            .users
            .login(password(name, secret), device("A"))
            .await;
        assert!(matches!(refused, Err(LoginError::Wrong)), "{name}");
    }
}

#[tokio::test]
async fn logging_in_on_a_device_ends_its_earlier_session() {
    let office = office().await;
    office.register("alice").await;
    let first = office
        .users
        .login(password("alice", "pw"), device("A"))
        .await
        .unwrap();
    assert!(office.works(&first).await);
    let second = office
        .users
        .login(password("alice", "pw"), device("A"))
        .await
        .unwrap();
    assert!(!office.works(&first).await);
    assert!(office.works(&second).await);
}

#[tokio::test]
async fn a_login_token_works_once_and_not_for_long() {
    let office = office().await;
    let alice = office.register("alice").await;
    let (token, life_ms) = office
        .users
        .create_login_token(&alice.user_id)
        .await
        .unwrap();
    let with = |token: &Secret| Credentials::Token(token.clone());
    let login = office.users.login(with(&token), device("B")).await.unwrap();
    assert_eq!(login.user_id, alice.user_id);
    assert!(matches!(
        office.users.login(with(&token), device("B")).await,
        Err(LoginError::Wrong)
    ));
    let (late, _) = office
        .users
        .create_login_token(&alice.user_id)
        .await
        .unwrap();
    office.clock.advance_ms(life_ms);
    assert!(matches!(
        office.users.login(with(&late), device("B")).await,
        Err(LoginError::Wrong)
    ));
}

fn purpose<'a>(action: &'a str, user: &'a UserId) -> Purpose<'a> {
    Purpose {
        action,
        user_id: Some(user),
        flows: Flows::one([Stage::Password]),
        request: json!({}),
    }
}

async fn confirm(office: &Office, user: &UserId, action: &str, data: Option<Value>) -> Verdict {
    let purpose = purpose(action, user);
    let data: Option<AuthData> = data.map(auth);
    office
        .users
        .authenticate_for(purpose, data.as_ref())
        .await
        .unwrap()
}

fn passed(verdict: Verdict) -> Passed {
    match verdict {
        Verdict::Passed(passed) => passed,
        Verdict::Challenged(challenge) => panic!("{challenge:?}"),
    }
}

fn with_password(user: &str, password: &str, session: Option<&str>) -> Option<Value> {
    let mut data = json!({
        "type": "m.login.password",
        "identifier": { "type": "m.id.user", "user": user },
        "password": password,
    });
    if let Some(session) = session {
        data["session"] = json!(session);
    }
    Some(data)
}

#[tokio::test]
async fn a_password_confirms_its_own_user_only() {
    let office = office().await;
    let alice = office.register("alice").await;
    office.register("bob").await;
    let Verdict::Challenged(asked) = confirm(&office, &alice.user_id, "x", None).await else {
        panic!("no stage was asked for");
    };
    assert_eq!(asked.errcode, None);
    let session = Some(asked.session.as_str());
    let wrong = with_password("alice", "wrong", session);
    let Verdict::Challenged(again) = confirm(&office, &alice.user_id, "x", wrong).await else {
        panic!("passed");
    };
    assert_eq!(again.errcode, Some("M_FORBIDDEN"));
    assert_eq!(again.session, asked.session);
    assert!(again.completed.is_empty());
    let purpose = purpose("x", &alice.user_id);
    let data = with_password("bob", "pw", session).map(auth);
    let refused = office.users.authenticate_for(purpose, data.as_ref()).await;
    assert!(matches!(refused, Err(UiaError::OtherUser)));
    let done = passed(
        confirm(
            &office,
            &alice.user_id,
            "x",
            with_password("alice", "pw", session),
        )
        .await,
    );
    office.users.finish_uia(&done).await.unwrap();
    let data = Some(json!({ "session": asked.session }));
    let Verdict::Challenged(gone) = confirm(&office, &alice.user_id, "x", data).await else {
        panic!("a session served twice");
    };
    assert_ne!(gone.session, asked.session);
}

#[tokio::test]
async fn a_password_without_a_session_is_enough() {
    let office = office().await;
    let alice = office.register("alice").await;
    let data = with_password("@alice:example.org", "pw", None);
    let done = passed(confirm(&office, &alice.user_id, "x", data).await);
    assert_eq!(done.session_id, None);
}

#[tokio::test]
async fn stages_that_are_not_offered_do_not_pass() {
    let office = office().await;
    let alice = office.register("alice").await;
    for kind in ["m.login.dummy", "m.login.recaptcha", "org.example.own"] {
        let data = Some(json!({ "type": kind, "response": "x" }));
        let Verdict::Challenged(asked) = confirm(&office, &alice.user_id, "x", data).await else {
            panic!("{kind} passed");
        };
        assert_eq!(asked.errcode, Some("M_UNRECOGNIZED"));
    }
}

#[tokio::test]
async fn an_account_that_is_closed_lets_nobody_in_and_keeps_its_name() {
    let office = office().await;
    let alice = office.register("alice").await;
    let field = serde_json::json!("Alice");
    office
        .users
        .set_profile_field(&alice.user_id, "displayname", field)
        .await
        .unwrap();
    office.users.deactivate(&alice.user_id, true).await.unwrap();
    assert!(!office.works(&alice).await);
    let refused = office
        .users
        .login(password("alice", "pw"), device("A"))
        .await;
    assert!(matches!(refused, Err(LoginError::Deactivated)));
    assert!(office.users.check_available("alice").await.is_err());
    assert!(office.users.profile(&alice.user_id).await.is_err());
    assert!(office.users.deactivate(&alice.user_id, true).await.is_err());
}
