//! Push rules as clients read and change them.

use causeway_testkit::{TestClient, TestServer, v3};
use serde_json::{Value, json};

fn rule(part: &[&str]) -> String {
    v3(&[&["pushrules", "global", "override"], part].concat())
}

async fn own_rule(alice: &TestClient) {
    let body = json!({
        "actions": ["notify"],
        "conditions": [{"kind": "event_match", "key": "type", "pattern": "org.example.bell"}],
    });
    alice.put(rule(&["bell"]), body).await;
}

#[tokio::test]
async fn places_without_rules_are_refused() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    own_rule(&alice).await;
    let of_kind = alice.get(rule(&[]) + "/").unspecified().await;
    assert_eq!(of_kind[1]["rule_id"], "bell");
    for nowhere in [v3(&["pushrules"]) + "/", rule(&[]) + "/"] {
        let call = alice.put(nowhere, json!({"actions": []})).unspecified();
        call.fails(400, "M_INVALID_PARAM").await;
    }
    for place in [
        v3(&["pushrules", "device", "override", "bell"]),
        v3(&["pushrules", "global"]),
        v3(&["pushrules", "global", "nothing"]) + "/",
        v3(&["pushrules", "global", "override"]),
        rule(&["bell", "colour"]),
    ] {
        let call = alice.get(place).unspecified();
        call.fails(400, "M_INVALID_PARAM").await;
    }
}

#[tokio::test]
async fn rules_are_read_whole_and_one_by_one() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    own_rule(&alice).await;
    let all = alice.get(v3(&["pushrules"]) + "/").await;
    let global = alice.get(v3(&["pushrules", "global"]) + "/").await;
    assert_eq!(all["global"], global);
    let rules = global["override"].as_array().expect("rules");
    let ids: Vec<&Value> = rules.iter().map(|rule| &rule["rule_id"]).collect();
    // One's own stand before the server's, but for the one that silences everything.
    assert_eq!(ids[..2], [".m.rule.master", "bell"]);

    let bell = alice.get(rule(&["bell"])).await;
    assert_eq!(bell, rules[1]);
    let master = alice.get(rule(&[".m.rule.master"])).await;
    assert_eq!(
        (&master["default"], &master["enabled"]),
        (&true.into(), &false.into())
    );
    alice.get(rule(&["none"])).fails(404, "M_NOT_FOUND").await;
}

#[tokio::test]
async fn actions_and_switches_of_rules_are_read_and_set() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    own_rule(&alice).await;
    for id in ["bell", ".m.rule.invite_for_me"] {
        let actions = json!({"actions": ["notify", {"set_tweak": "highlight"}]});
        alice.put(rule(&[id, "actions"]), actions.clone()).await;
        assert_eq!(alice.get(rule(&[id, "actions"])).await, actions);
        assert_eq!(
            alice.get(rule(&[id, "enabled"])).await,
            json!({"enabled": true})
        );
        let off = json!({"enabled": false});
        alice.put(rule(&[id, "enabled"]), off.clone()).await;
        assert_eq!(alice.get(rule(&[id, "enabled"])).await, off);
    }
    for part in ["actions", "enabled"] {
        alice
            .get(rule(&["none", part]))
            .fails(404, "M_NOT_FOUND")
            .await;
    }
    let wrong = alice.put(rule(&["bell", "enabled"]), json!({"enabled": "yes"}));
    wrong.malformed().fails(400, "M_BAD_JSON").await;
}
