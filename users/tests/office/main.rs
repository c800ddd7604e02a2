//! The office on a real database.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod authentication;
mod own_data;
mod people;
mod registering;
mod staying_logged_in;
mod to_device;

use std::net::{IpAddr, Ipv4Addr};

use causeway_store::{Clock, DatabaseSettings, Log, Store};
use causeway_testkit::TestDatabase;
use causeway_users::registration::{RegisterWish, Registered};
use causeway_users::secret::Secret;
use causeway_users::sessions::{DeviceWish, LoggedIn};
use causeway_users::uia::{Challenge, Stage};
use causeway_users::{Users, UsersSettings};
use ruma::api::client::uiaa::AuthData;
use ruma::server_name;
use serde_json::{Value, json};

pub const IP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
pub const START_MS: u64 = 1_700_000_000_000;

/// An office with a database and a clock of its own.
pub struct Office {
    pub users: Users,
    pub store: Store,
    pub log: Log,
    pub clock: Clock,
    _database: TestDatabase,
}

pub async fn office() -> Office {
    office_with(|_| {}).await
}

pub async fn office_with(change: impl FnOnce(&mut UsersSettings)) -> Office {
    let database = TestDatabase::create().await;
    let settings = DatabaseSettings::from_url(&database.url(), 4).unwrap();
    let store = Store::connect(&settings).await.unwrap();
    let (log, _) = Log::start(&store).await.unwrap();
    let clock = Clock::manual(START_MS);
    let mut settings = UsersSettings::for_tests(server_name!("example.org").to_owned());
    change(&mut settings);
    let users = Users::new(store.clone(), log.clone(), clock.clone(), settings);
    Office {
        users,
        store,
        log,
        clock,
        _database: database,
    }
}

pub fn auth(data: Value) -> AuthData {
    serde_json::from_value(data).unwrap()
}

pub fn wish(name: &str, password: &str) -> RegisterWish {
    RegisterWish {
        username: Some(name.to_owned()),
        password: Some(Secret::new(password)),
        ..RegisterWish::default()
    }
}

pub fn device(id: &str) -> DeviceWish {
    DeviceWish {
        device_id: Some(id.into()),
        ..DeviceWish::default()
    }
}

pub fn challenge(registered: Registered) -> Challenge {
    match registered {
        Registered::Challenged(challenge) => challenge,
        Registered::Done { .. } => panic!("no stage was asked for"),
    }
}

pub fn done(registered: Registered) -> LoggedIn {
    match registered {
        Registered::Done {
            login: Some(login), ..
        } => login,
        other => panic!("no login: {other:?}"),
    }
}

impl Office {
    /// Registers somebody with the password `pw`, in one step.
    pub async fn register(&self, name: &str) -> LoggedIn {
        let dummy = auth(json!({ "type": Stage::Dummy.name() }));
        done(
            self.users
                .register(wish(name, "pw"), Some(&dummy))
                .await
                .unwrap(),
        )
    }

    /// Whether an access token works.
    pub async fn works(&self, login: &LoggedIn) -> bool {
        self.users
            .authenticate(login.tokens.access.expose(), IP.into())
            .await
            .is_ok()
    }
}
