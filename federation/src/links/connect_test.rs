use std::collections::HashMap;

use ruma::server_name;

use super::super::names::{NameError, Service as Srv, best_first};
use super::*;

/// Names that a test made up.
#[derive(Default)]
struct FixedNames {
    addresses: HashMap<&'static str, Vec<&'static str>>,
    services: HashMap<&'static str, Vec<Srv>>,
}

impl Names for FixedNames {
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, NameError>> {
        let found = self.addresses.get(host);
        let found = found.map(|list| list.iter().map(|it| it.parse().unwrap()).collect());
        Box::pin(async move { found.ok_or_else(|| NameError("no such name".to_owned())) })
    }

    fn services<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Srv>, NameError>> {
        let found = self.services.get(name).cloned().map(best_first);
        Box::pin(async move { found.ok_or_else(|| NameError("no such name".to_owned())) })
    }
}

fn srv(priority: u16, weight: u16, target: &str, port: u16) -> Srv {
    Srv {
        priority,
        weight,
        port,
        target: target.to_owned(),
    }
}

fn connector(purpose: Purpose) -> Connector {
    let mut names = FixedNames::default();
    for (name, addresses) in [
        ("plain.example", vec!["9.9.9.9", "2a00::9"]),
        ("new.example", vec!["9.1.1.1"]),
        ("old.example", vec!["9.2.2.2"]),
        ("t1.example", vec!["9.3.3.1"]),
        ("t2.example", vec!["9.3.3.2"]),
        ("inside.example", vec!["10.0.0.1", "127.0.0.1"]),
        ("mixed.example", vec!["192.168.0.1", "9.4.4.4"]),
    ] {
        names.addresses.insert(name, addresses);
    }
    for (name, services) in [
        (
            "_matrix-fed._tcp.new.example",
            vec![
                srv(20, 0, "t1.example", 1),
                srv(10, 1, "t1.example", 2),
                srv(10, 9, "t2.example", 3),
            ],
        ),
        ("_matrix._tcp.new.example", vec![srv(1, 1, "t1.example", 9)]),
        ("_matrix._tcp.old.example", vec![srv(1, 1, "t1.example", 4)]),
        ("_matrix-fed._tcp.none.example", vec![srv(0, 0, "", 0)]),
        (
            "_matrix-fed._tcp.trap.example",
            vec![srv(0, 0, "inside.example", 22)],
        ),
    ] {
        names.services.insert(name, services);
    }
    let tls = super::super::trust::client_config(&[]).unwrap();
    let policy = AddressPolicy::default();
    Connector::new(purpose, Arc::new(names), policy, Ports::default(), tls)
}

async fn found(name: &str) -> Result<Vec<String>, ConnectError> {
    let name = <&ServerName>::try_from(name).unwrap();
    let found = connector(Purpose::Federation).addresses(name).await?;
    Ok(found.iter().map(ToString::to_string).collect())
}

#[tokio::test]
async fn addresses_come_in_the_order_of_the_specification() {
    for (name, expected) in [
        // 1: literals
        ("9.9.9.9", vec!["9.9.9.9:8448"]),
        ("9.9.9.9:80", vec!["9.9.9.9:80"]),
        ("[2a00::9]", vec!["[2a00::9]:8448"]),
        ("[2a00::9]:81", vec!["[2a00::9]:81"]),
        // 2: a port, whatever SRV records say
        ("new.example:82", vec!["9.1.1.1:82"]),
        // 4: SRV, by priority and weight
        ("new.example", vec!["9.3.3.2:3", "9.3.3.1:2", "9.3.3.1:1"]),
        // 5: the deprecated SRV
        ("old.example", vec!["9.3.3.1:4"]),
        // 6: port 8448
        ("plain.example", vec!["9.9.9.9:8448", "[2a00::9]:8448"]),
        ("mixed.example", vec!["9.4.4.4:8448"]),
    ] {
        assert_eq!(found(name).await.unwrap(), expected, "{name}");
    }
}

#[tokio::test]
async fn addresses_behind_the_firewall_are_not_reached() {
    for name in [
        "inside.example",
        "inside.example:1",
        "127.0.0.1",
        "[::1]:2",
        "[::ffff:10.0.0.1]",
        "trap.example",
    ] {
        let refused = found(name).await;
        assert!(
            matches!(refused, Err(ConnectError::Forbidden)),
            "{name}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn names_that_lead_nowhere_say_so() {
    for name in ["nobody.example", "none.example", "nobody.example:1"] {
        let refused = found(name).await;
        assert!(
            matches!(refused, Err(ConnectError::NoAddress(_))),
            "{name}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn web_pages_have_no_services() {
    let found = connector(Purpose::Web)
        .addresses(server_name!("new.example"))
        .await;
    assert_eq!(found.unwrap(), ["9.1.1.1:443".parse().unwrap()]);
}

#[tokio::test]
async fn the_first_address_that_answers_wins() {
    let open = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shut = {
        let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        gone.local_addr().unwrap()
    };
    let stream = race(vec![shut, open.local_addr().unwrap()]).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), open.local_addr().unwrap());
    assert!(matches!(
        race(vec![shut]).await,
        Err(ConnectError::Unreachable(_))
    ));
    assert!(matches!(
        race(Vec::new()).await,
        Err(ConnectError::Unreachable(_))
    ));
}
