use serde_json::{Map, Value, json};

use crate::{SsoError, Template, cas};

fn claims(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn a_name_is_made_of_claims() {
    let fill = |template: &str, value: Value| Template::parse(template)?.fill(&claims(value));
    assert_eq!(fill("{name}", json!({"name": " Alice "})).unwrap(), "Alice");
    let both = json!({"a": "x", "b": 7});
    assert_eq!(fill("u-{a}.{b}!", both).unwrap(), "u-x.7!");
    for missing in [
        json!({}),
        json!({"a": ""}),
        json!({"a": null}),
        json!({"a": ["x"]}),
    ] {
        assert_eq!(fill("{a}", missing.clone()), None, "{missing}");
    }
    assert_eq!(fill("{a}", json!({"a": "x".repeat(257)})), None);
    for broken in ["", "everybody", "{}", "{a", "a}", "{a{b}}", "}{a}"] {
        assert_eq!(Template::parse(broken), None, "{broken}");
    }
}

#[test]
fn a_cas_server_says_who_it_is() {
    let answer = "<cas:serviceResponse xmlns:cas=\"http://www.yale.edu/tp/cas\">\
        <cas:authenticationSuccess><cas:user> alice </cas:user><cas:attributes>\
        <cas:name>Alice &amp; Co</cas:name><cas:group>a</cas:group><cas:group>b</cas:group>\
        </cas:attributes></cas:authenticationSuccess></cas:serviceResponse>";
    let (user, found) = cas::read(answer).unwrap();
    assert_eq!(user, "alice");
    let expected = json!({"user": "alice", "name": "Alice & Co", "group": "a"});
    assert_eq!(found, claims(expected));
    let failure = "<cas:serviceResponse xmlns:cas='http://www.yale.edu/tp/cas'>\
        <cas:authenticationFailure code='INVALID_TICKET'>no</cas:authenticationFailure>\
        <cas:authenticationSuccess><cas:user>alice</cas:user></cas:authenticationSuccess>\
        </cas:serviceResponse>";
    assert!(matches!(cas::read(failure), Err(SsoError::Denied(code)) if code == "INVALID_TICKET"));
    for nonsense in [
        "",
        "yes\nalice\n",
        "<html/>",
        "<serviceResponse><authenticationSuccess><user>alice</user></authenticationSuccess></serviceResponse>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><cas:serviceResponse xmlns:cas='http://www.yale.edu/tp/cas'/>",
        "<cas:serviceResponse xmlns:cas='http://www.yale.edu/tp/cas'/>",
    ] {
        assert!(
            matches!(cas::read(nonsense), Err(SsoError::Nonsense(_))),
            "{nonsense}"
        );
    }
}
