use std::collections::BTreeSet;

use super::*;

#[test]
fn a_port_is_one_servers_until_it_is_dropped() {
    // Nobody listens on any of them.
    let ports: Vec<Port> = (0..100).map(|_| Port::take()).collect();
    let numbers: BTreeSet<u16> = ports.iter().map(Port::number).collect();
    assert_eq!(numbers.len(), 100);
    let first = ports[0].number();
    assert!(Port::claim(first).is_none());
    drop(ports);
    assert!(Port::claim(first).is_some());
}
