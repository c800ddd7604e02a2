use std::collections::BTreeMap;

use causeway_store::log::Entry;
use causeway_users::Session;
use causeway_users::sessions::LoggedIn;
use causeway_users::to_device::{MAX_CONTENT_BYTES, Messages, Recipient, ToDeviceError};
use ruma::user_id;
use serde_json::value::RawValue;

use crate::{Office, device, office};

fn session(login: &LoggedIn) -> Session {
    Session {
        user_id: login.user_id.clone(),
        device_id: login.device_id.clone(),
        is_guest: false,
        is_admin: false,
        is_suspended: false,
        is_locked: false,
    }
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

/// What arrives at devices while `work` runs, as user, device and message.
async fn arriving(office: &Office, work: impl Future<Output = ()>) -> Vec<[String; 3]> {
    let mut tail = office.log.tail();
    work.await;
    let mut messages = Vec::new();
    while let Ok(batch) = tail.try_recv() {
        for entry in batch.iter() {
            if let Entry::ToDevice(to) = &entry.entry {
                messages.push([
                    to.user.to_string(),
                    to.device.to_string(),
                    to.message.clone(),
                ]);
            }
        }
    }
    messages.sort();
    messages
}

#[tokio::test]
async fn messages_reach_the_devices_that_exist_once() {
    let office = office().await;
    let alice = office.register("alice").await;
    let bob = office.register("bob").await.user_id;
    office.users.logout_others(&bob, None).await.unwrap();
    for id in ["PHONE", "TABLET"] {
        office.users.begin_session(&bob, device(id)).await.unwrap();
    }
    let to_phone = BTreeMap::from([
        (Recipient::Device("PHONE".into()), raw(r#"{"a":1}"#)),
        (Recipient::Device("GONE".into()), raw("{}")),
    ]);
    let stranger = user_id!("@x:other.org").to_owned();
    let everywhere = BTreeMap::from([(Recipient::AllDevices, raw("{}"))]);
    let messages = Messages::from([(bob.clone(), to_phone), (stranger, everywhere.clone())]);
    let send = |txn_id, messages: Messages| {
        let (users, session) = (office.users.clone(), session(&alice));
        async move {
            users
                .send_to_device(&session, "m.x", txn_id, &messages)
                .await
                .unwrap()
        }
    };
    let arrived = arriving(&office, send("1", messages.clone())).await;
    let message = r#"{"content":{"a":1},"sender":"@alice:example.org","type":"m.x"}"#;
    assert_eq!(
        arrived,
        [[bob.as_str(), "PHONE", message].map(str::to_owned)]
    );
    assert!(
        arriving(&office, send("1", messages)).await.is_empty(),
        "the same transaction"
    );
    let to_all = Messages::from([(bob, everywhere)]);
    let arrived = arriving(&office, send("2", to_all)).await;
    let devices: Vec<&str> = arrived
        .iter()
        .map(|[_, device, _]| device.as_str())
        .collect();
    assert_eq!(devices, ["PHONE", "TABLET"]);
}

#[tokio::test]
async fn contents_have_a_limit() {
    let office = office().await;
    let alice = office.register("alice").await;
    let large = raw(&format!("\"{}\"", "x".repeat(MAX_CONTENT_BYTES)));
    let to_all = BTreeMap::from([(Recipient::AllDevices, large)]);
    let messages = Messages::from([(alice.user_id.clone(), to_all)]);
    let refused = office
        .users
        .send_to_device(&session(&alice), "m.x", "1", &messages)
        .await;
    assert!(matches!(refused, Err(ToDeviceError::TooLarge)));
}
