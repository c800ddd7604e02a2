use serde_json::json;

use super::{Flows, Stage};

fn done(stages: &[&str]) -> Vec<String> {
    stages.iter().map(|&stage| stage.to_owned()).collect()
}

#[test]
fn a_flow_is_passed_when_all_its_stages_are_in_any_order() {
    let flows = Flows::one([Stage::RegistrationToken, Stage::Terms]);
    assert!(!flows.are_passed(&done(&[])));
    assert!(!flows.are_passed(&done(&["m.login.terms"])));
    assert!(flows.are_passed(&done(&["m.login.terms", "m.login.registration_token"])));
}

#[test]
fn stages_of_no_flow_do_not_help() {
    let flows = Flows::one([Stage::Password]);
    assert!(!flows.are_passed(&done(&["m.login.dummy"])));
    assert!(!flows.contain(Stage::Dummy));
}

#[test]
fn names_lead_back_to_stages() {
    for stage in [
        Stage::Dummy,
        Stage::Password,
        Stage::RegistrationToken,
        Stage::Terms,
        Stage::Email,
        Stage::Captcha,
        Stage::Sso,
    ] {
        assert_eq!(Stage::from_name(stage.name()), Some(stage));
    }
    assert_eq!(Stage::from_name("m.login.msisdn"), None);
}

#[test]
fn a_challenge_has_all_that_clients_read() {
    let flows = Flows::one([Stage::Dummy]).with_params(Stage::Dummy, json!({"a": 1}));
    let challenge = flows.challenge("s", Vec::new());
    assert_eq!(
        serde_json::to_value(&challenge).unwrap(),
        json!({
            "session": "s",
            "flows": [{"stages": ["m.login.dummy"]}],
            "params": {"m.login.dummy": {"a": 1}},
            "completed": [],
        })
    );
    let failed = challenge.because("M_FORBIDDEN", "Wrong password");
    let body = serde_json::to_value(&failed).unwrap();
    assert_eq!(body["errcode"], "M_FORBIDDEN");
    assert_eq!(body["error"], "Wrong password");
}
