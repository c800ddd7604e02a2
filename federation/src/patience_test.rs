use ruma::server_name;

use super::*;

#[test]
fn who_does_not_answer_is_asked_ever_more_rarely() {
    let patience = Patience::new();
    let server = server_name!("a.b");
    let mut now_ms = 1_000_000;
    let mut waits = Vec::new();
    for _ in 0..10 {
        assert!(patience.may_ask(server, now_ms));
        patience.note(server, false, now_ms);
        let asked_ms = now_ms;
        while !patience.may_ask(server, now_ms) {
            now_ms += 30_000;
        }
        waits.push((now_ms - asked_ms) / 30_000);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 128, 128]);
    assert!(
        patience.may_ask(server_name!("c.d"), 0),
        "others are not affected"
    );
    patience.note(server, false, now_ms);
    patience.forgive(server);
    assert!(patience.may_ask(server, now_ms));
}

#[test]
fn who_answered_is_left_alone_for_a_while() {
    let patience = Patience::new();
    let server = server_name!("a.b");
    patience.note(server, true, 0);
    patience.forgive(server);
    assert!(
        !patience.may_ask(server, 59_999),
        "an answer is not forgiven"
    );
    assert!(patience.may_ask(server, 60_000));
}
